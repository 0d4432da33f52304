"""Bad input through the real commands: refused with a message that leads to the fault, and nothing half written."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from huracan_assets.days import DAY, MINUTES_PER_DAY, midnight
from huracan_assets.market.synthetic import SyntheticSource
from huracan_assets.partitions import partition_key
from huracan_assets_tests.end_to_end.conftest import NewEngine
from huracan_assets_tests.end_to_end.engine import Ended, Engine, lake_hashes, materialize_words
from huracan_assets_tests.end_to_end.profile import BENCHMARK, SHORT

GOOD, BAD = date(2021, 1, 5), date(2021, 1, 6)
ROW = MINUTES_PER_DAY + 700  # from 0, in files that begin with GOOD
MOMENT = f"{BAD} 11:40"
MADE = "candles,funding_rates,features"


@dataclass(frozen=True)
class Fault:
    """A fault in the file of `symbol`, and what the message must say of it beside file and symbol."""

    symbol: str
    says: tuple[str, ...]


FAULTS = {
    "truncated": Fault("ETH-USDT", ("cannot be read", "truncated")),
    "no close": Fault("SOL-USDT", ("lacks the column close",)),
    "doubled row": Fault("BNB-USDT", (MOMENT, f"row {ROW + 1} (from 0)", "same ts")),
    "unsorted row": Fault("XRP-USDT", (MOMENT, f"row {ROW + 1} (from 0)", "before the row above")),
    "negative price": Fault("ADA-USDT", (MOMENT, f"row {ROW} (from 0)", "low must be a positive, finite price")),
    "infinite price": Fault("DOGE-USDT", (MOMENT, f"row {ROW} (from 0)", "high must be a positive, finite price")),
    "day missing": Fault("AVAX-USDT", ("has no candles of AVAX-USDT on", str(BAD))),
}


def spoil(path: Path, fault: str) -> None:
    """Put a fault into the second day of a good file."""
    frame = pl.read_parquet(path)
    at = pl.int_range(pl.len()) == ROW
    if fault == "truncated":
        path.write_bytes(path.read_bytes()[:-2000])
        return
    spoilt = {
        "no close": lambda: frame.drop("close"),
        "doubled row": lambda: pl.concat([frame[: ROW + 1], frame[ROW:]]),
        "unsorted row": lambda: pl.concat(
            [frame[:ROW], frame[ROW + 1 : ROW + 2], frame[ROW : ROW + 1], frame[ROW + 2 :]]
        ),
        "negative price": lambda: frame.with_columns(low=pl.when(at).then(-1.0).otherwise("low")),
        "infinite price": lambda: frame.with_columns(high=pl.when(at).then(float("inf")).otherwise("high")),
        "day missing": lambda: frame.filter(pl.col("ts") < midnight(BAD)),
    }
    spoilt[fault]().write_parquet(path)


@dataclass(frozen=True)
class Spoilt:
    """An engine that made GOOD of every symbol, and was then asked for BAD of files that had been spoilt."""

    engine: Engine
    archive: Path
    before: dict[str, str]
    after: dict[str, str]
    ended: dict[str, Ended]


@pytest.fixture(scope="module")
def spoilt(new_engine: NewEngine, tmp_path_factory: pytest.TempPathFactory) -> Spoilt:
    archive = tmp_path_factory.mktemp("archive")
    symbols = (BENCHMARK, *(fault.symbol for fault in FAULTS.values()))
    source = SyntheticSource(symbols=symbols, benchmark=BENCHMARK, first=GOOD, seed=3, edge=0.0)
    for symbol in symbols:
        source.candles(symbol, GOOD, BAD).drop("known_at").write_parquet(archive / f"{symbol}.parquet")
    engine = new_engine(
        SHORT
        | {
            "HURACAN_MARKET__SOURCE": "archive",
            "HURACAN_MARKET__ARCHIVE": str(archive),
            "HURACAN_MARKET__FIRST_DAY": str(GOOD - DAY),
        }
    )
    engine.commands([materialize_words(MADE, partition_key(GOOD, symbol)) for symbol in symbols])
    before = lake_hashes(engine.lake)
    for fault, where in FAULTS.items():
        spoil(archive / f"{where.symbol}.parquet", fault)
    asked = [materialize_words(MADE, partition_key(BAD, where.symbol)) for where in FAULTS.values()]
    early = materialize_words(MADE, partition_key(GOOD - DAY, BENCHMARK))
    window = materialize_words("candles,funding_rates,features,feature_version", partition_key(BAD, BENCHMARK))
    ended = engine.commands([*asked, early, window])
    after = lake_hashes(engine.lake)
    return Spoilt(
        engine, archive, before, after, dict(zip([*FAULTS, "too early", "short history"], ended, strict=True))
    )


@pytest.mark.parametrize("fault", FAULTS)
def test_the_message_names_file_symbol_day_and_row(spoilt: Spoilt, fault: str) -> None:
    where, ended = FAULTS[fault], spoilt.ended[fault]
    assert ended.code != 0
    named = (f"{where.symbol}.parquet",) if fault != "day missing" else (str(spoilt.archive),)
    said = " ".join(ended.output.split())
    for words in (*named, where.symbol, *where.says):
        assert words in said, (words, ended.output[-3000:])


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_of_the_bad_day_is_written(spoilt: Spoilt, fault: str) -> None:
    symbol = FAULTS[fault].symbol
    assert [place for place in spoilt.after if symbol in place and str(BAD) in place and "funding" not in place] == []
    hidden = [path for path in spoilt.engine.lake.rglob(".*") if path.is_file()]
    assert hidden == []


def test_earlier_good_partitions_are_untouched(spoilt: Spoilt) -> None:
    good = {f"{asset}/{fault.symbol}/{GOOD}.parquet" for asset in ("candles", "features") for fault in FAULTS.values()}
    assert good <= set(spoilt.before)
    assert {place: spoilt.after.get(place) for place in spoilt.before} == spoilt.before


def test_a_day_before_the_first_candle_is_named_with_the_day_on_which_history_begins(spoilt: Spoilt) -> None:
    ended = spoilt.ended["too early"]
    assert ended.code != 0
    assert f"has no candles of {BENCHMARK} on {GOOD - DAY}. Its first day of {BENCHMARK} is {GOOD}" in ended.output
    assert "choose a later day, or lower look_back_days" in ended.output


def test_a_window_longer_than_history_is_an_error_that_names_the_days(spoilt: Spoilt) -> None:
    ended = spoilt.ended["short history"]
    assert ended.code != 0
    lacking = [BAD - DAY * back for back in range(5, 1, -1)]
    assert f"has no candles of {BENCHMARK} on {', '.join(map(str, lacking))}." in ended.output
    assert f"feature_version/{BENCHMARK}/{BAD}.json" not in spoilt.after


@pytest.fixture(scope="module")
def idle(new_engine: NewEngine) -> Engine:
    """An engine that nobody has used."""
    return new_engine(SHORT)


def test_an_unknown_symbol_is_refused_with_the_nearest_name(new_engine: NewEngine) -> None:
    untouched = new_engine(SHORT)
    ended = untouched.command("huracan", "run", "2021-01-20", "ETH-USDC")
    assert ended.code == 1
    assert "ETH-USDC" in ended.output
    assert "did you mean ETH-USDT" in ended.output
    assert "Traceback" not in ended.output
    assert not untouched.home.exists()


def test_dagsters_own_command_refuses_an_unknown_symbol_and_a_future_day(idle: Engine) -> None:
    today = datetime.now(UTC).date()
    words = [
        materialize_words(MADE, f"{day}|{symbol}") for day, symbol in (("2021-01-20", "NO-SUCH"), (today, BENCHMARK))
    ]
    unknown, future = idle.commands(words)
    for ended, named in ((unknown, "NO-SUCH"), (future, str(today))):
        assert ended.code != 0
        assert named in ended.output
    assert not idle.lake.exists()


@pytest.mark.parametrize(
    ("day", "says"),
    [
        (str(datetime.now(UTC).date() + 2 * DAY), "are not closed at"),
        ("2020-12-31", "is before market.first_day, 2021-01-01"),
        ("2021-02-30", "is not a day"),
    ],
)
def test_an_impossible_day_is_refused_in_a_sentence(idle: Engine, day: str, says: str) -> None:
    ended = idle.command("huracan", "run", day, BENCHMARK)
    assert ended.code == 1
    assert day in ended.output
    assert says in ended.output
    assert "Traceback" not in ended.output


@pytest.mark.parametrize(
    "words",
    [("huracan", "run", "2021-01-20", BENCHMARK), tuple(materialize_words("candles", f"2021-01-20|{BENCHMARK}"))],
    ids=["huracan", "dagster"],
)
def test_an_unreachable_postgres_is_said_at_once_and_its_password_never(idle: Engine, words: tuple[str, ...]) -> None:
    began = time.monotonic()
    ended = idle.command(*words, extra={"DATABASE_URL": "postgresql://brain:s3cr3t@127.0.0.1:1/huracan"})
    assert ended.code != 0
    assert "Postgres at postgresql://brain:***@127.0.0.1:1/" in ended.output
    assert "is not reachable" in ended.output
    assert "s3cr3t" not in ended.output
    assert time.monotonic() - began < 60  # of which Postgres' own patience is 5, the rest the start of Python
