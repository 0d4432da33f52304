"""The whole settings tree, and how it is read."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from huracan_assets.errors import SettingsError
from huracan_assets.settings.judging import GateSettings, GuardSettings, ValidationSettings
from huracan_assets.settings.learning import LearningSettings
from huracan_assets.settings.market import (
    MarketSettings,
)
from huracan_assets.settings.trading import AnalystSettings, DecisionSettings, MemorySettings, SimulationSettings
from huracan_assets.settings.variables import refuse_unreadable

CONFIG_FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "config"


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
    analysts: AnalystSettings

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
        SettingsError: a file is missing, a `HURACAN_...` variable is none or no JSON where it has to be, or a value is
            unknown, missing or out of range; the message names each.
    """
    name = profile or os.environ.get("HURACAN_PROFILE", "local")
    tree: dict[str, Any] = {}
    for file in (CONFIG_FOLDER / "base.yaml", CONFIG_FOLDER / f"{name}.yaml"):
        if not file.is_file():
            raise SettingsError(f"settings file {file} does not exist: name a profile of {CONFIG_FOLDER}")
        tree = deep_merge(tree, _read_yaml(file))
    refuse_unreadable(Settings, os.environ)
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


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return read_settings()


def home() -> Path:
    """`HURACAN_HOME`, else `.huracan/` in the working folder: lake, database, models, bundles, keys."""
    return Path(os.environ.get("HURACAN_HOME", ".huracan")).expanduser().resolve()
