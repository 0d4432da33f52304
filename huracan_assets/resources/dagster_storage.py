"""Dagster's storage in the engine's own Postgres, started by the first `dagster` command that needs it."""

from __future__ import annotations

from typing import Any

from dagster._config.config_schema import UserConfigSchema
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

from huracan_assets.resources.postgres import database_url, laying_out

STATEMENT_TIMEOUT_MS = 600_000
POOL_RECYCLE_S = 3600
POOL_OVERFLOW = 20


class HuracanStorage(DagsterPostgresStorage):
    """What `dagster.yaml` names, so that it holds neither a port nor a password."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """No options: `DATABASE_URL` decides."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> HuracanStorage:
        """Find or start Postgres and open Dagster's database in it.

        Without its pool Dagster opens a connection for each query, more than a thousand in a night.

        Raises:
            StorageError: Postgres is not reachable, or lets Dagster's tables not be made.
        """
        url = database_url("dagster", "+psycopg2")
        with laying_out(url):
            storage = cls(inst_data=inst_data, postgres_url=url)
        for part in (storage.run_storage, storage.event_log_storage, storage.schedule_storage):
            part.optimize_for_webserver(STATEMENT_TIMEOUT_MS, POOL_RECYCLE_S, POOL_OVERFLOW)
        return storage
