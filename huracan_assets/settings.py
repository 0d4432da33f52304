"""One typed settings tree.

Sources, the later wins: `deploy/config/base.yaml`, the profile named by `HURACAN_PROFILE` (`local` unless set),
`HURACAN_...` variables (`__` separates levels). The figures live in `base.yaml` alone; here is what they mean.
"""

from __future__ import annotations

import os
from datetime import date
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from huracan_assets.errors import SettingsError

CONFIG_FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "config"


class Section(BaseModel):
    """A branch of the tree: immutable, and no unknown key passes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Listing(Section):
    """A symbol that the engine follows; a retired one stays, with the day it was delisted."""

    symbol: str = Field(pattern=r"^[A-Z0-9]+-[A-Z0-9]+$")
    delisted: date | None = None

    def is_listed(self, day: date) -> bool:
        """Whether `day` lies before the delisting."""
        return self.delisted is None or day < self.delisted


class ExchangeSettings(Section):
    """The ccxt door; public endpoints only."""

    id: str
    base_url: str | None
    proxy: str | None
    rate_limit: bool = Field(description="keep to the exchange's published limit; false only for a mirror of one's own")
    concurrency: int = Field(ge=1, description="requests under way at once")
    timeout_s: float = Field(gt=0)
    max_attempts: int = Field(ge=1, description="of one request, before its days are given up")
    backoff_first_s: float = Field(gt=0, description="the longest wait after a first failure; doubles with each")
    backoff_most_s: float = Field(gt=0)
    longest_wait_s: float = Field(ge=0, description="a ban that lasts longer is told, not sat out")
    close_grace_s: float = Field(ge=0, description="a bar counts as closed so long after its end")
    confirmations: int = Field(ge=0, description="how often an hour that contradicts itself is asked for again")
    perpetuals: bool = Field(description="ask the futures endpoints for funding and open interest")
    trades: bool = Field(description="fetch every trade; a busy symbol-day has millions")


class SyntheticSettings(Section):
    """The seeded market. `edge` is the planted drift in bps a minute per unit of order-flow signal; 0: none."""

    seed: int = Field(ge=0)
    edge: float = Field(ge=0)


class UniverseSettings(Section):
    """Which candidates of a day get a Brain."""

    size: int = Field(ge=1, description="so many at most")
    days: int = Field(ge=1, description="the days, ending with the night's, by which candidates are judged")
    warm_up_days: int = Field(ge=0, description="history a coin needs before the look-back: its features' warm-up")
    min_completeness: float = Field(ge=0, le=1, description="share of the minutes that have a candle")
    max_spread_bps: float = Field(gt=0)


class MarketSettings(Section):
    """Where candles come from, and of what."""

    source: Literal["ccxt", "archive", "synthetic"]
    archive: Path | None
    first_day: date
    benchmark: str
    max_unknown_minutes: int = Field(ge=0, le=1440, description="a day with more is quarantined")
    witnesses: tuple[str, ...] = Field(description="symbols whose silence beside another's is an outage of the venue")
    revision_days: int = Field(ge=1, description="days before a night that are fetched again and compared")
    symbols: tuple[Listing, ...] = Field(min_length=1, description="the candidates of the universe")
    universe: UniverseSettings
    collect: tuple[Literal["funding_rates", "open_interest", "order_books", "trades"], ...] = Field(
        description="what is asked for beside candles, where the source has it"
    )
    exchange: ExchangeSettings
    synthetic: SyntheticSettings

    @field_validator("symbols", mode="before")
    @classmethod
    def _plain_names(cls, value: Any) -> Any:
        return [{"symbol": item} if isinstance(item, str) else item for item in value]

    @model_validator(mode="after")
    def _coherent(self) -> MarketSettings:
        names = [listing.symbol for listing in self.symbols]
        if len(set(names)) != len(names):
            raise ValueError("market.symbols names a symbol twice")
        if self.benchmark not in names:
            raise ValueError(f"market.benchmark {self.benchmark} is not one of market.symbols")
        ends = [listing.delisted or date.max for listing in self.symbols]
        if ends != sorted(ends, reverse=True):
            # A night fetches the symbols of its day as one range, so they must be the first of the list on any day.
            raise ValueError("market.symbols: retired symbols stand last, the longest retired at the end")
        if self.source == "archive" and self.archive is None:
            raise ValueError("market.source is archive: set HURACAN_MARKET__ARCHIVE to the archive's folder")
        return self

    def symbol_names(self) -> tuple[str, ...]:
        """All symbols, retired ones included, in the order of the list."""
        return tuple(listing.symbol for listing in self.symbols)

    def listed(self, day: date) -> tuple[str, ...]:
        """The symbols that were not yet delisted on `day`."""
        return tuple(listing.symbol for listing in self.symbols if listing.is_listed(day))

    def witnesses_of(self, symbol: str, day: date) -> tuple[str, ...]:
        """The witnesses that are listed on `day` and are not the symbol itself."""
        return tuple(name for name in self.witnesses if name != symbol and name in self.listed(day))


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


class SimulationSettings(Section):
    """Costs and barriers of a simulated trade."""

    taker_fee_bps: float = Field(ge=0)
    maker_fee_bps: float
    spread_floor_bps: float = Field(ge=0, description="the estimated spread never goes below it")
    impact_coefficient: float = Field(ge=0, description="Y of the square-root law")
    latency_minutes: int = Field(
        ge=1, description="whole minutes from the decision to the bar at whose open it is filled"
    )
    usdt_per_gbp: float = Field(gt=0)
    take_profit_sigmas: float = Field(gt=0, description="in sigmas over the horizon")
    stop_loss_sigmas: float = Field(gt=0)
    barrier_floor_bps: float = Field(gt=0)
    horizon_minutes: int = Field(ge=1, description="the vertical barrier")


class MemorySettings(Section):
    """The pattern memory."""

    neighbours: int = Field(ge=1)
    patterns: int = Field(ge=1)


class LightGBMSettings(Section):
    """LightGBM's parameters; the deterministic ones are not settings."""

    rounds: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    num_leaves: int = Field(ge=2)
    min_data_in_leaf: int = Field(ge=1)
    feature_fraction: float = Field(gt=0, le=1)
    bagging_fraction: float = Field(gt=0, le=1)
    lambda_l2: float = Field(ge=0)
    max_bin: int = Field(ge=3)
    recency_half_life_days: float = Field(gt=0)
    evidence_prior: float = Field(ge=0, description="squared t at which half of a feature's evidence counts")
    linear_penalty: float = Field(gt=0, description="ridge of the linear model, in independent labels")


