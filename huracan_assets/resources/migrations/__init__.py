"""Huracan's own tables, by Alembic. Each schema change is one file in `versions/`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from huracan_assets.errors import StorageError
from huracan_assets.resources.postgres import connect, laying_out

HEAD = "0005"


@cache
def ensure_schema(url: str) -> None:
    """Bring the schema of the database at `url` up to `HEAD`, once a process; a no-op where it is there already.

    Raises:
        StorageError: the database is not reachable, was written by a newer engine, lacks the vector extension or has
            too old a one, or its role may not lay out the tables.
    """
    with laying_out(url):
        if not _is_at_head(url):
            _upgrade(url)


def _is_at_head(url: str) -> bool:
    with connect(url) as opened:
        found = opened.execute("SELECT to_regclass('alembic_version')").fetchone()
        if found is None or found[0] is None:
            return False
        row = opened.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is not None and row[0] > HEAD:
        raise StorageError(f"the database is at schema {row[0]}, this engine knows {HEAD}: update the engine")
    return row is not None and row[0] == HEAD


def _upgrade(url: str) -> None:
    from alembic import command
    from alembic.config import Config

    with connect(url) as lock:  # two processes of a night may arrive together
        lock.execute("SELECT pg_advisory_xact_lock(hashtext('huracan.migrations'))")
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent))
        config.attributes["url"] = url.replace("postgresql://", "postgresql+psycopg://", 1)
        command.upgrade(config, "head")
