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


def test_every_bar_stands_in_order_and_those_with_both_sides_have_a_label() -> None:
    ts = training_set(BARS.reverse(), OUTCOMES.reverse())
    assert ts.as_of.dtype == ts.label_end.dtype == np.dtype("datetime64[us]")
    plain = np.datetime64("2025-01-01T00:00", "m")
    assert ((ts.as_of - plain) / np.timedelta64(1, "m")).tolist() == [15, 30, 45, 60]
    assert ((ts.label_end[:2] - plain) / np.timedelta64(1, "m")).tolist() == [70, 95]
    assert np.isnat(ts.label_end[2:]).all()
    assert ts.labelled.tolist() == [True, True, False, False]
    assert ts.names == ("calm", "loud")
    assert ts.features.dtype == np.float32
    np.testing.assert_array_equal(ts.features, np.array([[0.5, 1], [np.nan, 2], [1.5, 3], [2.5, 4]], np.float32))
    nothing = [[np.nan, np.nan]] * 2
    np.testing.assert_array_equal(ts.net_bps, [[3.0, -3.0], [0.0, 4.0], *nothing])
    np.testing.assert_array_equal(ts.gross_bps, [[10.0, 4.0], [7.0, 11.0], *nothing])
    np.testing.assert_array_equal(ts.cost_bps, [[7.0, 7.0], [7.0, 7.0], *nothing])
    assert ts.uniqueness.tolist() == [0.5, 0.25, 0.0, 0.0]
    assert ts.teachable.tolist() == [True, False, False, False]
    assert ts.won.tolist() == [[True, False], [False, True], [False, False], [False, False]]


def test_what_cannot_be_learned_from_is_refused() -> None:
    with pytest.raises(ContractError, match="no features"):
        training_set(BARS.with_columns(symbol=pl.lit("BTC-USDT")), OUTCOMES)
    with pytest.raises(ContractError, match="twice"):
        training_set(pl.concat([BARS, BARS]), OUTCOMES)
    for none in (OUTCOMES.filter(pl.col("side") == 1), OUTCOMES.clear()):
        with pytest.raises(ContractError, match=r"refused every order .* or the window is shorter than the"):
            training_set(BARS, none)
