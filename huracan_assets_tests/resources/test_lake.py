from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from upath import UPath

from huracan_assets.errors import StorageError
from huracan_assets.resources.lake import Lake, atomic_write, canonical_json, content_hash

DAY = date(2026, 6, 1)
SYMBOL = "BTC-USDT"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(UPath(tmp_path / "lake"))


def frame(rows: int = 50) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "ts": [datetime(2026, 6, 1, tzinfo=UTC) + timedelta(minutes=i) for i in range(rows)],
            "close": rng.standard_normal(rows),
            "small": rng.standard_normal(rows).astype(np.float32),
            "count": pl.Series(range(rows), dtype=pl.Int64),
            "flag": [i % 2 == 0 for i in range(rows)],
            "regime": [("TREND", "RANGE", None)[i % 3] for i in range(rows)],
            "taker": [None if i % 5 == 0 else float(i) for i in range(rows)],
        }
    )


columns = st.lists(st.one_of(st.none(), st.floats(allow_nan=False), st.just(float("nan"))), min_size=1, max_size=20)


@given(values=columns)
def test_equal_frames_hash_alike_however_they_came_to_be(values: list[float | None]) -> None:
    whole = pl.DataFrame({"x": values}, schema={"x": pl.Float64})
    chunks = pl.concat([whole[:1], whole[1:]], rechunk=False)
    masked = pl.DataFrame({"x": [1e9 if v is None else v for v in values], "ok": [v is not None for v in values]})
    hidden = masked.select(pl.when("ok").then("x").alias("x"))  # other bits in the memory of its nulls
    assert content_hash(whole) == content_hash(chunks) == content_hash(hidden) == content_hash(whole.clone())


@given(
    values=st.lists(st.integers(-5, 5), min_size=2, max_size=10),
    other=st.lists(st.integers(-5, 5), min_size=2, max_size=10),
)
def test_different_values_hash_differently(values: list[int], other: list[int]) -> None:
    same = content_hash(pl.DataFrame({"x": values})) == content_hash(pl.DataFrame({"x": other}))
    assert same == (values == other)


def test_names_types_order_and_nulls_are_content() -> None:
    base = pl.DataFrame({"a": [1, 2], "b": [3, 4]})
    others = [
        base.rename({"a": "c"}),
        base.select("b", "a"),
        base.reverse(),
        base.cast({"a": pl.Int32}),
        base.with_columns(a=pl.Series([1, None])),
        base.with_columns(a=pl.Series([1, 0])),
        base.head(1),
        base.head(0),
        pl.DataFrame({"ab": [1, 2, 3, 4]}),
    ]
    hashes = {content_hash(one) for one in [base, *others]}
    assert len(hashes) == len(others) + 1


def test_a_lake_of_yesterday_has_the_hashes_of_today() -> None:
    held = frame(7).with_columns(
        hour=pl.when("flag").then("ts"),
        day=pl.col("ts").dt.date(),
        kind=pl.col("regime").cast(pl.Enum(["TREND", "RANGE"])),
        hole=pl.when("flag").then("count"),
        sure=pl.when(~pl.col("flag")).then("flag"),
        sizes=pl.when("flag").then(pl.concat_list("count", "taker")),
    )
    digest = content_hash(held.drop("close", "small"))
    assert digest == "577f6d1e8f3e1f8b2fbf4c7fd478884eef6b1159db250dea7eddcb63263ca1ba"


def test_strings_with_separators_do_not_collide() -> None:
    one, two = pl.DataFrame({"s": ["a,b", "c"]}), pl.DataFrame({"s": ["a", "b,c"]})
    empty, null = pl.DataFrame({"s": [""]}), pl.DataFrame({"s": [None]}, schema={"s": pl.String})
    assert len({content_hash(value) for value in (one, two, empty, null)}) == 4


def test_nested_columns_hash_by_value() -> None:
    one = pl.DataFrame({"l": [[1.0, 2.0], None]})
    other = pl.DataFrame({"l": [[1.0, 2.5], None]})
    array = pl.DataFrame({"l": pl.Series([[1.0, 2.0]], dtype=pl.Array(pl.Float32, 2))})
    changed = pl.DataFrame({"l": pl.Series([[1.0, 3.0]], dtype=pl.Array(pl.Float32, 2))})
    assert len({content_hash(value) for value in (one, other, array, changed)}) == 4


class Report(BaseModel):
    b: float
    a: date


