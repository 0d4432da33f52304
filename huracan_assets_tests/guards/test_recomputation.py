"""Two frames are the same by their bits: what differs is counted, named, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from huracan_assets.guards.recomputation import Refit, Replay, altered_fits, altered_rows, proven_columns

AT = np.datetime64("2024-01-01T00:05", "us")
FRAME = pl.DataFrame(
    {
        "ts": [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minute) for minute in range(5)],
        "a": pl.Series([1.0, None, float("nan"), 0.0, 5.0], dtype=pl.Float32),
        "word": ["x", None, "x", "y", "y"],
        "empty": pl.Series([None] * 5, dtype=pl.Float64),
    }
)


def found(again: pl.DataFrame) -> dict[str, float]:
    return {finding.subject: finding.figure for finding in altered_rows([Replay("features", AT, FRAME, again)])}


def test_the_same_bits_are_no_finding_whatever_lies_under_a_null() -> None:
    assert found(FRAME.clone()) == {}
    assert found(FRAME.with_columns(pl.when(pl.col("a") == 1.0).then("a").otherwise("a"))) == {}


@pytest.mark.parametrize(
    ("column", "value", "row"),
    [("a", 1.0 + 1e-6, 0), ("a", None, 4), ("a", -0.0, 3), ("a", 7.0, 1), ("word", "z", 1), ("word", None, 3)],
)
def test_one_bit_of_one_row_is_found(column: str, value: float | str | None, row: int) -> None:
    at = pl.int_range(pl.len()) == row
    changed = FRAME.with_columns(
        pl.when(at).then(pl.lit(value, dtype=FRAME.schema[column])).otherwise(column).alias(column)
    )
    assert found(changed) == {column: 1.0}


def test_rows_that_are_missing_or_late_are_found_by_their_time() -> None:
    assert found(FRAME.head(4)) == {"ts": 5.0}
    assert found(FRAME.with_columns(pl.col("ts").dt.offset_by("1m"))) == {"ts": 5.0}
    assert found(FRAME.drop("word")) == {"ts": 5.0}


def test_rows_are_counted_over_all_replays_and_the_first_is_told() -> None:
    other = FRAME.with_columns(a=pl.lit(0.0, pl.Float32))
    replays = [Replay("features", AT, FRAME, other), Replay("features", AT, FRAME.head(2), other.head(2))]
    (finding,) = altered_rows(replays)
    assert (finding.check, finding.figure) == ("timestamp_alignment", 6.0)
    assert "2024-01-01 00:00:00" in finding.sentence and "2024-01-01T00:05" in finding.sentence


def test_a_column_is_proven_if_it_had_values_and_never_differed() -> None:
    changed = FRAME.with_columns(word=pl.lit("z"))
    assert proven_columns([Replay("features", AT, FRAME, FRAME)]) == {"a", "word"}
    assert proven_columns([Replay("features", AT, FRAME, FRAME), Replay("features", AT, FRAME, changed)]) == {"a"}
    assert proven_columns([]) == frozenset()


def test_a_fit_is_altered_in_its_last_bit() -> None:
    same = Refit("scaler", {"centre": (0.1, 0.2)}, {"centre": [0.1, 0.2]})
    other = Refit("calibrator", {"x": 0.1 + 0.2}, {"x": 0.3})
    (finding,) = altered_fits([same, other])
    assert (finding.check, finding.subject) == ("fit_on_test", "calibrator")
