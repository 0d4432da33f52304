"""The engine on this machine: what every process of a home is told, and its services in order."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from huracan_assets import settings
from huracan_assets.errors import HuracanError
from huracan_assets.observability.console import say
from huracan_assets.resources import processes
from huracan_assets.resources.compute import ComputeBudget
from huracan_assets.resources.lake import atomic_write
from huracan_assets.resources.postgres import database_url
from huracan_assets.resources.processes import Running

TEMPLATE = processes.WORKSPACE.with_name("dagster.yaml")


def dagster_home(home: Path) -> Path:
    """`<home>/dagster`, laid out: the repository's `dagster.yaml`, as many runs at a time as cores."""
    document = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))
    document["concurrency"]["runs"]["max_concurrent_runs"] = ComputeBudget.of_machine().concurrent_runs
    head = f"# Written by `huracan` from {TEMPLATE.name} of the repository: change it there.\n"
    text = head + yaml.safe_dump(document)
    file = home / "dagster" / "dagster.yaml"
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        atomic_write(file, text.encode())
    return file.parent


def environment(home: Path) -> dict[str, str]:
    """The variables by which Dagster, MLflow and the engine find this home; no secret among them."""
    mlflow = processes.mlflow_server(home, {}, "").url or ""
    return {
        "HURACAN_HOME": str(home),
        "DAGSTER_HOME": str(home / "dagster"),
        "HURACAN_MLFLOW_URL": os.environ.get("HURACAN_MLFLOW_URL", mlflow),
        "MLFLOW_TRACKING_URI": mlflow,
    }


def start() -> list[Running]:
    """Start what does not run yet: Postgres (the embedded one alone), MLflow, the web UI, the daemon.

    Before them the runs are ended whose processes a crash has taken along: the queue and the sensors wait for them.

    Raises:
        HuracanError: a service did not start; what this call had started is stopped again.
    """
    where = settings.home()
    dagster_home(where)
    env = environment(where)
    own = [] if "DATABASE_URL" in os.environ else [processes.embedded_postgres()]
    holders = processes.up(where, env, own)
    try:
        _end_lost_runs(where)
        services = [
            processes.mlflow_server(where, env, database_url("mlflow", "+psycopg2")),
            processes.dagster_webserver(env),
            processes.dagster_daemon(),
        ]
        return holders + processes.up(where, env, services)
    except HuracanError:
        for holder in holders:
            if not holder.already:
                processes.stop(where, holder.name)
        raise


def _end_lost_runs(where: Path) -> None:
    import dagster as dg

    from huracan_assets.resources.lost_runs import end_lost_runs

    with dg.DagsterInstance.from_config(str(where / "dagster")) as instance:
        for run_id in end_lost_runs(instance):
            say(f"run {run_id} was under way when its process ended: it is marked as ended")
