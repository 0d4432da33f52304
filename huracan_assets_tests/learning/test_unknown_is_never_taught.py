"""The law: training crosses no unknown stretch without a break.

From arbitrary gaps through the real code, candles to folds, against loops over the minutes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import polars as pl
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from huracan_assets.days import DAY, MINUTE, MINUTES_PER_DAY, midnight
from huracan_assets.errors import ContractError
from huracan_assets.features.compute import decision_bars
from huracan_assets.guards.breaks import leave_out_breaks
from huracan_assets.learning.calibration import fit_calibrators
from huracan_assets.learning.market_env import make_market
from huracan_assets.learning.training_set import TrainingSet, training_set
from huracan_assets.learning.walk_forward import Fold, WalkForward, walk_forward_folds
from huracan_assets.market.grid import MinuteGrid
from huracan_assets.market.minute_status import OUTAGE, UNKNOWN, minute_mask, minute_status
from huracan_assets.settings import read_settings
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.fill_returns import fill_returns
from huracan_assets.simulation.trade_market import TradeMarket
from huracan_assets.simulation.trade_outcomes import trade_outcomes
from huracan_assets_tests.features.random_market import candles

FIRST, DAYS = date(2026, 1, 1), 4
LAST = FIRST + (DAYS - 1) * DAY
ORIGIN = np.datetime64(FIRST, "us")
MINUTES = DAYS * MINUTES_PER_DAY
BREAK, LONGEST, LATENCY, HORIZON = 360, 60, 1, 120
SIMULATION = read_settings("local").simulation.model_copy(
    update={"latency_minutes": LATENCY, "horizon_minutes": HORIZON}
)
WHOLE = candles(5, FIRST, DAYS, 0.0)


@dataclass(frozen=True)
class Night:
    """A market with holes, of which some are the venue's, as every room from the market to the folds sees it."""

    unknown_holes: tuple[tuple[int, int], ...]
    outages: tuple[tuple[int, int], ...]

    @cached_property
    def unknown(self) -> set[int]:
        """Minutes that nobody knows, told without the engine."""
        return _minutes(self.unknown_holes) - _minutes(self.outages)

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The candles."""
        gone = sorted(_minutes(self.unknown_holes) | _minutes(self.outages))
        return WHOLE.filter(~pl.int_range(pl.len()).is_in(gone))

    @cached_property
    def status(self) -> pl.DataFrame:
        """The account of every day; two witnesses were silent in the outages alone."""
        witness = WHOLE.filter(~pl.int_range(pl.len()).is_in(sorted(_minutes(self.outages))))
        days = [FIRST + DAY * ahead for ahead in range(DAYS)]
        return pl.concat([minute_status(day, self.frame, None, [witness, witness]) for day in days])

    @cached_property
    def grid(self) -> MinuteGrid:
        """The minutes."""
        return MinuteGrid.from_candles(self.frame, FIRST, LAST)

    @cached_property
    def mask(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """The unknown minutes, as the engine has them."""
        return minute_mask(self.status, FIRST, LAST)

    @cached_property
    def bars(self) -> pl.DataFrame:
        """The decision bars, after the breaks."""
        features = self.frame.select("ts", "known_at", x=pl.col("close").cast(pl.Float32))
        return leave_out_breaks(decision_bars(features, 15), self.status, BREAK, LONGEST)

    @cached_property
    def ts(self) -> TrainingSet:
        """Bars and labels."""
        outcomes = trade_outcomes(self.grid, self.bars, None, Costs.of(SIMULATION), SIMULATION, 1000.0, self.mask)
        return training_set(self.bars, outcomes)

    def folds(self) -> list[Fold]:
        """Two test segments, after two days that teach only."""
        begin, end = ORIGIN + np.timedelta64(2, "D"), ORIGIN + np.timedelta64(DAYS, "D")
        ts = self.ts
        return walk_forward_folds(ts.as_of, ts.label_end, begin, end, 2, timedelta(minutes=120), ts.teachable)

    def minute(self, moment: np.datetime64) -> int:
        """The minute since the first midnight that opens at a moment."""
        return int((moment - ORIGIN) / np.timedelta64(1, "m"))

    def remembers_a_stretch(self, as_of: int) -> bool:
        """Whether more than `LONGEST` unknown minutes in a row touch the last `BREAK` minutes."""
        lasted = 0
        for minute in range(max(0, as_of - BREAK - LONGEST), as_of):
            lasted = lasted + 1 if minute in self.unknown else 0
            if lasted > LONGEST and minute >= as_of - BREAK:
                return True
        return False


def _minutes(holes: tuple[tuple[int, int], ...]) -> set[int]:
    return {minute for start, length in holes for minute in range(start, min(start + length, MINUTES))}


holes = st.lists(
    st.tuples(st.integers(0, MINUTES - 1), st.one_of(st.integers(1, 90), st.integers(1, 400))), max_size=4
).map(tuple)
nights = st.builds(Night, unknown_holes=holes, outages=holes)


@settings(max_examples=40)
@given(nights)
def test_the_engine_sees_the_minutes_that_nobody_knows(night: Night) -> None:
    assert set(np.flatnonzero(night.mask).tolist()) == night.unknown


@settings(max_examples=60)
@given(nights)
def test_no_training_row_looks_back_on_or_forward_over_what_nobody_knows(night: Night) -> None:
    try:
        folds = night.folds()
    except ContractError:  # so many gaps that a fold or the whole set is empty
        assume(False)
    ts = night.ts
    exits = ts.label_end
    taught = sorted({int(row) for fold in folds for row in fold.train})
    assert taught
    for row in taught:
        as_of = night.minute(ts.as_of[row])
        assert not night.remembers_a_stretch(as_of)
        assert night.unknown.isdisjoint(range(as_of, night.minute(exits[row])))
    # Nor is a row lost for anything but that: up to its vertical barrier no minute is unknown.
    for row in np.flatnonzero(ts.labelled & ~ts.teachable).tolist():
        as_of = night.minute(ts.as_of[row])
        reach = max(night.minute(exits[row]), as_of + 2 * HORIZON + LATENCY)
        assert not night.unknown.isdisjoint(range(as_of, reach))
        assert all(row not in fold.train for fold in folds)
    assert {int(row) for fold in folds for row in fold.test} == {
        row for row in np.flatnonzero(ts.labelled).tolist() if night.minute(ts.as_of[row]) > 2 * MINUTES_PER_DAY
    }


@settings(max_examples=40)
@given(nights)
def test_a_label_is_teachable_whether_or_not_a_barrier_was_touched_before_the_gap(night: Night) -> None:
    """Sparing the quick outcomes would select on the result: only the entry decides how far the path reaches."""
    outcomes = trade_outcomes(
        night.grid, night.bars, None, Costs.of(SIMULATION), SIMULATION, 1000.0, night.mask
    ).partition_by("side")
    for side in outcomes:
        for as_of, entry_at, exit_at, crosses in side.select(
            "as_of", "entry_at", "exit_at", "crosses_unknown"
        ).iter_rows():
            begin, entry, end = (int((moment - midnight(FIRST)) / MINUTE) for moment in (as_of, entry_at, exit_at))
            vertical = entry + HORIZON
            if not night.unknown.isdisjoint(range(begin, max(vertical, end))):
                assert crosses
    first, second = (side["crosses_unknown"].to_list() for side in outcomes) if outcomes else ([], [])
    assert first == second


@settings(max_examples=40)
@given(nights, st.sampled_from([0, 1, 7]))
def test_the_agent_is_paid_over_no_unknown_minute_and_its_runs_break_there(night: Night, latency: int) -> None:
    as_of = night.bars["as_of"].to_numpy().astype("datetime64[us]")
    assume(len(as_of) > 1)
    simulation = SIMULATION.model_copy(update={"latency_minutes": latency})
    market = TradeMarket.of(night.grid, night.bars, None, Costs.of(simulation), simulation, 1000.0)
    returns = fill_returns(market, night.mask, 15)
    decided = [night.minute(moment) for moment in as_of]
    for place in np.flatnonzero(np.isfinite(returns)):
        assert decided[place + 1] - decided[place] == 15
        assert night.unknown.isdisjoint(range(decided[place], decided[place + 1] + latency))
    try:
        played = make_market(np.zeros((len(as_of), 1), np.float32), returns, np.ones(len(as_of)))
    except ContractError:  # nothing can be played
        assume(False)
    for start in played.starts:
        end = int(played.run_end[start])
        assert night.unknown.isdisjoint(range(decided[start], decided[end] + latency))


def test_without_an_unknown_minute_every_label_teaches_whatever_the_venue_missed() -> None:
    night = Night(unknown_holes=(), outages=((1500, 200), (4000, 30)))
    assert night.ts.teachable.tolist() == night.ts.labelled.tolist()
    assert set(night.status["status"]) >= {OUTAGE}
    assert UNKNOWN not in set(night.status["status"])


def test_what_may_not_teach_teaches_no_calibrator() -> None:
    night = Night(unknown_holes=((1700, 20), (3200, 45), (4300, 10)), outages=())
    ts, folds = night.ts, night.folds()
    assert 0 < np.count_nonzero(ts.labelled & ~ts.teachable) < len(ts)
    rng = np.random.default_rng(1)
    raw = np.full((len(ts), 2), np.nan)
    for fold in folds:
        raw[fold.test] = rng.random((len(fold.test), 2))
    regime, learning = rng.choice(["RANGE", "TREND"], len(ts)), read_settings("local").learning
    other = replace(ts, net_bps=np.where(ts.teachable[:, None], ts.net_bps, -ts.net_bps))
    fitted = [fit_calibrators(WalkForward(of, folds), raw, regime, learning) for of in (ts, other)]
    assert fitted[0] == fitted[1]
    everything = replace(other, teachable=ts.labelled)
    assert fit_calibrators(WalkForward(everything, folds), raw, regime, learning).final != fitted[0].final
