"""The trend engine's rule, case by case."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import pytest

from huracan_assets.engines.trend import NEEDS, trend
from huracan_assets.errors import ContractError

UP = {"trend_str": 0.5, "ema_slope": 1.0, "momentum_slope": 3.0, "htf": 0.9, "adx": 50.0}
CALM = {"p_trend": 1.0, "p_range": 0.0, "p_panic": 0.0}


def say(feature: Mapping[str, float | None], regime: dict[str, float] = CALM) -> tuple[int, float]:
    signal = trend(pl.DataFrame([feature], schema=dict.fromkeys(NEEDS, pl.Float32())), pl.DataFrame([regime]))
    return int(signal.side[0]), float(signal.confidence[0])


def test_a_plain_trend_is_followed_with_full_confidence_either_way() -> None:
    assert say(UP) == pytest.approx((1, 1.0))
    down = {"trend_str": -0.5, "ema_slope": -1.0, "momentum_slope": -3.0, "htf": 0.1, "adx": 50.0}
    assert say(down) == pytest.approx((-1, 1.0))


@pytest.mark.parametrize(
    "weak", [{"ema_slope": -0.1}, {"momentum_slope": -0.1}, {"htf": 0.4}, {"adx": 19.0}, {"trend_str": 0.0}]
)
def test_anything_out_of_line_silences_it(weak: dict[str, float]) -> None:
    assert say({**UP, **weak}) == (0, 0.0)


@pytest.mark.parametrize("name", NEEDS)
def test_an_unknown_feature_silences_it(name: str) -> None:
    assert say({**UP, name: None}) == (0, 0.0)


def test_the_regime_scales_the_confidence_and_a_panic_ends_it() -> None:
    assert say(UP, {"p_trend": 0.2, "p_range": 0.6, "p_panic": 0.2})[1] == pytest.approx(0.5)
    assert say(UP, {"p_trend": 0.0, "p_range": 0.0, "p_panic": 1.0})[1] == 0.0


def test_an_absent_column_is_named() -> None:
    with pytest.raises(ContractError, match="engine trend needs adx"):
        trend(pl.DataFrame([UP]).drop("adx"), pl.DataFrame([CALM]))
