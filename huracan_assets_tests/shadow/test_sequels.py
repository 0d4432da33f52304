"""The whole ledger under another exit: the same decisions through the same limits, and nothing else changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from huracan_assets.shadow.counterfactuals import LIMIT, exits
from huracan_assets.shadow.ledger import trade
from huracan_assets.shadow.sequels import Replayer, sequel_rows, sequels
from huracan_assets_tests.shadow.recorded_market import BEGIN, FIRST, SETTINGS, SYMBOL, Night, night

ANALYSTS, SIMULATION = SETTINGS.analysts, SETTINGS.simulation
PATIENT = SETTINGS.model_copy(
    update={"decision": SETTINGS.decision.model_copy(update={"max_drawdown_bps": 1e9, "max_daily_loss_bps": 1e9})}
)


def replayer_of(found: Night) -> Replayer:
    accepted = found.decisions.filter("accepted")
    return Replayer(accepted, found.entries, PATIENT.decision, FIRST, found.last)


def drawn(seed: int = 0, share: float = 0.3, unknown: np.ndarray | None = None) -> Night:
    return night(np.random.default_rng(seed), share=share, unknown=unknown, settings=PATIENT)


def test_the_same_exit_changes_no_day() -> None:
    same = ANALYSTS.model_copy(
        update={"horizons": (SIMULATION.horizon_minutes,), "take_profits": (), "stop_losses": ()}
    )
    line, _ = sequels(replayer_of(drawn()), same)
    assert (line.gain_bps, line.low_bps, line.high_bps) == (0.0, 0.0, 0.0)
    assert line.trades > 100


def test_the_gain_is_the_difference_of_two_ledgers_over_the_days() -> None:
    found = drawn(1)
    known = found.entries.market.as_of[-40].astype("datetime64[us]")  # after it the longest horizon leaves the window
    early = found.decisions.filter(pl.col("as_of") < pl.lit(known).dt.replace_time_zone("UTC"))
    replayer = replace(replayer_of(found), accepted=early.filter("accepted"))
    changes = [*exits(ANALYSTS).values(), LIMIT]
    for line, change in zip(sequels(replayer, ANALYSTS), changes, strict=True):
        other = trade(SYMBOL, early, found.entries.under(change), PATIENT.decision).ledger
        actual = trade(SYMBOL, early, found.entries.market, PATIENT.decision).ledger
        assert line.trades == other.height
        days = (found.last - FIRST).days + 1
        gain = (float(other["pnl_gbp"].sum()) - float(actual["pnl_gbp"].sum())) / 1000.0 * 1e4 / days
        assert line.gain_bps == pytest.approx(gain, abs=1e-9)


def test_a_longer_exit_blocks_entries_and_a_shorter_one_frees_them() -> None:
    many = ANALYSTS.model_copy(update={"horizons": (15, 120, 480), "take_profits": (), "stop_losses": ()})
    trades = [line.trades for line in sequels(replayer_of(drawn(2, share=0.8)), many)][:-1]
    assert trades == sorted(trades, reverse=True)
    assert trades[0] > 1.5 * trades[-1]


def test_unknown_minutes_and_too_few_days_are_not_identified() -> None:
    holes = np.zeros(20 * 1440, np.bool_)
    holes[::200] = True
    for line in sequels(replayer_of(drawn(3, unknown=holes)), ANALYSTS):
        assert line.gain_bps is line.low_bps is None
        assert line.answer.startswith("not identified: ")
    found = drawn(3)
    short = replace(
        replayer_of(found),
        accepted=found.decisions.filter("accepted", pl.col("as_of").dt.day().is_between(2, 4)),
        first=BEGIN.date().replace(day=2),
        last=FIRST.replace(day=4),
    )
    table = sequels(short, ANALYSTS)
    assert all(line.answer.endswith(f"and {ANALYSTS.least_days} are needed") for line in table)
    assert len(sequel_rows(table)) == len(exits(ANALYSTS)) + 1


def test_a_decision_that_is_unknown_under_the_other_exit_is_left_out_of_both() -> None:
    holes = np.zeros(20 * 1440, np.bool_)
    holes[[5 * 1440 + 77, 12 * 1440 + 500]] = True
    found = drawn(4, unknown=holes)
    replayer = replayer_of(found)
    few = replace(
        replayer,
        accepted=replayer.accepted.filter(pl.col("as_of").dt.day().is_between(2, 19)),
    )
    longer = ANALYSTS.model_copy(update={"horizons": (240,), "take_profits": (), "stop_losses": ()})
    line, _ = sequels(few, longer)
    entries = replace(few.entries, trades=few.accepted)
    market = entries.under({"horizon_minutes": 240})
    known = entries.replay().is_not_null() & entries.replay(market).is_not_null()
    assert entries.replay().is_not_null().sum() > known.sum()
    taken = few.accepted.filter(known)
    ledgers = [trade(SYMBOL, taken, which, PATIENT.decision).ledger for which in (market, entries.market)]
    gain = (float(ledgers[0]["pnl_gbp"].sum()) - float(ledgers[1]["pnl_gbp"].sum())) / 1000.0 * 1e4 / 20
    assert line.trades == ledgers[0].height
    assert line.gain_bps == pytest.approx(gain, abs=1e-9)
