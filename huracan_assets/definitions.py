"""The whole graph on one page: every asset by room, in the order in which data walks through them."""

from __future__ import annotations

import dagster as dg

from huracan_assets import jobs, schedules, sensors
from huracan_assets.decision import assets as decision
from huracan_assets.engines import assets as engines
from huracan_assets.features import assets as features
from huracan_assets.gates import assets as gates
from huracan_assets.guards import assets as guards
from huracan_assets.learning import assets as learning
from huracan_assets.market import assets as market
from huracan_assets.market import checks as market_checks
from huracan_assets.memory import assets as memory
from huracan_assets.regimes import assets as regimes
from huracan_assets.registry import assets as registry
from huracan_assets.resources.io_manager import LakeIOManager
from huracan_assets.shadow import assets as shadow
from huracan_assets.simulation import assets as simulation
from huracan_assets.validation import assets as validation

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
    assets=[*dg.load_assets_from_modules(ROOMS), jobs.universe_spec, jobs.daily_metrics_spec],
    asset_checks=dg.load_asset_checks_from_modules([*ROOMS, market_checks]),
    jobs=[jobs.market_job, jobs.universe_job, jobs.brains_job, jobs.close_job, jobs.record_order_books],
    schedules=[schedules.nightly, schedules.order_book_snapshots],
    sensors=[sensors.market_ended, sensors.universe_ended, sensors.brains_ended],
    resources={"io_manager": LakeIOManager()},
    # A step in its own process costs seconds to start; runs are the unit of parallelism.
    executor=dg.in_process_executor,
)
