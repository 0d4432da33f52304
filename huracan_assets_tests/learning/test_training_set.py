"""The training set pairs each bar with both of its outcomes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from huracan_assets.errors import ContractError
from huracan_assets.learning.training_set import training_set

START = datetime(2025, 1, 1, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")


def at(*minutes: int) -> pl.Series:
    return pl.Series([START + timedelta(minutes=m) for m in minutes], dtype=TIME)


BARS = pl.DataFrame(
    {
        "as_of": at(15, 30, 45, 60),
        "calm": pl.Series([0.5, None, 1.5, 2.5], dtype=pl.Float32),
        "loud": pl.Series([1, 2, 3, 4], dtype=pl.Float64),
    }
)
OUTCOMES = pl.DataFrame(
    {
        "as_of": at(15, 15, 30, 30, 60),
        "side": pl.Series([1, -1, 1, -1, 1], dtype=pl.Int8),
        "exit_at": at(40, 70, 95, 50, 99),
        "net_bps": [3.0, -3.0, 0.0, 4.0, 9.0],
        "gross_bps": [10.0, 4.0, 7.0, 11.0, 16.0],
        "cost_bps": [7.0, 7.0, 7.0, 7.0, 7.0],
        "uniqueness": [0.5, 0.5, 0.25, 0.25, 1.0],
        "crosses_unknown": [False, False, False, True, False],
    }
)


def test_only_bars_with_both_sides_enter_and_stand_in_order() -> None:
    ts = training_set(BARS.reverse(), OUTCOMES.reverse())
    assert len(ts) == 2
    assert ts.as_of.dtype == np.dtype("datetime64[us]")
    assert ts.as_of.tolist() == [datetime(2025, 1, 1, 0, 15), datetime(2025, 1, 1, 0, 30)]  # noqa: DTZ001
    assert ts.label_end.tolist() == [datetime(2025, 1, 1, 1, 10), datetime(2025, 1, 1, 1, 35)]  # noqa: DTZ001
    assert ts.names == ("calm", "loud")
    assert ts.features.dtype == np.float32
    np.testing.assert_array_equal(ts.features, np.array([[0.5, 1], [np.nan, 2]], np.float32))
    assert ts.net_bps.tolist() == [[3.0, -3.0], [0.0, 4.0]]
    assert ts.gross_bps.tolist() == [[10.0, 4.0], [7.0, 11.0]]
    assert ts.uniqueness.tolist() == [0.5, 0.25]
    assert ts.teachable.tolist() == [True, False]
    assert ts.won.tolist() == [[True, False], [False, True]]


def test_what_cannot_be_learned_from_is_refused() -> None:
    with pytest.raises(ContractError, match="no features"):
        training_set(BARS.with_columns(symbol=pl.lit("BTC-USDT")), OUTCOMES)
    with pytest.raises(ContractError, match="twice"):
        training_set(pl.concat([BARS, BARS]), OUTCOMES)
    with pytest.raises(ContractError, match="complete outcome"):
        training_set(BARS, OUTCOMES.filter(pl.col("side") == 1))
