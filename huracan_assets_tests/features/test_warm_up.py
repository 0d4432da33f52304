"""Each feature's declared warm-up is true: what lies before it changes nothing, and without it nothing is made up.

`causality/test_warm_up.py` proves the same of windows that begin up to five warm-ups earlier; here every optional input
is there, and the warm-up is also taken away.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl
import pytest

from huracan_assets.days import MINUTE, midnight
from huracan_assets.features.compute import day_window
from huracan_assets.features.declaration import Feature
from huracan_assets.features.optional_inputs import OPTIONAL_ASSETS, OptionalInputs
from huracan_assets.features.recipe import RECIPE
from huracan_assets.features.window import Window
from huracan_assets_tests.causality.markets import made_day
from huracan_assets_tests.features.random_market import DAY_OF_TEST


@cache
def window(minutes: int | None) -> Window:
    """The day's window with so many minutes of history before midnight; with all three days of it for None."""
    begin = midnight(DAY_OF_TEST) - (10**6 if minutes is None else minutes) * MINUTE

    def since(frame: pl.DataFrame | None) -> pl.DataFrame | None:
        return None if frame is None else frame.filter(pl.col("ts") >= begin)

    own, benchmark, funding, more = made_day().market
    cut = OptionalInputs(**{name: since(getattr(more, name)) for name in OPTIONAL_ASSETS})
    return day_window(DAY_OF_TEST, own.filter(pl.col("ts") >= begin), since(benchmark), since(funding), cut)


def values(feature: Feature, of: Window) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    with np.errstate(invalid="ignore"):
        return feature.compute(of)[of.first_row :]


@pytest.mark.parametrize("feature", RECIPE, ids=lambda feature: feature.name)
def test_history_before_the_declared_warm_up_changes_nothing(feature: Feature) -> None:
    short, long = values(feature, window(feature.warm_up_minutes)), values(feature, window(None))
    assert np.count_nonzero(~np.isnan(long)) > long.size / 2
    size = 1e-6 * float(np.nanmax(np.abs(long)))
    np.testing.assert_allclose(short, long, rtol=1e-6, atol=1e-2 * size)


def test_without_any_history_values_come_one_after_the_other_and_those_that_come_stay_within_their_range() -> None:
    for feature in RECIPE:
        made = values(feature, window(0))
        known = made[~np.isnan(made)]
        assert np.isfinite(known).all(), feature.name
        assert ((feature.low <= known) & (known <= feature.high)).all(), feature.name


def test_a_window_speaks_from_half_of_its_minutes_on() -> None:
    began = {feature.name: np.flatnonzero(~np.isnan(values(feature, window(0)))) for feature in RECIPE}
    present = window(0).grid.present[window(0).first_row :]
    assert present[:130].sum() > 125  # few of them are missing
    for name, minutes in (("realised_vol_240", 120), ("realised_vol_60", 30), ("bb_width", 10), ("rsi_14", 14)):
        assert minutes - 1 <= began[name][0] <= minutes + 5, name
    assert began["htf"][0] == 239  # at least four closed bars in two of its time frames