def test_documents_hash_by_content_not_by_order_or_type() -> None:
    model = Report(b=1.5, a=DAY)
    assert content_hash(model) == content_hash({"a": "2026-06-01", "b": 1.5}) == content_hash({"b": 1.5, "a": DAY})
    assert content_hash({"b": 1.5}) != content_hash({"b": 1.6})
    assert canonical_json({"b": np.float64(1.5), "a": [1, 2]}) == b'{"a":[1,2],"b":1.5}'


def test_frames_come_back_as_written_with_their_hash(lake: Lake) -> None:
    digest = lake.write_frame("features", SYMBOL, DAY, frame())
    back = lake.read_frame("features", SYMBOL, DAY)
    assert back.equals(frame())
    assert back.schema == frame().schema
    assert digest == content_hash(back) == lake.frame_hash("features", SYMBOL, DAY)


def test_documents_and_weights_come_back(lake: Lake) -> None:
    digest = lake.write_document("verdict", SYMBOL, DAY, Report(b=1.5, a=DAY))
    assert lake.read_document("verdict", SYMBOL, DAY) == {"a": "2026-06-01", "b": 1.5}
    assert digest == content_hash(Report(b=1.5, a=DAY))
    assert lake.write_weights("ppo", SYMBOL, DAY, b"\0\1") == content_hash(b"\0\1")
    assert lake.read_weights("ppo", SYMBOL, DAY) == b"\0\1"


def test_writing_twice_gives_the_same_bytes_and_no_second_file(lake: Lake) -> None:
    lake.write_frame("features", SYMBOL, DAY, frame())
    path = Path(str(lake.path("features", SYMBOL, DAY)))
    before = path.read_bytes()
    lake.write_frame("features", SYMBOL, DAY, frame())
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_windows_follow_the_order_asked_for_and_name_what_is_missing(lake: Lake) -> None:
    days = [DAY + timedelta(ahead) for ahead in range(3)]
    for ahead, day in enumerate(days):
        lake.write_frame("candles", SYMBOL, day, pl.DataFrame({"x": [ahead], "y": [0]}))
    assert lake.read_window("candles", SYMBOL, days, ["x"])["x"].to_list() == [0, 1, 2]
    assert lake.read_window("candles", SYMBOL, days[::-1])["x"].to_list() == [2, 1, 0]
    later = DAY + timedelta(3)
    assert lake.missing("candles", SYMBOL, [*days, later]) == [later]
    with pytest.raises(StorageError, match="candles of BTC-USDT on 2026-06-04"):
        lake.read_window("candles", SYMBOL, [*days, later])


def test_what_is_not_there_is_named(lake: Lake) -> None:
    assert not lake.has("features", SYMBOL, DAY)
    for read in (lake.read_frame, lake.frame_hash, lake.read_document, lake.read_weights):
        with pytest.raises(StorageError, match=r"materialise features of 2026-06-01\|BTC-USDT first"):
            read("features", SYMBOL, DAY)


@pytest.mark.parametrize("keep", [0, 10, 0.5, -1])
def test_a_cut_file_is_named_as_damaged(lake: Lake, keep: float) -> None:
    lake.write_frame("features", SYMBOL, DAY, frame())
    path = Path(str(lake.path("features", SYMBOL, DAY)))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep) if 0 < keep < 1 else int(keep)])
    for read in (lake.read_frame, lake.frame_hash):
        with pytest.raises(StorageError, match=r"features/BTC-USDT/2026-06-01.parquet is damaged"):
            read("features", SYMBOL, DAY)


@given(bit=st.integers(0, 10**9))
def test_a_flipped_bit_is_never_read_as_data(tmp_path_factory: pytest.TempPathFactory, bit: int) -> None:
    lake = Lake(UPath(tmp_path_factory.getbasetemp() / "flipped"))
    lake.write_frame("features", SYMBOL, DAY, frame())
    path = Path(str(lake.path("features", SYMBOL, DAY)))
    data = bytearray(path.read_bytes())
    bit %= 8 * len(data)
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
    try:
        back = lake.read_frame("features", SYMBOL, DAY)
    except StorageError as error:
        assert str(path) in str(error)
    else:
        assert back.equals(frame())  # the bit was one of Parquet's that says nothing about the content


