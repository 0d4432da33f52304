"""Trade outcomes: accounting identities, causality, and a hand-computed trade."""

from __future__ import annotations

import math
import os
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from huracan_assets.errors import ContractError
from huracan_assets.market.grid import MinuteGrid
from huracan_assets.settings import SimulationSettings
from huracan_assets.simulation.conditions import trade_conditions
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.trade_outcomes import OUTCOME_SCHEMA, trade_outcomes

FIRST = date(2025, 1, 1)
START = datetime(2025, 1, 1, tzinfo=UTC)
SIMULATION = SimulationSettings(
    taker_fee_bps=5.0,
    maker_fee_bps=2.0,
    spread_floor_bps=1.0,
    impact_coefficient=1.0,
    impact_prior_error=0.25,
    latency_minutes=1,
    entry="market",
    limit_offset_half_spreads=1.0,
    limit_patience_minutes=5,
    participation_max=0.1,
    fill_probability=1.0,
    touch_fill_probability=0.2,
    fill_seed=7,
    minimum_notional_usdt=5.0,
    usdt_per_gbp=1.25,
    take_profit_sigmas=1.5,
    stop_loss_sigmas=1.5,
    barrier_floor_bps=20.0,
    horizon_minutes=120,
)
COSTS = Costs.of(SIMULATION)
MINUTE = timedelta(minutes=1)


def candles(minutes: int, seed: int = 1, sigma: float = 5e-4) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, sigma, minutes)))
    open_ = np.concatenate([[100.0], close[:-1]]) * (1 + rng.normal(0, sigma / 10, minutes))
    high = np.maximum(open_, close) * (1 + np.abs(rng.normal(0, sigma / 2, minutes)))
    low = np.minimum(open_, close) * (1 - np.abs(rng.normal(0, sigma / 2, minutes)))
    volume = rng.gamma(20.0, 500.0, minutes)
    ts = [START + k * MINUTE for k in range(minutes)]
    return pl.DataFrame(
        {
            "ts": pl.Series(ts, dtype=pl.Datetime("us", "UTC")),
            "known_at": pl.Series([t + MINUTE for t in ts], dtype=pl.Datetime("us", "UTC")),
            "open": open_, "high": high, "low": low, "close": close, "volume": volume,
            "quote_volume": volume * close, "trades": pl.Series([5] * minutes, dtype=pl.Int64),
            "taker_buy_volume": volume * rng.random(minutes),
        }
    )  # fmt: skip


def grid_of(frame: pl.DataFrame, days: int) -> MinuteGrid:
    return MinuteGrid.from_candles(frame, FIRST, FIRST + timedelta(days=days - 1))


def bars_of(days: int, **columns: list[float | None]) -> pl.DataFrame:
    as_of = [START + timedelta(minutes=15 * (k + 1)) for k in range(96 * days)]
    return pl.DataFrame({"as_of": pl.Series(as_of, dtype=pl.Datetime("us", "UTC")), **columns})


@pytest.fixture(scope="module")
def market() -> tuple[MinuteGrid, pl.DataFrame]:
    frame = candles(3 * 1440)
    rng = np.random.default_rng(5)
    holes = rng.random(len(frame)) < 0.01
    holes[2000:2075] = True
    return grid_of(frame.filter(~pl.Series(holes)), 3), bars_of(3)


def outcomes(grid: MinuteGrid, bars: pl.DataFrame, funding: pl.DataFrame | None = None) -> pl.DataFrame:
    return trade_outcomes(grid, bars, funding, COSTS, SIMULATION, 1000.0)


