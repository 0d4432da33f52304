"""A stuck feed repeats traded bars; a market without trades repeats its price."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.days import MINUTE, midnight
from huracan_assets.guards.staleness import longest_stale_runs
from huracan_assets.market.contract import to_candles
from huracan_assets_tests.guards.quiet_days import FIRST, failing, grid_of, judged, quiet


def stuck(run: int, volume: float = 3.0, days: int = 1, start: int = 500) -> pl.DataFrame:
    """Days whose bars start to start + run are one and the same."""
    number = pl.int_range(pl.len())
    inside = (number >= start) & (number < start + run)
    values = {"open": 100.0, "high": 100.5, "low": 99.5, "close": 100.0, "volume": volume}
    if volume == 0.0:
        values |= {"high": 100.0, "low": 100.0}
    return quiet(days).with_columns(
        pl.when(inside).then(value).otherwise(pl.col(name)).alias(name) for name, value in values.items()
    )


@pytest.mark.parametrize(("run", "stale"), [(60, False), (61, True)])
def test_a_stuck_feed_is_told_and_a_market_without_trades_is_not(run: int, stale: bool) -> None:
    (report,) = judged(stuck(run))
    assert report.check("staleness").figure == run
    assert (failing(report) == ["staleness"]) == stale
    assert ("stuck feed" in report.check("staleness").sentence) == stale
    (idle,) = judged(stuck(run, volume=0.0))
    assert idle.check("staleness").figure == 1
    assert idle.check("zero_volume_share").figure == pytest.approx(run / 1440)


def test_a_run_across_midnight_counts_in_full_on_the_day_on_which_it_ends() -> None:
    reports = judged(stuck(62, days=2, start=1440 - 31), days=2)
    assert [report.check("staleness").figure for report in reports] == [31, 62]
    assert [report.status for report in reports] == ["trusted", "quarantined"]


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0, 2.0]), st.booleans()), min_size=1, max_size=60))
def test_the_longest_run_is_that_of_a_brute_force_walk(bars: list[tuple[float, bool]]) -> None:
    volumes, kept = [volume for volume, _ in bars], [keep for _, keep in bars]
    flat = {name: [100.0] * len(bars) for name in ("open", "high", "low", "close")}
    ts = [midnight(FIRST) + MINUTE * minute for minute in range(len(bars))]
    frame = to_candles(pl.DataFrame({"ts": ts, **flat, "volume": volumes})).filter(pl.Series(kept))
    longest = run = 0
    previous: float | None = None
    for volume, keep in bars:
        run = 0 if not keep or volume == 0.0 else run + 1 if volume == previous else 1
        previous = volume if keep else None
        longest = max(longest, run)
    assert longest_stale_runs(grid_of(frame))[0].tolist() == [longest]
