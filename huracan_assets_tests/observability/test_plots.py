"""Every plot, drawn on realistic numbers and on none, and read back as the picture it is."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from huracan_assets.observability import plots
from huracan_assets.observability.canvas import WIDTH_PX

START = np.datetime64("2026-01-01T00:00", "us")
MINUTE = np.timedelta64(1, "m")
NOTHING = np.empty(0)
NO_TIMES = np.empty(0, dtype="datetime64[us]")


def minutes(count: int, step: int = 1) -> np.ndarray:
    return START + np.arange(count) * step * MINUTE


def equity() -> str:
    rng = np.random.default_rng(1)
    return plots.equity_and_drawdown(minutes(900, 200), np.cumsum(rng.normal(1, 30, 900)))


def reliability() -> str:
    rng = np.random.default_rng(2)
    said = rng.beta(8, 8, 4000)
    return plots.reliability_diagram(said, rng.random(4000) < said**1.1)


def drift() -> str:
    rng = np.random.default_rng(3)
    names = [f"feature_{i}" for i in range(50)]
    return plots.drift_bars(names, rng.gamma(1, 0.05, 50), rng.uniform(0.03, 0.06, 50), 0.2)


def gates() -> str:
    rows: list[dict[str, Any]] = [
        {"gate": "sharpe", "value": 1.42, "bound": 1.0, "margin": 0.42, "passed": True},
        {"gate": "win_rate", "value": 0.47, "bound": 0.5, "margin": -0.06, "passed": False},
        {"gate": "trades", "value": 412, "bound": 100, "margin": 3.12, "passed": True},
        {"gate": "live_sharpe_share", "value": None, "bound": 0.7, "margin": None, "passed": False},
    ]
    return plots.gate_margins(rows)


def price() -> str:
    rng = np.random.default_rng(4)
    ts = minutes(1440)
    kept = np.ones(1440, dtype=bool)
    kept[300:340] = kept[900] = False
    close = 60_000 * np.exp(np.cumsum(rng.normal(0, 5e-4, 1440)))
    return plots.price_and_volume(ts[kept], close[kept], rng.gamma(2, 5, 1440)[kept], ts[~kept])


def heatmap() -> str:
    values = np.cumsum(np.random.default_rng(5).normal(0, 0.1, (40, 200)), axis=1)
    values[3, :50] = np.nan
    return plots.feature_heatmap([f"feature_{i}" for i in range(40)], values, minutes(200, 15))


def regimes() -> str:
    rng = np.random.default_rng(6)
    kinds = np.repeat(rng.choice(["TREND", "RANGE", "PANIC"], 60, p=[0.3, 0.6, 0.1]), 96)
    return plots.regime_ribbon(minutes(5760, 15), kinds.tolist(), 100 + np.cumsum(rng.normal(0, 0.3, 5760)))


def training() -> str:
    steps = np.arange(1, 33) * 4096
    return plots.training_curve(steps, {"approx_kl": 0.02 / np.sqrt(steps), "explained_variance": 1 - 1e3 / steps})


def gain() -> str:
    weights = np.random.default_rng(7).gamma(0.5, 1, 60)
    return plots.importance([f"feature_{i}" for i in range(60)], weights)


def stress() -> str:
    names = ["flash_crash", "fees_doubled", "liquidity_gone", "feed_late"]
    return plots.stress_bars(names, np.array([0.12, 0.05, 0.09, 0.26]), 0.225)


def permutation() -> str:
    return plots.permutation_histogram(np.random.default_rng(8).normal(0, 0.7, 2000), 1.9)


PLOTS = [equity, reliability, drift, gates, price, heatmap, regimes, training, gain, stress, permutation]


def picture(markdown: str) -> Image.Image:
    found = re.fullmatch(r"!\[[^\]\n]+\]\(data:image/png;base64,([A-Za-z0-9+/=]+)\)", markdown)
    assert found, markdown[:80]
    return Image.open(io.BytesIO(base64.b64decode(found[1])))


@pytest.mark.parametrize("draw", PLOTS)
def test_a_plot_is_a_small_picture_of_700_pixels_that_shows_something(draw: Callable[[], str]) -> None:
    markdown = draw()
    assert len(markdown) < 60_000
    image = picture(markdown)
    assert image.width == WIDTH_PX
    colours = image.convert("RGB").getcolors(256)
    assert colours is not None
    assert len(colours) > 4
    background = max(colours)
    assert background[0] < 0.99 * image.width * image.height


@pytest.mark.parametrize("draw", PLOTS)
def test_the_same_numbers_give_the_same_bytes(draw: Callable[[], str]) -> None:
    assert draw() == draw()


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.equity_and_drawdown(NO_TIMES, NOTHING),
        lambda: plots.reliability_diagram(NOTHING, NOTHING),
        lambda: plots.drift_bars([], NOTHING, NOTHING, 0.2),
        lambda: plots.gate_margins([]),
        lambda: plots.price_and_volume(NO_TIMES, NOTHING, NOTHING, NO_TIMES),
        lambda: plots.feature_heatmap([], np.empty((0, 0)), NO_TIMES),
        lambda: plots.regime_ribbon(NO_TIMES, []),
        lambda: plots.training_curve(np.empty(0), {"loss": NOTHING}),
        lambda: plots.importance([], NOTHING),
        lambda: plots.stress_bars([], NOTHING, 0.2),
        lambda: plots.permutation_histogram(NOTHING, 1.0),
    ],
)
def test_nothing_to_draw_is_said(draw: Callable[[], str]) -> None:
    assert re.fullmatch(r"_no [a-z ]+_", draw())


def test_a_group_has_a_line_of_its_own_beside_that_of_all() -> None:
    rng = np.random.default_rng(9)
    said = rng.beta(8, 8, 4000)
    happened, inside = rng.random(4000) < said, np.arange(4000) < 1500
    alone = plots.reliability_diagram(said, happened)
    grouped = plots.reliability_diagram(said, happened, {"TREND": inside, "RANGE": ~inside})
    other = plots.reliability_diagram(said, happened, {"TREND": ~inside, "RANGE": inside})
    assert len({alone, grouped, other}) == 3
    assert picture(grouped).size == picture(alone).size


def test_one_trade_and_one_bar_can_be_drawn() -> None:
    drawn = [
        plots.equity_and_drawdown(minutes(1), np.array([-12.0])),
        plots.regime_ribbon(minutes(1), ["PANIC"]),
        plots.reliability_diagram(np.array([1.0]), np.array([True])),
        plots.feature_heatmap(["one"], np.zeros((1, 1)), minutes(1)),
        plots.training_curve(np.array([1]), {"loss": np.array([0.5])}),
    ]
    assert all(len(set(picture(one).convert("L").tobytes())) > 1 for one in drawn)  # none is blank


def red_share(markdown: str) -> float:
    """The share of pixels near the red of a failure."""
    pixels = np.asarray(picture(markdown).convert("RGB"), dtype=int)
    distance = np.abs(pixels - np.array([0xBF, 0x39, 0x45])).sum(axis=2)
    return float((distance < 40).mean())


def test_a_failed_gate_is_red_and_a_passed_one_is_not() -> None:
    row = {"gate": "sharpe", "value": 0.5, "bound": 1.0, "margin": -0.5, "passed": False}
    assert red_share(plots.gate_margins([row])) > 0.02
    assert red_share(plots.gate_margins([{**row, "margin": 0.5, "passed": True}])) == 0


def test_missing_minutes_leave_a_gap_and_a_mark() -> None:
    ts, kept = minutes(300), np.ones(300, dtype=bool)
    whole = plots.price_and_volume(ts, np.ones(300), np.ones(300), NO_TIMES)
    kept[100:200] = False
    broken = plots.price_and_volume(ts[kept], np.ones(200), np.ones(200), ts[~kept])

    def blue(markdown: str) -> int:
        pixels = np.asarray(picture(markdown).convert("RGB"), dtype=int)
        return int((np.abs(pixels - np.array([0x25, 0x63, 0xAB])).sum(axis=2) < 60).sum())

    assert blue(broken) == pytest.approx(2 / 3 * blue(whole), rel=0.05)
