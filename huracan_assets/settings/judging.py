"""When data and models are not to be trusted."""

from __future__ import annotations

from pydantic import Field

from huracan_assets.settings.section import Section


class GuardSettings(Section):
    """When data is not to be trusted."""

    break_minutes: int = Field(ge=1, description="no decision so long after too long an unknown stretch")
    max_unknown_stretch_minutes: int = Field(ge=0, description="a longer one is a break")
    max_stale_minutes: int = Field(ge=1, description="identical traded bars in a row before a feed counts as stuck")
    max_return_sigmas: float = Field(gt=0, description="a one-minute return beyond this many robust sigmas is a spike")
    max_seam_bps: float = Field(gt=0, description="a bar that opens farther from the close before is a splice")
    max_minute_return: float = Field(gt=0, description="a larger |log return| of a minute needs a second witness")
    max_zero_volume_share: float = Field(gt=0, lt=1, description="of a day's minutes; above it fills meet nobody")
    dead_market_share: float = Field(gt=0, le=1, description="of minutes without a trade; above it no market's day")
    max_amount_difference: float = Field(gt=0, lt=1, description="between two views of a volume; a larger one is grave")
    drift_current_days: int = Field(ge=1, description="the newest days, compared with the days before them")
    drift_bins: int = Field(ge=2)
    drift_alarm_quantile: float = Field(gt=0.5, lt=1, description="share of driftless features without an alarm")
    leakage_correlation_max: float = Field(gt=0, lt=1, description="|rank IC| of one feature above which it is a proxy")
    leakage_cuts: int = Field(ge=1, description="moments at which a night makes its features again without the future")


class ValidationSettings(Section):
    """How the evidence is made."""

    bootstrap_paths: int = Field(ge=100)
    bootstrap_block_days: int = Field(ge=1)
    permutation_min_shift_bars: int = Field(ge=1, description="shorter circular shifts are too like the truth")
    stress_days: int = Field(ge=1, description="the newest out-of-sample days, replayed under stress")
    regime_labels_min: float = Field(ge=2, description="independent labels that judge a regime by itself")
    importance_shifts: int = Field(ge=1, description="circular shifts of a feature a segment, for its importance")


class GateSettings(Section):
    """The bounds of the seven gates (reference: gates in the architecture page)."""

    sharpe_min: float
    win_rate_min: float = Field(ge=0, lt=1)
    profit_factor_min: float = Field(ge=0)
    trades_min: int = Field(ge=1)
    deflated_sharpe_min: float = Field(ge=0, lt=1)
    permutation_p_max: float = Field(gt=0, le=1)
    seeds_earning_min: float = Field(lt=1, description="share of PPO's seeds that earn on unseen, traded segments")
    drawdown_max: float = Field(gt=0, description="of the whole position, trade by trade and on resampled days")
    volatility_max: float = Field(gt=0)
    excess_losing_run_max: int = Field(ge=0, description="losses in a row beyond what chance explains")
    brier_max: float = Field(gt=0, le=1)
    ece_max: float = Field(gt=0, le=1)
    psi_max: float = Field(gt=0)
    live_sharpe_share_min: float = Field(gt=0)
    live_days_min: int = Field(ge=2, description="with fewer, a champion that holds is provisional")
    stress_drawdown_multiple: float = Field(ge=1, description="of drawdown_max, under the worst of eight scenarios")
    critical_gain_share: float = Field(gt=0, le=1, description="critical features: the fewest that carry this gain")
    promotion_p_max: float = Field(gt=0, lt=1, description="of the paired test of an approved challenger and champion")
