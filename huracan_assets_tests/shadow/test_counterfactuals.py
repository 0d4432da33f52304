"""The laws of what-if: the same exit has no regret, no trade earns nothing, and what nobody knows has no figure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from huracan_assets.market.grid import VALUES, MinuteGrid
from huracan_assets.shadow.counterfactuals import Entries, Regret, exits, regret_rows, regrets
from huracan_assets.shadow.ledger import trade
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.trade_market import TradeMarket
from huracan_assets_tests.shadow.recorded_market import SETTINGS, SYMBOL, night

ANALYSTS, SIMULATION = SETTINGS.analysts, SETTINGS.simulation
DAYS = 20


def entries(seed: int = 0, unknown: np.ndarray | None = None) -> Entries:
    return night(np.random.default_rng(seed), DAYS, unknown=unknown).entries


def by_name(table: tuple[Regret, ...]) -> dict[str, Regret]:
    return {line.alternative: line for line in table}


def test_the_same_exit_and_the_same_size_have_a_regret_of_exactly_nothing() -> None:
    same = ANALYSTS.model_copy(
        update={
            "horizons": (SIMULATION.horizon_minutes,),
            "take_profits": (SIMULATION.take_profit_sigmas,),
            "stop_losses": (SIMULATION.stop_loss_sigmas,),
            "sizes": (1.0,),
        }
    )
    told = [line for line in regrets(entries(), same) if line.kind in ("exit", "size")]
    assert len(told) == 4
    for line in told:
        assert (line.regret_bps, line.error_bps, line.low_bps, line.high_bps) == (0.0, 0.0, 0.0, 0.0)
        assert not line.distinct


def test_the_replay_of_the_policys_own_exit_is_the_ledger_bit_for_bit() -> None:
    found = entries()
    assert found.replay().equals(found.trades["net_bps"].alias("replayed"))


def test_no_trade_earns_nothing_and_its_regret_is_what_was_lost() -> None:
    found = entries()
    line = by_name(regrets(found, ANALYSTS))["no trade"]
    assert line.net_bps == 0.0
    assert line.regret_bps == pytest.approx(-float(found.trades["net_bps"].to_numpy().mean()))


def test_a_size_that_goes_to_nothing_is_no_trade() -> None:
    tiny = ANALYSTS.model_copy(update={"sizes": (0.1, 0.01, 1e-9)})
    table = by_name(regrets(entries(), tiny))
    aside = table["no trade"].regret_bps
    assert aside is not None
    assert table["0.1 positions"].regret_bps == pytest.approx(0.9 * aside, rel=0.1)
    assert table["0.01 positions"].regret_bps == pytest.approx(0.99 * aside, rel=0.01)
    assert "a refused order" in table["1e-09 positions"].answer  # no venue takes an order so small


def test_one_size_for_all_is_held_against_the_sizes_that_trades_had() -> None:
    found = entries()
    shares = np.linspace(0.1, 1.0, found.trades.height)
    staked = found.trades.with_columns(size_gbp=pl.col("size_gbp") * shares)
    line = by_name(regrets(replace(found, trades=staked), ANALYSTS.model_copy(update={"sizes": (1.0,)})))["1 positions"]
    assert line.regret_bps == pytest.approx(float(((1.0 - shares) * found.trades["net_bps"].to_numpy()).mean()))


def test_a_larger_size_pays_more_impact_and_never_earns_more_on_its_own_notional() -> None:
    found = entries()
    one, ten = found.replay(), found.replay(found.market.with_size(10.0))
    assert (ten < one).all()


def test_each_exit_is_compared_trade_by_trade() -> None:
    found = entries()
    table = by_name(regrets(found, ANALYSTS))
    for name, change in exits(ANALYSTS).items():
        other = found.replay(found.under(change))
        gain = (other - found.trades["net_bps"]).drop_nulls().to_numpy()
        assert table[name].regret_bps == pytest.approx(gain.mean())
        assert table[name].trades == len(gain)


def test_minutes_after_the_window_change_no_answer() -> None:
    """The same trades in a window that ends a day earlier: what is still told is told in the same bits."""
    whole = night(np.random.default_rng(0), DAYS)
    minutes = (DAYS - 1) * 1440
    end = whole.grid.start + np.timedelta64(minutes, "m")
    costs, position = Costs.of(SIMULATION), SETTINGS.decision.position_gbp
    inside = pl.Series(whole.ledger["exit_at"].to_numpy() <= end)
    bars = whole.ledger.filter(inside).select("as_of", spread_bps=pl.lit(2.0))
    grid = MinuteGrid(
        start=whole.grid.start,
        present=whole.grid.present[:minutes],
        **{name: getattr(whole.grid, name)[:minutes] for name in VALUES},
    )
    market = TradeMarket.of(grid, bars, None, costs, SIMULATION, position)
    short = Entries(whole.ledger.filter(inside), market, SIMULATION, whole.entries.unknown[:minutes])
    longer = {"horizon_minutes": 240}
    early = short.replay(short.under(longer))
    late = whole.entries.replay(whole.entries.under(longer)).filter(inside)
    told = early.is_not_null()
    assert early.filter(told).equals(late.filter(told))
    assert told.sum() > 50
    last_entry = short.trades.filter(told)["entry_at"].to_numpy().max()
    assert last_entry + np.timedelta64(240, "m") <= end


def test_unknown_minutes_make_a_trade_unknown_and_many_make_the_answer_not_identified() -> None:
    few, many = np.zeros((2, DAYS * 1440), np.bool_)
    few[5 * 1440 + 600] = True
    many[::200] = True
    some = by_name(regrets(entries(unknown=few), ANALYSTS))
    assert all(line.regret_bps is not None for name, line in some.items() if "horizon" in name)
    for line in regrets(entries(unknown=many), ANALYSTS):
        assert line.regret_bps is line.low_bps is line.p_value is None
        assert line.answer.startswith("not identified: ")
        assert not line.distinct
    found = entries(unknown=many)
    for as_of, replayed in zip(found.trades["as_of"], found.replay(), strict=True):
        decided = np.datetime64(as_of.replace(tzinfo=None), "m")
        begin = int((decided - found.market.start) // np.timedelta64(1, "m"))
        if many[begin : begin + 121].any():
            assert replayed is None


def test_a_size_that_would_move_its_own_market_is_not_identified() -> None:
    huge = ANALYSTS.model_copy(update={"sizes": (2.0, 1e5)})
    table = by_name(regrets(entries(), huge))
    assert table["2 positions"].regret_bps is not None
    assert "not identified" in table["100000 positions"].answer
    assert "impact" in table["100000 positions"].why


def test_a_ledger_of_a_few_days_or_none_has_no_answers() -> None:
    found = entries()
    nothing, short = replace(found, trades=found.trades.clear()), replace(found, trades=found.trades.head(3))
    for which in (nothing, short):
        assert all("not identified" in line.answer for line in regrets(which, ANALYSTS))


def test_differences_are_judged_together() -> None:
    """Fifty alternatives without a difference: one by one some would stand out, together none does."""
    rng = np.random.default_rng(1)
    many = ANALYSTS.model_copy(update={"horizons": tuple(int(h) for h in rng.choice(np.arange(30, 300), 40, False))})
    table = regrets(entries(3), many)
    alone = [line for line in table if line.p_value is not None and line.p_value < 0.05]
    assert sum(line.distinct for line in table) <= len(alone)
    told = [line.p_value for line in table if line.p_value is not None]
    assert min(line.p_value for line in table if line.p_value is not None and not line.distinct) > 0.05 / len(told)


def test_the_rows_of_the_page_are_ranked_and_end_with_what_is_not_identified() -> None:
    huge = ANALYSTS.model_copy(update={"sizes": (1e5,)})
    rows = regret_rows(regrets(entries(), huge), ("exit", "size", "no trade"))
    assert len(rows) == 8
    assert rows[-1]["alternative"] == "100000 positions"
    assert rows[-1]["stands among all"] is None


def test_an_order_that_was_filled_in_part_counts_for_the_part() -> None:
    found = night(np.random.default_rng(0), DAYS)
    room = SETTINGS.decision.position_gbp * SIMULATION.usdt_per_gbp / SIMULATION.participation_max
    thin = replace(found.grid, volume=np.where(np.arange(len(found.grid)) % 2, 0.4 * room, 1e9) / 100.0)
    bars = pl.DataFrame({"as_of": found.decisions["as_of"], "spread_bps": 2.0})
    costs, position = Costs.of(SIMULATION), SETTINGS.decision.position_gbp
    market = TradeMarket.of(thin, bars, None, costs, SIMULATION, position)
    ledger = trade(SYMBOL, found.decisions, market, SETTINGS.decision).ledger
    part = ledger["filled_share"].to_numpy()
    assert part.min() < 0.6
    assert part.max() == 1.0
    replayed = Entries(ledger, market, SIMULATION, found.entries.unknown).replay()
    assert replayed.to_numpy() == pytest.approx(ledger["net_bps"].to_numpy() * part, nan_ok=True)
    assert replayed.null_count() < 5


def test_an_exit_that_changes_a_few_trades_alone_is_not_identified() -> None:
    """Stops so far away that the price comes there on a few days: no mean over trades knows what they are worth."""
    wide = SETTINGS.model_copy(update={"simulation": SIMULATION.model_copy(update={"stop_loss_sigmas": 2.0})})
    found = night(np.random.default_rng(0), DAYS, settings=wide).entries
    asked = ANALYSTS.model_copy(update={"stop_losses": (2.1,)})
    line = by_name(regrets(found, asked))["stop 2.1 sigma"]
    gain = (found.replay(found.under({"stop_loss_sigmas": 2.1})) - found.replay()).fill_null(0.0)
    assert 0 < (gain != 0.0).sum() < ANALYSTS.least_days
    assert line.regret_bps is None
    assert "it differs on" in line.answer
