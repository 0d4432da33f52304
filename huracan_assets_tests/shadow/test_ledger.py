"""The ledger against a brute-force trader, and its limits one by one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.errors import ContractError
from huracan_assets.settings import DecisionSettings
from huracan_assets.shadow.contract import validate_ledger
from huracan_assets.shadow.ledger import LEDGER_SCHEMA, Traded, daily_returns, trade
from huracan_assets.simulation.fills import EXPIRED, FILLED
from huracan_assets.simulation.trade_market import TradeMarket
from huracan_assets.simulation.trade_outcomes import OUTCOME_SCHEMA, outcome_frame
from huracan_assets_tests.decision.evidence import limits
from huracan_assets_tests.shadow.trades import ledger, of_size, random_night, row, script

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


def closing_day(exit_at: datetime) -> date:
    """A trade closed by the last minute of a day belongs to that day."""
    return (exit_at - INSTANT).date()


def brute_force(
    decisions: pl.DataFrame, market: TradeMarket, bounds: DecisionSettings
) -> list[tuple[datetime, int, float]]:
    """(as_of, side, net bps) of the trades taken, every limit computed anew from the whole list of trades so far.

    Every trade of every bar is simulated by itself, for each size.
    """
    known = {(o["as_of"], o["side"], size): o for size in (500.0, 1000.0) for o in one_by_one(of_size(market, size))}
    done: list[dict[str, Any]] = []
    for d in decisions.iter_rows(named=True):
        outcome = known.get((d["as_of"], d["side"], d["size_gbp"]))
        if not d["accepted"] or outcome is None:
            continue
        now = d["as_of"]
        money = [t["net_bps"] * t["size_gbp"] / bounds.position_gbp for t in done]
        equity = np.concatenate([[0.0], np.cumsum(money)])
        losing = [t["exit_at"] for t, bps in zip(done, money, strict=True) if bps < 0]
        today = sum(b for t, b in zip(done, money, strict=True) if closing_day(t["exit_at"]) == now.date())
        if (
            any(t["exit_at"] > now for t in done)
            or equity.max() - equity[-1] >= bounds.max_drawdown_bps
            or any(now < exit_at + timedelta(minutes=bounds.cool_down_minutes) for exit_at in losing)
            or today <= -bounds.max_daily_loss_bps
        ):
            continue
        done.append(outcome | {"size_gbp": d["size_gbp"] * outcome["filled_share"]})
    return [(t["as_of"], t["side"], t["net_bps"]) for t in done if t["filled_share"] > 0.0]


def one_by_one(market: TradeMarket) -> list[dict[str, Any]]:
    """Every trade of every bar and side that has an outcome, whether or not the other side has one.

    An order that expired is a trade of nothing: it keeps the book busy until then.
    """
    found, made = market.every_trade()
    return [
        {
            "as_of": BEGIN + timedelta(minutes=int(market.decided[b])),
            "side": 1 - 2 * int(k),
            "exit_at": BEGIN + timedelta(minutes=int(found.exit[b, k]) + 1),
            "filled_share": float(found.filled[b, k]),
            "net_bps": float(made.net[b, k]) if found.code[b, k] == FILLED else 0.0,
        }
        for b, k in np.argwhere((found.code == FILLED) | (found.code == EXPIRED))
    ]


@settings(max_examples=80)
@given(
    seed=st.integers(0, 100_000),
    bars=st.integers(2, 250),
    cool=st.sampled_from([0, 30, 90]),
    daily=st.sampled_from([50.0, 200.0, 1e6]),
    drawdown=st.sampled_from([100.0, 500.0, 1e6]),
    patience=st.sampled_from([0, 4, 40]),
)
def test_the_ledger_is_the_brute_force_traders(
    seed: int, bars: int, cool: int, daily: float, drawdown: float, patience: int
) -> None:
    bounds = limits(cool_down_minutes=cool, max_daily_loss_bps=daily, max_drawdown_bps=drawdown)
    decisions, market = random_night(np.random.default_rng(seed), bars)
    market = replace(market, rules=market.rules._replace(patience=patience, offset=4.0))
    traded = trade("ETH-USDT", decisions, market, bounds)
    taken = list(traded.ledger.select("as_of", "side", "net_bps").iter_rows())
    assert taken == brute_force(decisions, market, bounds)
    end = traded.ledger["exit_at"].max() if taken else BEGIN
    assert isinstance(end, datetime)
    validate_ledger(traded.ledger, "ETH-USDT", end.date() + timedelta(days=1), bounds.position_gbp)


@settings(max_examples=40)
@given(seed=st.integers(0, 100_000), bars=st.integers(2, 250))
def test_every_bar_is_traded_refused_or_without_an_end(seed: int, bars: int) -> None:
    decisions, market = random_night(np.random.default_rng(seed), bars)
    traded = trade("ETH-USDT", decisions, market, limits())
    refused = decisions.filter(~pl.col("accepted")).height + traded.limited.height
    assert sum(traded.refusals.values()) == refused
    left = decisions.filter("accepted").join(traded.ledger, on="as_of", how="anti")
    open_ = left.join(traded.limited, on="as_of", how="anti")["as_of"]
    assert traded.ledger.height + refused + len(open_) == bars
    last = BEGIN + timedelta(minutes=len(market.path.open) - market.rules.horizon - 10)
    assert all(moment >= last for moment in open_)


def test_trades_of_the_whole_position_are_rows_of_the_outcomes_to_the_bit() -> None:
    decisions, market = random_night(np.random.default_rng(11), 400)
    whole = decisions.with_columns(size_gbp=pl.lit(1000.0))
    found = trade("ETH-USDT", whole, market, limits(max_drawdown_bps=1e9, max_daily_loss_bps=1e9)).ledger
    same = [name for name in OUTCOME_SCHEMA if name in LEDGER_SCHEMA]
    rows = found.join(outcome_frame(market), on=["as_of", "side"], how="semi")
    assert rows.height > 30
    assert rows.select(same).equals(outcome_frame(market).join(rows, on=["as_of", "side"], how="semi").select(same))
    part = found.filter(pl.col("filled_share") < 1.0)
    assert part.height > 0
    np.testing.assert_allclose(part["size_gbp"], 1000.0 * part["filled_share"], rtol=1e-15)


def test_what_the_market_refuses_is_named_and_counted() -> None:
    decisions, market = random_night(np.random.default_rng(12), 2000)
    found = trade("ETH-USDT", decisions, market, limits(max_drawdown_bps=1e9, max_daily_loss_bps=1e9))
    assert {"missed", "no_volume", "below_minimum"} <= found.refusals.keys()
    refused = found.limited.filter(pl.col("refused_by") == "no_volume")["as_of"]
    minute = ((refused - BEGIN).dt.total_minutes() + 1).to_numpy()
    assert (market.path.volume[minute] == 0.0).all()


def test_a_flat_signal_earns_exactly_nothing() -> None:
    decisions, market = random_night(np.random.default_rng(13), 300)
    flat = decisions.with_columns(side=pl.lit(0, pl.Int8), accepted=pl.lit(False), size_gbp=pl.lit(0.0))
    found = trade("ETH-USDT", flat, market, limits())
    assert found.ledger.is_empty()
    assert set(daily_returns(found.ledger, BEGIN.date(), date(2026, 1, 4), 1000.0)["net_return"]) == {0.0}


def test_a_decision_at_no_bar_of_the_market_is_refused() -> None:
    decisions, market = random_night(np.random.default_rng(14), 20)
    late = decisions.with_columns(pl.col("as_of") + timedelta(minutes=1), accepted=pl.lit(True))
    with pytest.raises(ContractError, match="no bar of the market"):
        trade("ETH-USDT", late, market, limits())


@settings(max_examples=60)
@given(seed=st.integers(0, 100_000), bars=st.integers(2, 400))
def test_the_days_add_up_to_the_total_and_leave_none_out(seed: int, bars: int) -> None:
    decisions, market = random_night(np.random.default_rng(seed), bars)
    found = trade("ETH-USDT", decisions, market, limits(max_drawdown_bps=1e9)).ledger
    newest = found["exit_at"].max() or BEGIN + INSTANT
    assert isinstance(newest, datetime)
    last = closing_day(newest)
    daily = daily_returns(found, BEGIN.date(), last, 1000.0)
    assert daily["day"].to_list() == [BEGIN.date() + timedelta(days=d) for d in range((last - BEGIN.date()).days + 1)]
    assert daily["net_return"].sum() == pytest.approx(float(found["pnl_gbp"].sum()) / 1000.0, abs=1e-12)
    for day, net in daily.iter_rows():
        of_day = [t["pnl_gbp"] for t in found.iter_rows(named=True) if closing_day(t["exit_at"]) == day]
        assert net == pytest.approx(sum(of_day) / 1000.0, abs=1e-12)


def test_a_trade_closed_at_midnight_counts_for_the_day_that_ends() -> None:
    late = row(datetime(2026, 1, 1, 23, 0, tzinfo=UTC), 50.0, exit_at=datetime(2026, 1, 2, tzinfo=UTC))
    daily = daily_returns(ledger(late), date(2026, 1, 1), date(2026, 1, 1), 1000.0)
    assert daily["net_return"].to_list() == [pytest.approx(0.005)]


def test_days_without_a_trade_bring_nothing_also_where_nothing_was_traded_at_all() -> None:
    daily = daily_returns(pl.DataFrame(schema=LEDGER_SCHEMA), date(2026, 1, 1), date(2026, 1, 3), 1000.0)
    assert daily["net_return"].to_list() == [0.0, 0.0, 0.0]


def scripted(entries: list[tuple[int, float, int]], **bounds: Any) -> Traded:
    """Decide long at each (minute, net bps, minutes held)."""
    market = script(entries)
    decisions, _ = random_night(np.random.default_rng(0), len(entries))
    longs = decisions.with_columns(
        as_of=pl.Series(market.as_of).dt.replace_time_zone("UTC"),
        side=pl.lit(1, pl.Int8),
        accepted=pl.lit(True),
        refused_by=pl.lit(""),
        size_gbp=pl.lit(1000.0),
    )
    return trade("ETH-USDT", longs, market, limits(**bounds))


def minutes(traded: Traded) -> list[int]:
    return [int((moment - BEGIN).total_seconds() // 60) for moment in traded.ledger["as_of"]]


def test_an_open_trade_refuses_until_its_exit_is_known() -> None:
    found = scripted([(15, 5.0, 45), (30, 5.0, 15), (59, 5.0, 5), (60, 5.0, 5)])
    assert minutes(found) == [15, 60]
    assert found.refusals == {"exposure": 2}


def test_a_loss_cools_down_and_a_gain_does_not() -> None:
    found = scripted([(15, -5.0, 15), (45, 5.0, 15), (60, 5.0, 15), (75, 5.0, 15)], cool_down_minutes=30)
    assert minutes(found) == [15, 60, 75]
    assert found.refusals == {"cool_down": 1}


def test_a_day_that_lost_enough_ends_and_the_next_one_begins_afresh() -> None:
    found = scripted(
        [(15, -100.0, 15), (60, -100.0, 15), (120, 5.0, 15), (1439, 5.0, 15), (1455, 5.0, 15)],
        max_daily_loss_bps=200.0,
        cool_down_minutes=0,
    )
    assert minutes(found) == [15, 60, 1455]
    assert found.refusals == {"daily_loss": 2}


def test_a_loss_closed_at_midnight_does_not_burden_the_new_day() -> None:
    found = scripted([(1400, -300.0, 40), (1440, 5.0, 15)], max_daily_loss_bps=200.0, cool_down_minutes=0)
    assert minutes(found) == [1400, 1440]


def test_a_drawdown_stops_for_good() -> None:
    days = [(1440 * day + 15, -60.001, 15) for day in range(6)]
    found = scripted([(5, 50.0, 5), *days], max_drawdown_bps=180.0, max_daily_loss_bps=1e6)
    assert minutes(found) == [5, 15, 1455, 2895]
    assert found.refusals == {"drawdown": 3}


def test_a_smaller_position_risks_less_of_every_limit() -> None:
    decisions, market = random_night(np.random.default_rng(5), 400)
    bounds = limits(max_drawdown_bps=300.0, max_daily_loss_bps=1e6)
    whole = trade("ETH-USDT", decisions.with_columns(size_gbp=pl.lit(1000.0)), market, bounds)
    tenth = trade("ETH-USDT", decisions.with_columns(size_gbp=pl.lit(100.0)), market, bounds)
    assert whole.refusals["drawdown"] > tenth.refusals.get("drawdown", 0)
    pounds = tenth.ledger["net_bps"] * 100.0 * tenth.ledger["filled_share"] / 1e4
    np.testing.assert_allclose(tenth.ledger["pnl_gbp"], pounds, rtol=0, atol=1e-12)


def test_nothing_accepted_is_an_empty_ledger_of_the_same_shape() -> None:
    decisions, market = random_night(np.random.default_rng(1), 50)
    found = trade("ETH-USDT", decisions.with_columns(accepted=pl.lit(False)), market, limits())
    assert dict(found.ledger.schema) == LEDGER_SCHEMA
    assert found.ledger.is_empty()
