"""Prepared nights that several tests look at: each is run once a session, by the real command, in a home of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from huracan_assets.days import DAY
from huracan_assets.partitions import partition_key
from huracan_assets.resources.compute import ONE_THREAD_VARIABLES, THREAD_VARIABLES
from huracan_assets_tests.end_to_end.engine import (
    Ended,
    Engine,
    aliases,
    lake_hashes,
    materialize_words,
    recorded_hashes,
)
from huracan_assets_tests.end_to_end.profile import APPROVING, NIGHT, SMALL, SYMBOL

NewEngine = Callable[[Mapping[str, str]], Engine]

# A machine's whims: a zone with daylight saving beyond the date line, another order of sets, another language, more
# threads.
ELSEWHERE = {
    "TZ": "Pacific/Auckland", "PYTHONHASHSEED": "12345", "LC_ALL": "C", "LANG": "de_DE.UTF-8",
    **dict.fromkeys((*THREAD_VARIABLES, *ONE_THREAD_VARIABLES), "3"),
}  # fmt: skip


@dataclass(frozen=True)
class Night:
    """A night that has run, and what it had left behind when it ended."""

    engine: Engine
    symbol: str
    day: date
    ended: Ended
    lake: dict[str, str]
    recorded: dict[tuple[str, str], str]
    aliases: dict[str, int]
    trials: int


@pytest.fixture(scope="session")
def new_engine() -> Iterator[NewEngine]:
    """Makes engines with homes of their own; at the end of the session they are stopped and removed.

    Not under pytest's folder: pytest closes it to other users, and Postgres runs as one of them where root tests.
    """
    made: list[Engine] = []

    def make(variables: Mapping[str, str]) -> Engine:
        made.append(Engine(Path(tempfile.mkdtemp(prefix="huracan-end-to-end-")) / "home", variables))
        return made[-1]

    yield make
    for engine in made:
        engine.stop()
        shutil.rmtree(engine.home.parent)


def run_night(engine: Engine, symbol: str, day: date, extra: dict[str, str] | None = None) -> Night:
    """Materialize every asset of a symbol-day, and note what is there afterwards."""
    ended = engine.materialize("*", partition_key(day, symbol), extra).succeeded()
    return look_at(engine, symbol, day, ended)


def look_at(engine: Engine, symbol: str, day: date, ended: Ended) -> Night:
    """What an engine holds now."""
    from huracan_assets.resources.tracking import Tracking

    with engine.opened() as instance:
        return Night(
            engine=engine,
            symbol=symbol,
            day=day,
            ended=ended,
            lake=lake_hashes(engine.lake),
            recorded=recorded_hashes(instance),
            aliases=aliases(symbol),
            trials=Tracking.open().trials(symbol, day).n_distinct,
        )


@pytest.fixture(scope="session")
def night(new_engine: NewEngine) -> Night:
    """The first night of a symbol in a fresh home, undisturbed; approved, since its bounds pass anything."""
    return run_night(new_engine(SMALL | APPROVING), SYMBOL, NIGHT)


@pytest.fixture(scope="session")
def next_night(night: Night) -> Night:
    """The night after it, in the same home, and then the first night once more, in one process and `ELSEWHERE`.

    In the next night the first one's champion trades a day that it has never seen. The rerun of the first night must
    not see what came later.
    """
    keys = [partition_key(day, SYMBOL) for day in (NIGHT + DAY, NIGHT)]
    ended = night.engine.commands([materialize_words("*", key) for key in keys], ELSEWHERE)
    for each in ended:
        each.succeeded()
    return look_at(night.engine, SYMBOL, NIGHT + DAY, ended[0])


@pytest.fixture(scope="session")
def recorded_market(shared: Path) -> Path:
    """Recorded candles of five symbols in 2023."""
    return shared / "data" / "candles_1m_2023"


@pytest.fixture(scope="session")
def real_night(new_engine: NewEngine, recorded_market: Path) -> Night:
    """A night on recorded candles, with the bounds of the engine as they are."""
    source = {"HURACAN_MARKET__SOURCE": "archive", "HURACAN_MARKET__ARCHIVE": str(recorded_market)}
    return run_night(new_engine(SMALL | source), SYMBOL, date(2023, 6, 10))
