"""What every test stands on: one thread a process, a home of its own, no telemetry."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from huracan_assets_tests.fixtures import cli_night, engine_home, session_home  # noqa: F401  (by name)
from huracan_assets_tests.work_order import longest_first, scheduler

if TYPE_CHECKING:
    from xdist.scheduler import LoadFileScheduling

# Before polars, numpy or torch load: afterwards these variables do nothing.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.update(DAGSTER_DISABLE_TELEMETRY="1", MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
os.environ["COLUMNS"] = "160"  # tables are as wide whatever terminal the tests run in

REPOSITORY = Path(__file__).resolve().parent.parent
SESSION_HOME = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Give the session a `HURACAN_HOME` of its own, so that no test writes into the operator's."""
    from hypothesis import settings

    settings.register_profile("huracan", deadline=None, derandomize=True)
    settings.load_profile("huracan")
    config.stash[SESSION_HOME] = Path(tempfile.mkdtemp(prefix="huracan-tests-"))
    os.environ["HURACAN_HOME"] = str(config.stash[SESSION_HOME])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the session's home."""
    shutil.rmtree(config.stash[SESSION_HOME], ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first; pytest-randomly has shuffled before."""
    longest_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """Under `--dist loadfile`: files that look at the same nights go to one process."""
    return scheduler(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recorded market data; the test skips, and says so, where it is absent."""
    folder = Path(os.environ.get("HURACAN_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no recorded market data at {folder}: set HURACAN_SHARED")
    return folder