def test_a_file_of_somebody_else_is_not_what_was_written(lake: Lake) -> None:
    lake.write_frame("features", SYMBOL, DAY, frame())
    path = Path(str(lake.path("features", SYMBOL, DAY)))
    frame().write_parquet(path)
    with pytest.raises(StorageError, match="is damaged"):
        lake.read_frame("features", SYMBOL, DAY)
    frame(9).write_parquet(path, metadata={"huracan.sha256": content_hash(frame())})
    with pytest.raises(StorageError, match="is not what was written"):
        lake.read_frame("features", SYMBOL, DAY)


def test_a_damaged_document_is_named(lake: Lake) -> None:
    lake.write_document("verdict", SYMBOL, DAY, {"a": 1})
    Path(str(lake.path("verdict", SYMBOL, DAY, "json"))).write_text('{"a":')
    with pytest.raises(StorageError, match=r"verdict/BTC-USDT/2026-06-01\.json is damaged"):
        lake.read_document("verdict", SYMBOL, DAY)


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    atomic_write(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(StorageError, match="No space"):
        patched.setattr(os, "fsync", full)
        atomic_write(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_killed_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    atomic_write(path, b"old")
    pid = os.fork()
    if pid == 0:
        os.fsync = lambda descriptor: os.kill(os.getpid(), 9)  # type: ignore[assignment]
        atomic_write(path, b"new")
        os._exit(1)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == 9
    assert path.read_bytes() == b"old"


def test_the_home_and_the_lake_variable_say_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HURACAN_HOME", str(tmp_path))
    monkeypatch.delenv("HURACAN_LAKE", raising=False)
    assert Path(str(Lake.open().base)) == tmp_path / "lake"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for spelt in ("~/mine", "mine", str(tmp_path / "mine"), (tmp_path / "mine").as_uri()):
        monkeypatch.setenv("HURACAN_LAKE", spelt)
        assert str(Lake.open().base) == str(tmp_path / "mine")
    monkeypatch.setenv("HURACAN_LAKE", "memory://lake")
    far = Lake.open()
    far.write_frame("features", SYMBOL, DAY, frame())
    assert far.read_frame("features", SYMBOL, DAY).equals(frame())
    assert far.missing("features", SYMBOL, [DAY]) == []


def test_days_written_together_are_the_days_written_one_by_one(lake: Lake) -> None:
    days = {DAY + timedelta(ahead): frame(10 + ahead) for ahead in range(20)}
    digests = lake.write_frames("together", SYMBOL, days, {"made.by": "test"})
    for day, one in days.items():
        assert digests[day] == lake.write_frame("alone", SYMBOL, day, one, {"made.by": "test"})
        together, alone = (Path(str(lake.path(asset, SYMBOL, day))) for asset in ("together", "alone"))
        assert together.read_bytes() == alone.read_bytes()
    assert sum(1 for _ in Path(str(lake.base)).glob("together/*/*")) == len(days)
    assert lake.write_frames("together", SYMBOL, {}) == {}
    far = Lake.at("memory://together")
    assert far.write_frames("candles", SYMBOL, days) == digests
    assert far.read_frame("candles", SYMBOL, DAY).equals(days[DAY])


def test_of_days_written_together_one_that_fails_is_told_and_leaves_nothing_half_written(lake: Lake) -> None:
    days = {DAY + timedelta(ahead): frame(5) for ahead in range(6)}
    broken = Path(str(lake.path("features", SYMBOL, DAY + timedelta(3))))
    broken.mkdir(parents=True)  # a folder in the place of a file
    with pytest.raises(StorageError, match="2026-06-04"):
        lake.write_frames("features", SYMBOL, days)
    assert {path.suffix for path in broken.parent.iterdir()} == {".parquet"}
    for day in list(days)[:3]:
        assert lake.read_frame("features", SYMBOL, day).equals(days[day])


def test_every_file_is_synchronised_before_its_name_and_the_folder_after(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    sync, rename = os.fsync, Path.replace

    def spied_sync(descriptor: int) -> None:
        sync(descriptor)
        order.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    def spied_rename(self: Path, target: Path) -> Path:
        assert str(self) in order
        order.append(str(target))
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", spied_sync)
    monkeypatch.setattr(Path, "replace", spied_rename)
    days = {DAY + timedelta(ahead): frame(5) for ahead in range(10)}
    lake.write_frames("features", SYMBOL, days)
    assert order[-1] == str(lake.base / "features" / SYMBOL)
    assert {str(lake.path("features", SYMBOL, day)) for day in days} <= set(order[:-1])
