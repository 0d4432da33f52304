"""The quality report finds what is planted, what is known of the recorded days, and nothing else."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.days import days_between, midnight
from huracan_assets.guards.data_quality import (
    QualityReport,
    find_gaps,
    find_seams,
    find_spikes,
    longest_stale_run,
    quality,
    quality_table,
)
from huracan_assets.market.archive import ArchiveSource
from huracan_assets.market.contract import empty_candles, to_candles
from huracan_assets.market.source import split_days
from huracan_assets.market.synthetic import SyntheticSource
from huracan_assets.settings import GuardSettings, read_settings

DAY = date(2024, 2, 29)
MAX_MISSING = 144


@pytest.fixture(scope="module")
def guards() -> GuardSettings:
    """The bounds in force."""
    return read_settings("local").guards


def quiet_day(seed: int = 2) -> pl.DataFrame:
    """A day of a calm random walk."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(5e-4 * rng.standard_normal(1440)))
    return with_closes(close, rng.lognormal(size=1440))


def with_closes(close: Any, volume: Any) -> pl.DataFrame:
    """A day of candles around the closes."""
    opens = np.concatenate([[close[0]], close[:-1]])
    return to_candles(
        pl.DataFrame(
            {
                "ts": [midnight(DAY) + timedelta(minutes=minute) for minute in range(1440)],
                "open": opens,
                "high": np.maximum(opens, close),
                "low": np.minimum(opens, close),
                "close": close,
                "volume": volume,
            }
        )
    )


def of(candles: pl.DataFrame, guards: GuardSettings, day: date = DAY) -> QualityReport:
    """The report under the bounds in force."""
    return quality(candles, day, guards, MAX_MISSING)


def test_a_quiet_day_is_trusted(guards: GuardSettings) -> None:
    report = of(quiet_day(), guards)
    assert not report.quarantined
    assert (report.missing_minutes, report.gaps, report.spikes, report.reasons) == (0, (), (), [])
    assert report.stale_minutes == 1


@given(kept=st.sets(st.integers(0, 1439)))
def test_gaps_are_the_runs_of_a_brute_force_walk(kept: set[int]) -> None:
    ts = quiet_day()["ts"].gather(sorted(kept))
    expected: list[list[int]] = []
    for minute in range(1440):
        if minute not in kept:
            if expected and expected[-1][0] + expected[-1][1] == minute:
                expected[-1][1] += 1
            else:
                expected.append([minute, 1])
    found = [((gap.begin - midnight(DAY)) // timedelta(minutes=1), gap.minutes) for gap in find_gaps(ts, DAY)]
    assert sorted(found) == [(begin, length) for begin, length in expected]
    assert [length for _, length in found] == sorted((length for _, length in found), reverse=True)


@pytest.mark.parametrize(("missing", "quarantined"), [(144, False), (145, True)])
def test_a_day_that_lacks_more_than_the_bound_is_quarantined(
    guards: GuardSettings, missing: int, quarantined: bool
) -> None:
    frame = quiet_day()
    report = of(pl.concat([frame[:600], frame[600 + missing :]]), guards)
    assert report.missing_minutes == missing
    assert report.quarantined == quarantined
    assert bool(report.reasons) == quarantined
    if quarantined:
        assert "145 of 1440 minutes are missing (145 from 10:00)" in report.reasons[0]


def test_a_day_without_a_candle_is_quarantined(guards: GuardSettings) -> None:
    report = of(empty_candles(), guards)
    assert report.missing_minutes == 1440
    assert report.quarantined
    assert report.zero_volume_share == 0.0


def stuck(run: int, volume: float = 3.0) -> pl.DataFrame:
    """A day whose bars 500 to 500 + run are one and the same."""
    frame = quiet_day()
    number = pl.int_range(pl.len())
    inside = (number >= 500) & (number < 500 + run)
    values = {"open": 100.0, "high": 100.5, "low": 99.5, "close": 100.0, "volume": volume}
    return frame.with_columns(
        pl.when(inside).then(value).otherwise(pl.col(name)).alias(name) for name, value in values.items()
    )


@pytest.mark.parametrize(("run", "quarantined"), [(60, False), (61, True)])
def test_a_stuck_feed_is_quarantined_and_a_market_without_trades_is_not(
    guards: GuardSettings, run: int, quarantined: bool
) -> None:
    report = of(stuck(run), guards)
    assert report.stale_minutes == run
    assert any("stuck feed" in reason for reason in report.reasons) == quarantined
    idle = of(stuck(run, volume=0.0), guards)
    assert idle.stale_minutes == 1
    assert idle.zero_volume_share == pytest.approx(run / 1440)


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0, 2.0]), st.booleans()), min_size=1, max_size=60))
def test_the_longest_stale_run_is_that_of_a_brute_force_walk(bars: list[tuple[float, bool]]) -> None:
    volumes, kept = [volume for volume, _ in bars], [keep for _, keep in bars]
    flat = {name: [100.0] * len(bars) for name in ("open", "high", "low", "close")}
    ts = [midnight(DAY) + timedelta(minutes=minute) for minute in range(len(bars))]
    frame = to_candles(pl.DataFrame({"ts": ts, **flat, "volume": volumes})).filter(pl.Series(kept))
    longest = run = 0
    previous: float | None = None
    for volume, keep in bars:
        run = 0 if not keep or volume == 0.0 else run + 1 if volume == previous else 1
        previous = volume if keep else None
        longest = max(longest, run)
    assert longest_stale_run(frame) == longest