class PPOSettings(Section):
    """Proximal policy optimisation (Schulman et al. 2017), in the paper's words."""

    environments: int = Field(ge=1)
    rollout_bars: int = Field(ge=2)
    episode_bars: int = Field(ge=2, description="an episode is truncated, and its value bootstrapped, after so many")
    first_steps: int = Field(ge=1, description="steps on the first training window")
    fold_steps: int = Field(ge=0, description="further steps on each later window")
    hidden: int = Field(ge=1)
    epochs: int = Field(ge=1)
    minibatch: int = Field(ge=2)
    learning_rate: float = Field(gt=0)
    gamma: float = Field(gt=0, lt=1)
    gae_lambda: float = Field(ge=0, le=1)
    clip: float = Field(gt=0, lt=1)
    entropy: float = Field(ge=0)
    value_coefficient: float = Field(gt=0)
    max_grad_norm: float = Field(gt=0)
    cost_multiple: float = Field(ge=1, description="the reward charges costs so many times")
    risk_aversion: float = Field(ge=0, description="half of it times the squared return, in sigmas, is charged")


class LearningSettings(Section):
    """Walk-forward and the learners."""

    first_train_days: int = Field(ge=1, description="days before the first test segment")
    folds: int = Field(ge=2, description="test segments; the first only calibrates, trading starts in the second")
    embargo_minutes: int = Field(ge=0)
    lightgbm: LightGBMSettings
    ppo: PPOSettings


class DecisionSettings(Section):
    """Intelligence gates, sizing and pre-trade limits."""

    position_gbp: float = Field(gt=0)
    min_confidence: float = Field(ge=0, le=1, description="calibrated probability that the trade pays")
    min_edge_to_cost: float = Field(ge=0, description="expected gross edge over all-in cost")
    edge_errors: float = Field(ge=0, description="standard errors by which the cost gate believes the edge less")
    min_agreement: float = Field(ge=0, le=1)
    max_spread_bps: float = Field(gt=0)
    max_daily_volatility: float = Field(gt=0, description="realised, as a fraction of price")
    cool_down_minutes: int = Field(ge=0, description="no entry this long after a losing exit")
    max_daily_loss_bps: float = Field(gt=0, description="no further entry on a day that lost this much")
    max_drawdown_bps: float = Field(gt=0, description="the policy stops for good")


