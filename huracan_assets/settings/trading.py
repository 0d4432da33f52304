"""What a trade costs, what may be traded, and how trades are looked back on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from huracan_assets.settings.section import Section


class SimulationSettings(Section):
    """Costs and barriers of a simulated trade."""

    taker_fee_bps: float = Field(ge=0)
    maker_fee_bps: float
    spread_floor_bps: float = Field(ge=0, description="the estimated spread never goes below it")
    impact_coefficient: float = Field(ge=0, description="Y of the square-root law, before the market has its say")
    impact_prior_error: float = Field(gt=0, description="standard error at which a fitted Y counts as much as that one")
    latency_minutes: int = Field(
        ge=1, description="whole minutes from the decision to the bar at whose open it is filled"
    )
    entry: Literal["market", "limit"] = Field(description="a market order, or a post-only limit that rests")
    limit_offset_half_spreads: float = Field(ge=0, description="of an entry's limit behind the last known price")
    limit_patience_minutes: int = Field(ge=1, description="how long an entry's limit rests; then it is cancelled")
    participation_max: float = Field(gt=0, le=1, description="most of a minute's volume that one order takes")
    fill_probability: float = Field(gt=0, le=1, description="that an entry is sent; the stress tests lower it")
    touch_fill_probability: float = Field(ge=0, le=1, description="of a limit that the price touches and no more")
    fill_seed: int = Field(ge=0, description="of the draws of the two probabilities")
    minimum_notional_usdt: float = Field(ge=0, description="the venue refuses a smaller order")
    usdt_per_gbp: float = Field(gt=0)
    take_profit_sigmas: float = Field(gt=0, description="in sigmas over the horizon")
    stop_loss_sigmas: float = Field(gt=0)
    barrier_floor_bps: float = Field(gt=0)
    horizon_minutes: int = Field(ge=1, description="the vertical barrier")


class MemorySettings(Section):
    """The pattern memory."""

    neighbours: int = Field(ge=1)
    patterns: int = Field(ge=1, description="at most; set-ups and their silhouettes choose the number")
    usual_days: int = Field(ge=2, description="days before a week from which it is told what is usual")
    recall_probes: int = Field(ge=1, description="bars on which the search among all coins is held to exact search")
    min_recall: float = Field(gt=0, le=1, description="below it exact search answers in its place")


class DecisionSettings(Section):
    """Intelligence gates, sizing and pre-trade limits."""

    position_gbp: float = Field(gt=0, description="of a trade, at most")
    min_position_share: float = Field(gt=0, le=1, description="of a trade, at least; 1 makes all trades alike")
    kelly_fraction: float = Field(gt=0, description="of the stake that makes a position grow fastest")
    min_confidence: float = Field(ge=0, le=1, description="calibrated probability that the trade pays")
    min_edge_to_cost: float = Field(ge=0, description="expected gross edge over all-in cost")
    min_agreement: float = Field(ge=0, le=1)
    source_half_life_days: float = Field(gt=0, description="in which half of a source's record is forgotten")
    max_spread_bps: float = Field(gt=0)
    max_daily_volatility: float = Field(gt=0, description="realised, as a fraction of price")
    cool_down_minutes: int = Field(ge=0, description="no entry this long after a losing exit")
    max_daily_loss_bps: float = Field(gt=0, description="no further entry on a day that lost this much")
    max_drawdown_bps: float = Field(gt=0, description="the policy stops for good")


class AnalystSettings(Section):
    """How the trades of a night are analysed."""

    post_exit_minutes: int = Field(ge=1, description="how long the price is watched after an exit")
    gain_costs: float = Field(gt=0, description="a move counts from so many times the trade's cost on")
    wrong_costs: float = Field(gt=0, description="a loser that never gained so much of its cost was wrong at once")
    burst_sigmas: float = Field(gt=1, description="volatility of the path over the entry's, from which on it burst")
    trend_sigmas: float = Field(gt=0, description="move of a trade in sigmas of its own path, from which on it trended")
    luck_share: float = Field(gt=0, le=1, description="of its minutes spent under water, from which on a win is luck")
    against_share: float = Field(gt=0, le=1, description="of the sources that voted, from which on it was against them")
    quick_minutes: int = Field(ge=1, description="a target reached so soon was quick")
    confidence_margin: float = Field(ge=0, description="so close above decision.min_confidence a trade was unsure")
    holding_minutes: tuple[int, ...] = Field(min_length=1, description="fixed holding times that are tried")
    horizons: tuple[int, ...] = Field(description="minutes; other vertical barriers that are tried")
    take_profits: tuple[float, ...] = Field(description="other multiples of sigma that are tried")
    stop_losses: tuple[float, ...] = Field(description="other multiples of sigma that are tried")
    sizes: tuple[float, ...] = Field(description="other sizes that are tried, in positions")
    max_impact_sigmas: float = Field(gt=0, description="of the horizon; a larger order would make its own path")
    max_unknown_share: float = Field(ge=0, lt=1, description="of trades without an answer; above it nobody has one")
    least_days: int = Field(ge=3, description="days with a trade that a mean over trades needs")
    least_effective: float = Field(ge=2, description="independent trades that a weighted mean needs")
    confidence_step: float = Field(gt=0, lt=1, description="by which the bar of confidence is moved, to see")
