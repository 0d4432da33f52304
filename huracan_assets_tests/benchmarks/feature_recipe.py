"""How fast the recipe is: over 150 days of real minutes at once, against pandas and TA-Lib; a day; 150 days by day.

One thread. The window of 216,000 minutes is ETH of 2023 with BTC as its benchmark, dense in memory; optional inputs are
absent on both sides and not counted. The pandas peer is the oracle of the tests, the TA-Lib peer has what TA-Lib has.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import polars as pl

from huracan_assets.days import DAY, days_between, midnight
from huracan_assets.features.compute import RATE, compute_features, compute_window, sound
from huracan_assets.features.events import Events
from huracan_assets.features.recipe import RECIPE, WARM_UP_DAYS
from huracan_assets.features.window import Window
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets.market.grid import VALUES, MinuteGrid
from huracan_assets_tests.benchmarks.harness import benchmark, measure_process, seconds
from huracan_assets_tests.features.pandas_recipe import PandasRecipe
from huracan_assets_tests.features.pandas_windows import frame_of, funding_of
from huracan_assets_tests.features.talib_recipe import TALIB_FEATURES, talib_features
from huracan_assets_tests.real_candles import SPOT_2023

SYMBOL, BENCHMARK = "ETH-USDT", "BTC-USDT"
FIRST, LAST = date(2023, 2, 1), date(2023, 6, 30)  # 150 days
MINUTES = 216_000
OPTIONAL = ("perpetual.", "order_books.", "open_interest.", "sentiment.")
PLAIN = tuple(feature.name for feature in RECIPE if not any(read.startswith(OPTIONAL) for read in feature.inputs))


def _keep_freed_memory() -> None:
    """Freed memory stays with the process: both sides are timed, and not how the system hands out pages."""
    glibc = ctypes.CDLL(None)
    glibc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD: never give the top of the heap back
    glibc.mallopt(-3, 2**25)  # M_MMAP_THRESHOLD: a column comes from the heap


def _pandas_rate() -> float:
    own, other, funding = _frames()
    first = str(FIRST)
    events = funding_of(funding.filter(pl.col("ts") >= midnight(FIRST)))
    recipe = PandasRecipe(frame_of(own, first, MINUTES), frame_of(other, first, MINUTES), events)
    return len(PLAIN) * MINUTES / seconds(recipe.features)


@benchmark(unit="rows x features/s", bound=5.0, better="higher", peer=("pandas", _pandas_rate))
def feature_recipe() -> float:
    """Rows x features a second of the whole recipe without its optional inputs."""
    window = _window()
    return len(PLAIN) * MINUTES / seconds(lambda: compute_window(window))


def _talib_rate() -> float:
    grid = _whole_window().grid
    return len(TALIB_FEATURES) * MINUTES / seconds(lambda: talib_features(grid))


@benchmark(unit="rows x features/s", bound=1.0, better="higher", runs=15, peer=("TA-Lib", _talib_rate))
def feature_recipe_talib() -> float:
    """The same of the features that TA-Lib has, on minutes without a gap, for it knows none."""
    window, chosen = _whole_window(), [feature for feature in RECIPE if feature.name in TALIB_FEATURES]
    with np.errstate(invalid="ignore"):
        return len(chosen) * MINUTES / seconds(lambda: [feature.compute(window) for feature in chosen])


@benchmark(unit="s", bound=0.5)
def feature_symbol_day() -> float:
    """Wall seconds of one day's features with their warm-up, in a warm process."""
    own, other, funding = _frames()
    return seconds(lambda: compute_features(LAST, own, other, funding))


@benchmark(unit="s", bound=15.0, runs=3)
def feature_150_days() -> float:
    """Wall seconds of 150 days' features one after the other, in one process."""
    return _range_usage()[0]


@benchmark(unit="MiB", bound=1.5 * 1024, runs=1)
def feature_150_days_memory() -> float:
    """Peak resident memory of that process, its imports and candles among it."""
    return _range_usage()[1]


def _range_usage() -> tuple[float, float]:
    """Wall seconds of the features, and the peak memory in MiB of the process that makes them."""
    command = (sys.executable, "-m", "huracan_assets_tests.benchmarks.feature_recipe")
    usage = measure_process(command, {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}, pinned=False)
    if usage.exit_code:
        raise RuntimeError(f"{' '.join(command)} failed:\n{usage.output[-4000:]}")
    return float(usage.output.split()[-1]), usage.peak_rss_mib


def _make_range() -> None:
    own, other, funding = _frames()
    days = days_between(FIRST, LAST)
    compute_features(days[0], own, other, funding)  # the loops are loaded, as in any process that has made a day
    made: list[pl.DataFrame] = []
    print(seconds(lambda: made.extend(compute_features(day, own, other, funding) for day in days)))


@cache
def _frames() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Candles, the benchmark's and funding, with the warm-up of the first day."""
    if not SPOT_2023.is_dir():
        raise FileNotFoundError(
            f"real candles are not at {SPOT_2023}: set HURACAN_SHARED to the folder that holds data/"
        )
    source, span = ArchiveSource(SPOT_2023), (FIRST - WARM_UP_DAYS * DAY, LAST)
    funding = source.funding(SYMBOL, *span)
    assert funding is not None
    return source.candles(SYMBOL, *span), source.candles(BENCHMARK, *span), funding


def _window() -> Window:
    """The 150 days as one window, all of whose rows are read; made anew, so that no series is computed yet."""
    own, other, events = _dense()
    return Window(grid=own, benchmark=other, first_row=0, funding=events)


def _whole_window() -> Window:
    """As `_window`, its few missing minutes filled with the bar before them."""
    own, other, _ = _dense()
    return Window(grid=_filled(own), benchmark=_filled(other), first_row=0)


def _filled(grid: MinuteGrid) -> MinuteGrid:
    row = np.maximum.accumulate(np.where(grid.present, np.arange(len(grid)), 0))
    return replace(grid, **{name: getattr(grid, name)[row] for name in VALUES}, present=grid.present | True)


@cache
def _dense() -> tuple[MinuteGrid, MinuteGrid, Events]:
    _keep_freed_memory()
    own, other, funding = _frames()
    grid, benchmark_grid = (sound(MinuteGrid.from_candles(frame, FIRST, LAST)) for frame in (own, other))
    return grid, benchmark_grid, Events.from_frame(funding.filter(pl.col("ts") >= midnight(FIRST)), RATE)


if __name__ == "__main__":
    _make_range()