class ValidationSettings(Section):
    """How the evidence is made."""

    bootstrap_paths: int = Field(ge=100)
    bootstrap_block_days: int = Field(ge=1)
    permutation_min_shift_bars: int = Field(ge=1, description="shorter circular shifts are too like the truth")
    stress_days: int = Field(ge=1, description="the newest out-of-sample days, replayed under stress")
    importance_shifts: int = Field(ge=1, description="circular shifts of a feature a segment, for its importance")


class GateSettings(Section):
    """The bounds of the seven gates (reference: gates in the architecture page)."""

    sharpe_min: float
    win_rate_min: float
    profit_factor_min: float
    trades_min: int
    deflated_sharpe_min: float
    permutation_p_max: float
    drawdown_max: float
    volatility_max: float
    excess_losing_run_max: int
    brier_max: float
    ece_max: float
    psi_max: float
    live_sharpe_share_min: float
    stress_drawdown_multiple: float
    critical_gain_share: float = Field(gt=0, le=1, description="critical features: the fewest that carry this gain")


class Settings(BaseSettings):
    """The whole tree."""

    model_config = SettingsConfigDict(
        env_prefix="HURACAN_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    look_back_days: int = Field(ge=2)
    decision_minutes: int = Field(ge=1, le=240)
    seed: int = Field(ge=0)
    market: MarketSettings
    guards: GuardSettings
    simulation: SimulationSettings
    memory: MemorySettings
    learning: LearningSettings
    decision: DecisionSettings
    validation: ValidationSettings
    gates: GateSettings

    @property
    def min_age_days(self) -> int:
        """Days since its first candle that a coin needs for a Brain's window and the warm-up before it."""
        return self.look_back_days + self.market.universe.warm_up_days

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments of the call (the YAML) lose against the environment."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _coherent(self) -> Settings:
        if 24 * 60 % self.decision_minutes:
            raise ValueError("decision_minutes must divide a day")
        test_days = self.look_back_days - self.learning.first_train_days
        if test_days < self.learning.folds:
            raise ValueError(
                f"look_back_days {self.look_back_days} leaves {test_days} days for {self.learning.folds} folds: "
                "raise look_back_days or lower learning.folds"
            )
        return self


def deep_merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the leaves of `over` in place of its own; neither is changed."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = deep_merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def read_settings(profile: str | None = None, overrides: dict[str, Any] | None = None) -> Settings:
    """The settings in force.

    Args:
        profile: a file of `deploy/config/`; `HURACAN_PROFILE`, else `local`, where None.
        overrides: leaves that win over the YAML and lose against the environment.

    Raises:
        SettingsError: a file is missing, or a value is unknown, missing or out of range; the message names each.
    """
    name = profile or os.environ.get("HURACAN_PROFILE", "local")
    tree: dict[str, Any] = {}
    for file in (CONFIG_FOLDER / "base.yaml", CONFIG_FOLDER / f"{name}.yaml"):
        if not file.is_file():
            raise SettingsError(f"settings file {file} does not exist: name a profile of {CONFIG_FOLDER}")
        tree = deep_merge(tree, _read_yaml(file))
    misspelt = [variable for variable in os.environ if _is_misspelt(variable)]
    if misspelt:
        raise SettingsError(
            f"{', '.join(sorted(misspelt))}: no such setting; {CONFIG_FOLDER / 'base.yaml'} lists them all"
        )
    try:
        return Settings(**deep_merge(tree, overrides or {}))
    except ValidationError as error:
        raise SettingsError(
            f"profile {name} and the HURACAN_ variables do not make valid settings:\n{error}"
        ) from error


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise SettingsError(f"settings file {file} is not YAML: {error}") from error
    if not isinstance(tree, dict):
        raise SettingsError(
            f"settings file {file} is not a tree of settings: start it with a section, as base.yaml does"
        )
    return tree


def _is_misspelt(variable: str) -> bool:
    """Whether a variable was meant as a setting and is none; pydantic sees only those whose first level it knows."""
    if not variable.startswith("HURACAN_"):
        return False
    first, *below = variable.removeprefix("HURACAN_").lower().split("__")
    known = Settings.model_fields
    return first not in known and bool(below or get_close_matches(first, known, cutoff=0.85))


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return read_settings()


def home() -> Path:
    """`HURACAN_HOME`, else `.huracan/` in the working folder: lake, database, models, bundles, keys."""
    return Path(os.environ.get("HURACAN_HOME", ".huracan")).expanduser().resolve()
