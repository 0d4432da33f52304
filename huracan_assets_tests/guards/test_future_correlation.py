"""A leak's knowledge of the future ends at a cliff; an edge's fades, however strong it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from huracan_assets.features.compute import compute_features, decision_bars
from huracan_assets.guards.future_correlation import CLIFF_SHARE, future_correlation
from huracan_assets.market.contract import to_candles
from huracan_assets_tests.guards.leaky_features import (
    AS_OF,
    CLEAN,
    CORRELATION_MAX,
    HORIZON,
    LEAKS,
    PRICE,
    Array,
    N,
    ahead,
    average,
    flow,
    trailing,
    walk,
)


def caught(columns: Mapping[str, Array], price: Array = PRICE, proven: bool = False) -> set[str]:
    names, values = list(columns), np.stack(list(columns.values()), axis=1)
    n = len(price)
    found = future_correlation(names, values[:n], AS_OF[:n], price, HORIZON, CORRELATION_MAX, names if proven else ())
    assert all(finding.figure > finding.bound and finding.subject in finding.sentence for finding in found)
    return {finding.subject for finding in found}


def test_the_clean_features_of_a_walk_raise_no_alarm() -> None:
    assert caught(CLEAN) == set()


@pytest.mark.parametrize("name", sorted(LEAKS))
def test_a_leak_is_caught_though_it_were_called_proven(name: str) -> None:
    assert caught({name: LEAKS[name]}, proven=True) == {name}


def test_noise_raises_no_alarm_in_a_hundred_markets_of_any_length() -> None:
    for seed in range(100):
        rng = np.random.default_rng(seed)
        columns = {f"slow {k}": np.cumsum(rng.standard_normal(N)) for k in range(3)}
        columns |= {f"fast {k}": rng.standard_normal(N) for k in range(3)}
        n = int(rng.integers(50, N))
        assert caught(columns, walk(seed + 1000)[:n]) == set()


@pytest.mark.parametrize("edge", [0.08, 0.3, 0.6, 1.0])
def test_a_proven_feature_may_have_a_true_edge_of_any_strength(edge: float) -> None:
    x, price = flow(8, edge)
    noisy = x + np.random.default_rng(9).standard_normal(N)
    columns = {"flow": x, "noisy": noisy, "slow": average(x, 16), "momentum": trailing(price, 8)}
    assert caught(columns, price, proven=True) == set()


def test_a_strong_edge_that_is_not_proven_counts_as_a_leak() -> None:
    x, price = flow(8, 0.3)
    assert caught({"flow": x}, price) == {"flow"}
    assert caught({"flow": x}, flow(8, 0.08)[1]) == set()


def test_a_leak_in_a_market_with_an_edge_is_still_a_cliff() -> None:
    x, price = flow(3, 0.6)
    columns = {"shift": ahead(trailing(price, 1), 1), "far": ahead(trailing(price, 4), 4), "flow": x}
    assert caught(columns, price, proven=True) == {"shift", "far"}


def test_a_leak_that_fades_is_caught_unless_it_is_proven() -> None:
    """The discounted mean of all that comes looks like a predictor: it takes a recomputation to tell."""
    returns, fading = np.append(np.diff(PRICE), 0.0), np.zeros(N)
    for i in range(N - 2, -1, -1):
        fading[i] = 0.9 * fading[i + 1] + returns[i]
    assert caught({"fading": fading}) == {"fading"}
    assert caught({"fading": fading}, proven=True) == set()


def test_the_figure_is_the_height_of_the_cliff() -> None:
    (finding,) = future_correlation(
        ["far"], ahead(trailing(PRICE, 4), 4)[:, None], AS_OF, PRICE, HORIZON, CORRELATION_MAX
    )
    assert "bar 4 ahead" in finding.sentence
    assert finding.figure == pytest.approx(0.5, abs=0.05)
    assert finding.bound == pytest.approx(CLIFF_SHARE * CORRELATION_MAX)


def test_real_features_are_clean_and_their_shifted_twins_are_not(shared: Path) -> None:
    last, days = date(2023, 2, 28), 40
    span = pl.col("ts").dt.date().is_between(last - timedelta(days=days + 3), last)
    folder = shared / "data" / "candles_1m_2023"
    coin, benchmark = (
        to_candles(pl.scan_parquet(folder / f"{name}-USDT.parquet").filter(span).collect().sort("ts"))
        for name in ("SOL", "BTC")
    )
    frames = [compute_features(last - timedelta(days=back), coin, benchmark, None) for back in range(days)[::-1]]
    bars = decision_bars(pl.concat(frames), 15)
    close = coin.select(pl.col("known_at").alias("as_of"), price=pl.col("close").log())
    price = bars.join(close, on="as_of", how="left", maintain_order="left")["price"].to_numpy()
    as_of = bars["as_of"].dt.replace_time_zone(None).to_numpy()
    names = bars.columns[1:]
    values = bars.select(names).cast(pl.Float64).fill_null(np.nan).to_numpy()
    assert future_correlation(names, values, as_of, price, HORIZON, CORRELATION_MAX) == []
    shifted = np.concatenate([values[1:], values[-1:]])
    found = future_correlation(names, shifted, as_of, price, HORIZON, CORRELATION_MAX, names)
    assert {finding.subject for finding in found} >= {
        "ret_15",
        "ret_60",
        "rsi_14",
        "macd",
        "bb_position",
        "mean_rev",
        "vwap_distance",
    }
