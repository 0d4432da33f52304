"""One typed settings tree.

Sources, the later wins: `deploy/config/base.yaml`, the profile named by `HURACAN_PROFILE` (`local` unless set),
`HURACAN_...` variables (`__` separates levels). The figures live in `base.yaml` alone; here is what they mean.
"""

from huracan_assets.settings.judging import GateSettings, GuardSettings, ValidationSettings
from huracan_assets.settings.learning import CalibrationSettings, LearningSettings, LightGBMSettings, PPOSettings
from huracan_assets.settings.market import (
    ExchangeSettings,
    Listing,
    MarketSettings,
    SyntheticSettings,
    UniverseSettings,
)
from huracan_assets.settings.section import Section
from huracan_assets.settings.trading import AnalystSettings, DecisionSettings, MemorySettings, SimulationSettings
from huracan_assets.settings.tree import CONFIG_FOLDER, Settings, deep_merge, home, read_settings, settings

__all__ = [
    "CONFIG_FOLDER",
    "AnalystSettings",
    "CalibrationSettings",
    "DecisionSettings",
    "ExchangeSettings",
    "GateSettings",
    "GuardSettings",
    "LearningSettings",
    "LightGBMSettings",
    "Listing",
    "MarketSettings",
    "MemorySettings",
    "PPOSettings",
    "Section",
    "Settings",
    "SimulationSettings",
    "SyntheticSettings",
    "UniverseSettings",
    "ValidationSettings",
    "deep_merge",
    "home",
    "read_settings",
    "settings",
]
