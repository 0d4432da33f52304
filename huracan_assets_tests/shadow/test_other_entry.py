"""The other kind of entry: nothing is left out of the count, and who was filled is told from who was not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from huracan_assets.shadow.counterfactuals import Regret, regrets
from huracan_assets.shadow.ledger import trade
from huracan_assets.shadow.other_entry import fill_record, fill_rows
from huracan_assets.shadow.sequels import Replayer, sequels
from huracan_assets.shadow.trade_analysis import analyse
from huracan_assets.simulation.contract import validate_outcomes
from huracan_assets_tests.shadow.recorded_market import FIRST, SETTINGS, Night, night

ANALYSTS = SETTINGS.analysts
BY_LIMIT = SETTINGS.model_copy(
    update={
        "simulation": SETTINGS.simulation.model_copy(update={"entry": "limit"}),
        "decision": SETTINGS.decision.model_copy(update={"max_drawdown_bps": 1e9, "max_daily_loss_bps": 1e9}),
    }
)


def by_limit(seed: int = 0, unknown: np.ndarray | None = None) -> Night:
    """A night whose entries rest, with what expired among its refusals."""
    found = night(np.random.default_rng(seed), share=0.3, unknown=unknown, settings=BY_LIMIT)
    return replace(found, decisions=_told(found))


def _told(found: Night) -> pl.DataFrame:
    """The decisions with what refused each in the end, as the night's ledger writes them."""
    limited = trade("ETH-USDT", found.decisions, found.entries.market, BY_LIMIT.decision).limited
    joined = found.decisions.join(limited, on="as_of", how="left", suffix="_late", maintain_order="left")
    return joined.with_columns(refused_by=pl.coalesce("refused_by_late", "refused_by")).drop("refused_by_late")


def of_entry(table: tuple[Regret, ...]) -> Regret:
    (line,) = [line for line in table if line.kind == "entry"]
    return line


def test_an_order_that_a_limit_leaves_brings_nothing_and_counts() -> None:
    entries = night(np.random.default_rng(1)).entries
    line = of_entry(regrets(entries, ANALYSTS))
    limits = entries.outcomes(entries.under({"entry": "limit"}))
    told = limits["filled_share"].is_not_null() & entries.replay().is_not_null()
    brought = (limits["net_bps"] * limits["filled_share"]).filter(told)
    assert (limits.filter(told)["filled_share"] == 0.0).sum() > 10
    assert line.alternative == "resting limit"
    assert line.trades == told.sum()
    assert line.net_bps == pytest.approx(float(brought.to_numpy().mean()))
    assert line.regret_bps == pytest.approx(float((brought - entries.replay().filter(told)).to_numpy().mean()))


def test_the_filled_and_the_left_are_all_and_their_means_are_the_mean_of_all() -> None:
    entries = night(np.random.default_rng(2)).entries
    record = fill_record(entries, ANALYSTS)
    limits, moves = (entries.outcomes(entries.under({"entry": kind})) for kind in ("limit", "market"))
    known = (limits["filled_share"].is_not_null() & moves["gross_bps"].is_not_null()).to_numpy()
    filled = (limits["filled_share"] > 0.0).to_numpy()[known].astype(bool)
    move = moves["gross_bps"].to_numpy()[known]
    assert (record.orders, record.unknown) == (len(known), int((~known).sum()))
    assert record.filled == pytest.approx(filled.mean())
    assert record.filled_move_bps == pytest.approx(move[filled].mean())
    assert record.left_move_bps == pytest.approx(move[~filled].mean())
    assert record.selection_bps == pytest.approx(move[filled].mean() - move[~filled].mean())
    assert record.selection_bps is not None
    assert record.low_bps is not None
    assert record.high_bps is not None
    assert record.low_bps < record.selection_bps < record.high_bps
    assert record.selection_bps < 0.0  # of a random walk those are filled that fell first


