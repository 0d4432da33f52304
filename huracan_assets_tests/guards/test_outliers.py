"""Bad ticks and splices are found; crashes are markets."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from huracan_assets.guards.outliers import find_seams, find_spikes
from huracan_assets.market.contract import PRICES
from huracan_assets_tests.guards.quiet_days import GUARDS, candles_of, closes, failing, grid_of, judged, quiet


def tick(size: float, place: int = 720, stays: bool = False, days: int = 1) -> pl.DataFrame:
    """Quiet days with one close off by `size`, for one minute or for good."""
    close = closes(days)
    close[place : None if stays else place + 1] *= 1.0 + size
    return candles_of(close)


@pytest.mark.parametrize("size", [-0.9, -0.1, 0.1, 9.0])
def test_a_bad_tick_is_a_spike_and_a_move_that_stays_is_not(size: float) -> None:
    (report,) = judged(tick(size))
    assert failing(report) == ["outliers"]
    assert "12:00" in report.reasons[0]
    assert "taken back at once: bad ticks" in report.reasons[0]
    (spike,) = find_spikes(grid_of(tick(size)), GUARDS.max_return_sigmas)
    assert spike.place == 720
    assert spike.bps == pytest.approx(np.log1p(size) * 1e4, abs=40.0)
    assert not find_spikes(grid_of(tick(size, stays=True)), GUARDS.max_return_sigmas)


@pytest.mark.parametrize(
    ("place", "statuses"), [(1439, ["quarantined", "trusted"]), (1440, ["trusted", "quarantined"])]
)
def test_a_bad_tick_beside_midnight_is_seen_from_the_other_day(place: int, statuses: list[str]) -> None:
    assert [report.status for report in judged(tick(0.1, place, days=2), days=2)] == statuses


def test_a_leap_within_a_crash_is_no_spike() -> None:
    rng = np.random.default_rng(9)
    returns = np.diff(np.log(closes()), prepend=np.log(100.0))
    returns[680:760] = 0.02 * rng.standard_normal(80)
    returns[720], returns[721] = -0.08, 0.06
    crash = candles_of(np.exp(np.log(100.0) + np.cumsum(returns)))
    assert judged(crash)[0].status == "trusted"


@pytest.mark.parametrize("place", [800, 1440])
def test_a_spliced_history_is_a_seam_at_midnight_too_while_a_crash_within_bars_is_not(place: int) -> None:
    """Half a history revised by 50 % cannot pass, although no return of it is taken back."""
    close = closes(2)
    close[700:720] *= np.linspace(1.0, 0.7, 20)  # a crash, bar after bar
    close[720:] *= 0.7
    frame = candles_of(close)
    late = pl.int_range(pl.len()) >= place
    spliced = frame.with_columns(pl.when(late).then(pl.col(name) * 1.5).otherwise(name).alias(name) for name in PRICES)
    assert find_seams(grid_of(frame, 2), GUARDS.max_seam_bps) == []
    assert [seam.place for seam in find_seams(grid_of(spliced, 2), GUARDS.max_seam_bps)] == [place]
    reports = judged(spliced, days=2)
    assert [report.quarantined for report in reports] == [place == 800, place == 1440]
    assert "two histories are spliced" in reports[place // 1440].reasons[0]


def test_a_small_splice_is_a_return_that_nothing_confirms() -> None:
    late = pl.int_range(pl.len()) >= 800
    spliced = quiet().with_columns(
        pl.when(late).then(pl.col(name) * 1.07).otherwise(name).alias(name) for name in PRICES
    )
    (report,) = judged(spliced)
    assert "beyond 0.05 in a minute, which nothing confirms (+6" in report.reasons[0]
    assert report.check("outliers").figure == 1


def test_a_gap_has_no_spike_and_no_seam() -> None:
    frame = tick(0.5, stays=True)
    gap = pl.concat([frame[:720], frame[721:]])
    assert find_seams(grid_of(gap), 100.0) == []
    assert find_spikes(grid_of(gap), GUARDS.max_return_sigmas) == []


def test_days_of_one_price_have_no_outlier() -> None:
    assert judged(candles_of(np.full(1440, 100.0)))[0].check("outliers").passed
