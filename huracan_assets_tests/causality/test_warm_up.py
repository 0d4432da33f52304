"""A feature remembers as far as it declares: history that begins 1, 2 or 5 warm-ups earlier gives the same values."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl
import pytest

from huracan_assets.days import DAY, MINUTE, MINUTES_PER_DAY, midnight
from huracan_assets.features import compute
from huracan_assets.features.recipe import RECIPE, WARM_UP_DAYS
from huracan_assets.features.window import Window
from huracan_assets_tests.features.random_market import DAY_OF_TEST, candles, funding

TIMES = (1, 2, 5)
RELATIVE = 1e-6
LONGEST = max(feature.warm_up_minutes for feature in RECIPE)
HISTORY_DAYS = -(-(TIMES[-1] + 1) * LONGEST // MINUTES_PER_DAY)
FIRST = DAY_OF_TEST - HISTORY_DAYS * DAY


@cache
def history() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    days = HISTORY_DAYS + 1
    return candles(3, FIRST, days), candles(99, FIRST, days), funding(FIRST, days)


def window(minutes: int) -> Window:
    """The day's window with so many minutes of history before midnight, on a grid that reaches far enough back."""
    start = midnight(DAY_OF_TEST) - minutes * MINUTE
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compute, "WARM_UP_DAYS", HISTORY_DAYS)
        own, benchmark, events = (frame.filter(pl.col("ts") >= start) for frame in history())
        return compute.day_window(DAY_OF_TEST, own, benchmark, events)


@pytest.mark.parametrize("minutes", sorted({feature.warm_up_minutes for feature in RECIPE}))
def test_more_history_than_declared_changes_nothing(minutes: int) -> None:
    declared = window(minutes)
    longer = {times: window((1 + times) * minutes) for times in TIMES}
    for feature in RECIPE:
        if feature.warm_up_minutes != minutes:
            continue
        with np.errstate(invalid="ignore"):
            short = feature.compute(declared)[declared.first_row :]
            for times, other in longer.items():
                long = feature.compute(other)[other.first_row :]
                np.testing.assert_array_equal(np.isnan(short), np.isnan(long), err_msg=feature.name)
                size = np.nanmax(np.abs(long), initial=1e-6)
                bound = RELATIVE * np.maximum(np.abs(long), 1e-2 * size)
                worst = np.nanmax(np.abs(short - long) / bound, initial=0.0)
                assert worst <= 1.0, f"{feature.name}: {worst:.1f} millionths, {times} warm-ups earlier"


def test_no_warm_up_is_longer_than_what_the_engine_reads() -> None:
    assert LONGEST <= WARM_UP_DAYS * MINUTES_PER_DAY