def tick(size: float, stays: bool = False) -> pl.DataFrame:
    """A quiet day with one close at 12:00 off by `size`, for one minute or for good."""
    frame = quiet_day()
    close = frame["close"].to_numpy().copy()
    close[720 : 1440 if stays else 721] *= 1.0 + size
    return with_closes(close, frame["volume"].to_numpy())


@pytest.mark.parametrize("size", [-0.9, -0.1, 0.1, 9.0])
def test_a_bad_tick_is_a_spike_and_a_move_that_stays_is_not(guards: GuardSettings, size: float) -> None:
    report = of(tick(size), guards)
    assert [spike.at for spike in report.spikes] == [midnight(DAY) + timedelta(hours=12)]
    assert report.spikes[0].return_bps == pytest.approx(np.log1p(size) * 1e4, abs=40.0)
    assert report.quarantined
    assert "taken back at once" in report.reasons[0]
    assert not of(tick(size, stays=True), guards).spikes


def test_a_leap_within_a_crash_is_no_spike() -> None:
    frame = quiet_day()
    rng = np.random.default_rng(9)
    returns = np.diff(np.log(frame["close"].to_numpy()), prepend=np.log(100.0))
    returns[680:760] = 0.02 * rng.standard_normal(80)
    returns[720], returns[721] = -0.08, 0.06
    close = np.exp(np.log(100.0) + np.cumsum(returns))
    assert not find_spikes(with_closes(close, frame["volume"].to_numpy()), 60.0)


def test_the_table_shows_verdict_numbers_and_reasons(guards: GuardSettings) -> None:
    rows = {row["measure"]: row["value"] for row in quality_table(of(tick(0.1), guards))}
    assert rows["verdict"] == "quarantined"
    assert rows["spikes"] == "1"
    assert rows["longest gap"] == "none"
    assert "bad ticks" in rows["reason"]


@pytest.mark.parametrize(
    ("folder", "symbol", "day", "missing", "longest", "quarantined"),
    [
        ("candles_1m_2023", "BTC-USDT", date(2023, 3, 24), 80, (12, 40, 80), False),
        ("candles_1m_2023", "ARB-USDT", date(2023, 7, 27), 1210, (3, 50, 1210), True),
        ("candles_1m_2023", "SOL-USDT", date(2023, 2, 14), 1, (16, 39, 1), False),
        ("candles_1m_2021_crash", "BTC-USDT", date(2021, 4, 20), 150, (2, 0, 150), True),
        ("candles_1m_2021_crash", "ETH-USDT", date(2021, 4, 25), 284, (4, 1, 284), True),
        ("candles_1m_2021_crash", "BTC-USDT", date(2021, 5, 19), 0, None, False),
        ("candles_1m_2023", "BTC-USDT", date(2023, 8, 17), 0, None, False),
    ],
)
def test_known_facts_of_recorded_days_are_found(
    shared: Path,
    guards: GuardSettings,
    folder: str,
    symbol: str,
    day: date,
    missing: int,
    longest: tuple[int, int, int] | None,
    quarantined: bool,
) -> None:
    candles = ArchiveSource(shared / "data" / folder).candles(symbol, day, day)
    report = of(candles, guards, day)
    assert report.missing_minutes == missing
    if longest is not None:
        assert (report.gaps[0].begin.hour, report.gaps[0].begin.minute, report.gaps[0].minutes) == longest
    assert report.quarantined == quarantined, report.reasons


def test_recorded_and_synthetic_days_raise_no_alarm_but_for_missing_minutes(
    shared: Path, guards: GuardSettings
) -> None:
    first, last = date(2021, 5, 1), date(2021, 5, 31)
    recorded = ArchiveSource(shared / "data" / "candles_1m_2021_crash")
    made = SyntheticSource(symbols=("BTC-USDT",), benchmark="BTC-USDT", first=first, seed=3, edge=0.0)
    frames = [recorded.candles(symbol, first, last) for symbol in ("BTC-USDT", "DOGE-USDT")]
    for frame in [*frames, made.candles("BTC-USDT", first, last)]:
        for day, candles in split_days(frame, days_between(first, last)).items():
            report = of(candles, guards, day)
            assert not report.spikes, day
            assert report.stale_minutes < 5, day


def test_a_spliced_history_is_a_seam_and_quarantined_while_a_crash_within_bars_is_not() -> None:
    """Half a day revised by 50 % cannot pass, although no return of it is taken back."""
    n = 1440
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(5).normal(0.0, 5e-4, n)))
    close[700:720] *= np.linspace(1.0, 0.7, 20)  # a crash, bar after bar
    close[720:] *= 0.7
    opened = np.concatenate([close[:1], close[:-1]])

    def day(factor: float) -> pl.DataFrame:
        revised = np.where(np.arange(n) >= 800, factor, 1.0)
        ts = np.datetime64("2026-01-02", "us") + np.arange(n) * np.timedelta64(1, "m")
        return pl.DataFrame(
            {
                "ts": ts,
                "open": opened * revised,
                "high": np.maximum(opened, close) * revised,
                "low": np.minimum(opened, close) * revised,
                "close": close * revised,
                "volume": np.linspace(1.0, 2.0, n),
            }
        ).with_columns(pl.col("ts").dt.replace_time_zone("UTC"))

    assert find_seams(day(1.0), 1000.0) == ()
    assert [seam.at.hour * 60 + seam.at.minute for seam in find_seams(day(1.5), 1000.0)] == [800]