def test_the_frame_has_its_schema_and_both_sides_of_every_bar(
    market: tuple[MinuteGrid, pl.DataFrame],
) -> None:
    frame = outcomes(*market)
    assert dict(frame.schema) == OUTCOME_SCHEMA
    assert frame["side"].to_list() == [1, -1] * (len(frame) // 2)
    assert frame["as_of"].to_list()[::2] == frame["as_of"].to_list()[1::2]
    assert frame["as_of"].is_sorted()
    assert frame.null_count().sum_horizontal().item() == 0
    # 4 hours of history first, a horizon of future last.
    assert frame["as_of"].min() == START + timedelta(hours=4, minutes=15)
    assert frame["as_of"].max() == START + timedelta(days=3, hours=-2, minutes=-15)


def test_the_accounts_of_every_trade_add_up(market: tuple[MinuteGrid, pl.DataFrame]) -> None:
    funding = pl.DataFrame({"ts": [START + timedelta(hours=8 * k) for k in range(9)], "rate": [1e-4, -2e-4, 3e-4] * 3})
    frame = outcomes(*market, funding)
    side = frame["side"].to_numpy().astype(np.float64)
    entry, exit_ = frame["entry_price"].to_numpy(), frame["exit_price"].to_numpy()
    gross = frame["gross_bps"].to_numpy()
    np.testing.assert_allclose(gross, side * (exit_ - entry) / entry * 1e4, atol=1e-9)
    net = gross - frame["cost_bps"].to_numpy() - frame["funding_bps"].to_numpy()
    np.testing.assert_array_equal(net, frame["net_bps"].to_numpy())
    assert (frame["mae_bps"].to_numpy() <= np.minimum(gross, 0) + 1e-9).all()
    assert (frame["mfe_bps"].to_numpy() >= np.maximum(gross, 0) - 1e-9).all()
    for row in frame.iter_rows(named=True):
        rates = [rate for ts, rate in funding.iter_rows() if row["entry_at"] < ts < row["exit_at"]]
        assert row["funding_bps"] == pytest.approx(row["side"] * 1e4 * sum(rates), abs=1e-9)
        assert row["as_of"] <= row["entry_at"] < row["exit_at"]


def test_funding_stamped_a_moment_late_is_not_charged_to_a_trade_entered_at_the_funding_minute() -> None:
    grid, bars = grid_of(candles(2 * 1440), 2), bars_of(2)
    late = pl.DataFrame({"ts": [START + timedelta(hours=16, milliseconds=4)], "rate": [1e-3]})
    paid = {
        row["as_of"]: row["funding_bps"]
        for row in outcomes(grid, bars, late).filter(pl.col("side") == 1).iter_rows(named=True)
    }
    assert paid[START + timedelta(hours=16)] == 0
    assert paid[START + timedelta(hours=15, minutes=45)] == pytest.approx(10.0)


def test_entry_and_conditions_of_one_bar_are_the_hand_computed_ones() -> None:
    frame = candles(2 * 1440).with_columns(taker_buy_volume=pl.lit(None, pl.Float64))
    grid, bars = grid_of(frame, 2), bars_of(2, spread_bps=[None, 4.0] * 96)
    row = 1440 + 29  # as_of 00:30 of day 2 is minute 1470's open
    as_of = START + timedelta(days=1, minutes=30)
    index = bars["as_of"].to_list().index(as_of)
    known = trade_conditions(grid, bars, COSTS, SIMULATION, 1000.0)
    closes = frame["close"].to_list()[: row + 1]
    squares = [math.log(b / a) ** 2 for a, b in pairwise(closes)]
    sigma = math.sqrt(sum(squares[-240:]) / 240)
    sigma_day = math.sqrt(sum(squares[-1440:]))
    volume = sum(frame["quote_volume"].to_list()[row + 1 - 1440 : row + 1])
    impact = sigma_day * math.sqrt(1250.0 / volume) * 1e4
    assert known.sigma[index] == pytest.approx(sigma, rel=1e-12)
    assert known.take_profit[index] == pytest.approx(max(1.5 * sigma * math.sqrt(120), 0.002), rel=1e-12)
    assert known.impact_bps[index] == pytest.approx(impact, rel=1e-9)
    assert known.half_spread_bps[index] == 2.0
    assert known.half_spread_bps[index - 1] == 0.5
    resting = trade_conditions(grid, bars, COSTS, SIMULATION.model_copy(update={"entry": "limit"}), 1000.0)
    assert known.round_trip_bps[index] == pytest.approx(2.0 * (5.0 + 2.0 + impact), rel=1e-9)
    assert resting.round_trip_bps[index] == pytest.approx(2.0 + (5.0 + 2.0 + impact), rel=1e-9)
    trade = outcomes(grid, bars).filter(pl.col("as_of") == as_of).row(0, named=True)
    assert trade["entry_at"] == as_of + timedelta(minutes=1)
    assert trade["entry_price"] == frame["open"][row + 2]
    taker = 5.0 + 2.0 + impact
    ratio = trade["exit_price"] / trade["entry_price"]
    leaving = 2.0 if trade["exit_reason"] == "take_profit" else taker
    assert trade["cost_bps"] == pytest.approx(taker + leaving * ratio, rel=1e-9)
    assert trade["slippage_bps"] == pytest.approx(
        (trade["entry_price"] / closes[-1] - 1.0) * 1e4 + 2.0 + impact, rel=1e-9
    )


def test_a_take_profit_costs_less_than_a_market_exit(market: tuple[MinuteGrid, pl.DataFrame]) -> None:
    frame = outcomes(*market)
    assert set(frame["exit_reason"]) == {"take_profit", "stop_loss", "time"}
    by = dict(frame.group_by("exit_reason").agg(pl.col("cost_bps").mean()).iter_rows())
    assert by["take_profit"] < by["stop_loss"] - 3
    assert by["take_profit"] < by["time"] - 3


def test_latency_moves_the_entry_by_whole_minutes() -> None:
    grid, bars = grid_of(candles(2 * 1440), 2), bars_of(2)
    slow = SIMULATION.model_copy(update={"latency_minutes": 3})
    frame = trade_outcomes(grid, bars, None, COSTS, slow, 1000.0)
    assert ((frame["entry_at"] - frame["as_of"]) == timedelta(minutes=3)).all()


def test_conditions_never_see_a_minute_after_the_decision(market: tuple[MinuteGrid, pl.DataFrame]) -> None:
    frame, bars = candles(2 * 1440), bars_of(2)
    cut = START + timedelta(days=1, hours=5)
    scrambled = frame.with_columns(
        pl.when(pl.col("ts") >= cut).then(pl.col(c) * 3).otherwise(pl.col(c)).alias(c)
        for c in ("open", "high", "low", "close", "volume", "quote_volume", "taker_buy_volume")
    )
    seen = bars["as_of"].to_numpy() <= np.datetime64(cut.replace(tzinfo=None))
    a, b = (trade_conditions(grid_of(f, 2), bars, COSTS, SIMULATION, 1000.0) for f in (frame, scrambled))
    np.testing.assert_array_equal(a.take_profit[seen], b.take_profit[seen])
    np.testing.assert_array_equal(a.taker_bps[seen], b.taker_bps[seen])
    assert (a.taker_bps[~seen] != b.taker_bps[~seen]).any()


def test_conditions_do_not_depend_on_where_the_grid_starts() -> None:
    frame = candles(3 * 1440)
    bars = bars_of(3).filter(pl.col("as_of") > START + timedelta(days=2))
    whole = trade_conditions(grid_of(frame, 3), bars, COSTS, SIMULATION, 1000.0)
    later = MinuteGrid.from_candles(frame, FIRST + timedelta(days=1), FIRST + timedelta(days=2))
    short = trade_conditions(later, bars, COSTS, SIMULATION, 1000.0)
    np.testing.assert_array_equal(whole.take_profit, short.take_profit)
    np.testing.assert_array_equal(whole.taker_bps, short.taker_bps)


def test_a_source_without_quote_volume_is_valued_at_the_close() -> None:
    frame, bars = candles(2 * 1440), bars_of(2)
    bare = frame.with_columns(pl.lit(None, pl.Float64).alias("quote_volume"))
    a, b = (trade_conditions(grid_of(f, 2), bars, COSTS, SIMULATION, 1000.0) for f in (frame, bare))
    np.testing.assert_allclose(a.impact_bps, b.impact_bps, rtol=1e-12)


def test_a_market_without_volume_or_with_a_short_history_offers_no_trade() -> None:
    bars = bars_of(1)
    still = candles(1440).with_columns(quote_volume=pl.lit(0.0))
    assert outcomes(grid_of(still, 1), bars).is_empty()
    assert outcomes(grid_of(candles(200), 1), bars).is_empty()


def test_unordered_bars_are_refused(market: tuple[MinuteGrid, pl.DataFrame]) -> None:
    grid, bars = market
    with pytest.raises(ContractError, match="ascending"):
        outcomes(grid, bars.reverse())


def test_a_stressed_market_never_pays_more_on_the_same_path(market: tuple[MinuteGrid, pl.DataFrame]) -> None:
    plain = outcomes(*market)
    for costs in (COSTS.with_fees(5.0), COSTS.shocked(spread=5.0, depth=0.2, impact=3.0)):
        stressed = trade_outcomes(*market, None, costs, SIMULATION, 1000.0)
        assert (stressed["net_bps"] < plain["net_bps"]).all()
        assert (stressed["gross_bps"] == plain["gross_bps"]).all()


def test_real_ethereum_through_an_exchange_halt_keeps_the_accounts() -> None:
    shared = Path(os.environ.get("HURACAN_SHARED", Path(__file__).parents[3] / "shared"))
    source = shared / "data" / "candles_1m_2023" / "ETH-USDT.parquet"
    if not source.is_file():
        pytest.skip(f"no recorded candles at {source}")
    frame = (
        pl.scan_parquet(source)
        .filter(pl.col("ts").is_between(datetime(2023, 3, 22, tzinfo=UTC), datetime(2023, 3, 26, tzinfo=UTC)))
        .collect()
    )
    grid = MinuteGrid.from_candles(
        frame.with_columns(pl.col("ts").cast(pl.Datetime("us", "UTC"))), date(2023, 3, 22), date(2023, 3, 25)
    )
    as_of = [datetime(2023, 3, 22, tzinfo=UTC) + timedelta(minutes=15 * k) for k in range(1, 96 * 4 + 1)]
    found = outcomes(grid, pl.DataFrame({"as_of": pl.Series(as_of, dtype=pl.Datetime("us", "UTC"))}))
    halt, reopened = (datetime(2023, 3, 24, h, m, tzinfo=UTC) for h, m in ((12, 40), (14, 0)))
    assert found.filter(pl.col("entry_at").is_between(halt, reopened, closed="left")).is_empty()
    assert found.filter((pl.col("exit_at") > halt) & (pl.col("exit_at") <= reopened)).is_empty()
    across = found.filter((pl.col("entry_at") < halt) & (pl.col("exit_at") > reopened))
    assert len(across) > 0
    assert found["net_bps"].is_finite().all()
