"""Huracan's own tables, by Alembic. Each schema change is one file in `versions/`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from huracan_assets.errors import StorageError

HEAD = "0004"


@cache
def ensure_schema(url: str) -> None:
    """Bring the schema of the database at `url` up to `HEAD`, once a process; a no-op where it is there already.

    Raises:
        StorageError: the database was written by a newer engine, or lacks the vector extension.
    """
    import psycopg

    with psycopg.connect(url) as opened:
        found = opened.execute("SELECT to_regclass('alembic_version')").fetchone()
        if found is not None and found[0] is not None:
            row = opened.execute("SELECT version_num FROM alembic_version").fetchone()
            if row is not None and row[0] == HEAD:
                return
            if row is not None and row[0] > HEAD:
                raise StorageError(f"the database is at schema {row[0]}, this engine knows {HEAD}: update the engine")
    _upgrade(url)


def _upgrade(url: str) -> None:
    import psycopg
    from alembic import command
    from alembic.config import Config

    with psycopg.connect(url) as lock:  # two processes of a night may arrive together
        lock.execute("SELECT pg_advisory_xact_lock(hashtext('huracan.migrations'))")
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent))
        config.attributes["url"] = url.replace("postgresql://", "postgresql+psycopg://", 1)
        command.upgrade(config, "head")
