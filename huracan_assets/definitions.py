"""The whole graph on one page: every asset by room, in the order in which data walks through them."""

from __future__ import annotations

import warnings

import dagster as dg

# MultiPartitionMapping, which every look-back uses, says at each start that it is in beta.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

from huracan_assets import jobs, schedules, sensors  # noqa: E402
from huracan_assets.decision import assets as decision  # noqa: E402
from huracan_assets.engines import assets as engines  # noqa: E402
from huracan_assets.features import assets as features  # noqa: E402
from huracan_assets.gates import assets as gates  # noqa: E402
from huracan_assets.guards import assets as guards  # noqa: E402
from huracan_assets.learning import assets as learning  # noqa: E402
from huracan_assets.market import assets as market  # noqa: E402
from huracan_assets.market import checks as market_checks  # noqa: E402
from huracan_assets.memory import assets as memory  # noqa: E402
from huracan_assets.regimes import assets as regimes  # noqa: E402
from huracan_assets.registry import assets as registry  # noqa: E402
from huracan_assets.resources.io_manager import LakeIOManager  # noqa: E402
from huracan_assets.shadow import assets as shadow  # noqa: E402
from huracan_assets.simulation import assets as simulation  # noqa: E402
from huracan_assets.validation import assets as validation  # noqa: E402

ROOMS = (
    market,
    features,
    guards,
    regimes,
    engines,
    simulation,
    memory,
    learning,
    decision,
    shadow,
    validation,
    gates,
    registry,
)

defs = dg.Definitions(
    assets=[*dg.load_assets_from_modules(ROOMS), jobs.universe, jobs.daily_metrics],
    asset_checks=dg.load_asset_checks_from_modules([*ROOMS, market_checks]),
    jobs=[jobs.market, jobs.universe_job, jobs.brains, jobs.close, jobs.record_order_books],
    schedules=[schedules.nightly, schedules.order_book_snapshots],
    sensors=[sensors.market_ended, sensors.universe_ended, sensors.brains_ended],
    resources={"io_manager": LakeIOManager()},
    # A step in its own process costs seconds to start; runs are the unit of parallelism.
    executor=dg.in_process_executor,
)
