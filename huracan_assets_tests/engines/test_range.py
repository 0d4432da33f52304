"""The range engine's rule, case by case."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import pytest

from huracan_assets.engines.range import NEEDS, fade

LOW = {"mean_rev": -1.0, "compression": 1.0, "bb_width": 0.0, "price_position": 0.0, "vol_regime": 0.0}
HIGH = {**LOW, "mean_rev": 1.0, "price_position": 1.0}
CALM = {"p_trend": 0.0, "p_range": 1.0, "p_panic": 0.0}


def say(feature: Mapping[str, float | None], regime: dict[str, float] = CALM) -> tuple[int, float]:
    signal = fade(pl.DataFrame([feature], schema=dict.fromkeys(NEEDS, pl.Float32())), pl.DataFrame([regime]))
    return int(signal.side[0]), float(signal.confidence[0])


def test_extremes_are_faded() -> None:
    assert say(LOW) == pytest.approx((1, 1.0))
    assert say(HIGH) == pytest.approx((-1, 1.0))


@pytest.mark.parametrize(
    "plain", [{"mean_rev": -0.49}, {"price_position": 0.26}, {"vol_regime": 0.91}, {"mean_rev": 0.9}]
)
def test_the_middle_a_wild_market_and_a_contradiction_are_left_alone(plain: dict[str, float]) -> None:
    assert say({**LOW, **plain}) == (0, 0.0)


@pytest.mark.parametrize("name", NEEDS)
def test_an_unknown_feature_silences_it(name: str) -> None:
    assert say({**LOW, name: None}) == (0, 0.0)


def test_confidence_is_the_mean_of_its_five_parts() -> None:
    feature = {
        "mean_rev": -0.75,
        "compression": 0.2,
        "bb_width": 100.0,
        "price_position": 0.125,
        "vol_regime": 0.6,
    }
    assert say(feature)[1] == pytest.approx((0.5 + 0.5 + 0.4 + 0.2 + 0.5) / 5, rel=1e-6)