def test_where_all_or_none_are_filled_or_on_few_days_there_is_no_selection() -> None:
    entries = night(np.random.default_rng(3)).entries
    away = replace(entries, simulation=entries.simulation.model_copy(update={"limit_offset_half_spreads": 1e4}))
    assert "0 were filled" in fill_record(away, ANALYSTS).answer
    few = fill_record(replace(entries, trades=entries.trades.head(12)), ANALYSTS)
    assert few.answer == f"not identified: fewer than {ANALYSTS.least_days} days have an order"
    assert few.filled is not None
    assert [row["limits"] for row in fill_rows([few])] == [12]


def test_orders_whose_outcome_nobody_knows_leave_no_selection() -> None:
    holes = np.zeros(20 * 1440, np.bool_)
    holes[::200] = True
    entries = night(np.random.default_rng(0), unknown=holes).entries
    record = fill_record(entries, ANALYSTS)
    assert record.unknown > 0.5 * record.orders
    assert record.filled is record.filled_move_bps is record.selection_bps is record.low_bps is None
    assert record.answer.startswith(f"not identified: {record.unknown} of {record.orders} orders have no known outcome")


def test_where_entries_rest_the_market_order_is_asked_of_all_that_was_sent() -> None:
    found = by_limit()
    _, document = analyse(found.material, ANALYSTS, BY_LIMIT.simulation, BY_LIMIT.decision)
    expired = found.decisions.filter(pl.col("refused_by") == "expired")
    assert expired.height > 30
    line = of_entry(document.regrets)
    assert line.alternative == "market order"
    assert line.trades + line.unknown == found.ledger.height + expired.height
    sent = replace(found.entries, expired=expired).sent
    actual = sent.replay()
    rested = sent.trades["as_of"].is_in(expired["as_of"].implode())
    assert set(actual.filter(rested)) == {0.0}
    own = found.ledger["net_bps"] * found.ledger["filled_share"]
    assert actual.filter(~rested).to_list() == own.to_list()
    asked = sent.replay(sent.under({"entry": "market"}))
    assert line.regret_bps == pytest.approx(float((asked - actual).drop_nulls().to_numpy().mean()))
    assert document.limits.filled == pytest.approx(found.ledger.height / len(actual), abs=0.01)


def test_the_labels_of_limits_hold_what_expired_and_break_no_law() -> None:
    found = by_limit(1)
    validate_outcomes(found.outcomes)
    expired = found.outcomes.filter(pl.col("exit_reason") == "expired")
    assert expired.height > 0.1 * found.outcomes.height
    patience = BY_LIMIT.simulation.limit_patience_minutes
    assert set((expired["exit_at"] - expired["as_of"]).dt.total_minutes()) == {1 + patience}
    bars = found.outcomes["as_of"].n_unique()
    plain = night(np.random.default_rng(1), share=0.3)
    lost = plain.outcomes["as_of"].n_unique() - bars
    assert 0 <= lost <= 1  # the newest, whose last barrier is later by the patience; none for what came of it


def test_an_unknown_minute_within_the_latest_barrier_marks_what_expired_as_it_marks_what_was_filled() -> None:
    holes = np.zeros(20 * 1440, np.bool_)
    holes[10 * 1440 + 7] = True
    crossed = by_limit(2, unknown=holes).outcomes.filter("crosses_unknown")
    reach = 1 + BY_LIMIT.simulation.limit_patience_minutes + BY_LIMIT.simulation.horizon_minutes
    first = np.datetime64(FIRST, "m") + np.timedelta64(10 * 1440 + 7, "m")
    ahead = (first - crossed["as_of"].to_numpy().astype("datetime64[m]")).astype(int)
    assert sorted(set(ahead)) == list(range(ahead.min(), reach - 1, 15))
    assert set(crossed["exit_reason"]) > {"expired"}


def test_the_whole_ledger_walks_with_the_other_entry() -> None:
    found = by_limit(3)
    replayer = Replayer(found.decisions.filter("accepted"), found.entries, BY_LIMIT.decision, FIRST, found.last)
    none = ANALYSTS.model_copy(update={"horizons": (), "take_profits": (), "stop_losses": ()})
    (line,) = sequels(replayer, none)
    assert line.alternative == "market order"
    assert line.trades > found.ledger.height  # what a limit leaves a market order takes
