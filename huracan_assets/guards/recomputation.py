"""Was it known? Make it again without the future, and compare the bits.

No statistic sees a slow feature that looks one minute ahead, or a scale taken from the whole window. Removing what came
later does: what is then another value was not known at its time. The comparison is exact, so it has no false alarms and
no bound to choose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.guards.leakage import Finding
from huracan_assets.resources.lake import Document, content_hash


@dataclass(frozen=True)
class Replay:
    """Rows that were known at `at`: as the night used them, and made again from nothing later.

    Both frames have the same columns, the first of which is the rows' time; rows lie in its order.
    """

    what: str
    at: np.datetime64
    used: pl.DataFrame
    again: pl.DataFrame


@dataclass(frozen=True)
class Refit:
    """Something fitted: as the night used it, and fitted again on the rows known before its judging began."""

    what: str
    used: Document | bytes
    again: Document | bytes


def altered_rows(replays: Sequence[Replay]) -> list[Finding]:
    """Columns that come out differently without the future; the figure is how many rows do, over all replays."""
    rows: dict[tuple[str, str], int] = {}
    first: dict[tuple[str, str], str] = {}
    for replay in replays:
        for column, differs in _differences(replay).items():
            key = (replay.what, column)
            rows[key] = rows.get(key, 0) + int(np.count_nonzero(differs))
            first.setdefault(key, _first(replay, differs))
    return [
        Finding(
            "timestamp_alignment",
            column,
            float(count),
            0.0,
            f"{column} of {what} was not known at its time: {count} rows come out differently, {first[what, column]}",
        )
        for (what, column), count in rows.items()
    ]


def _first(replay: Replay, differs: NDArray[np.bool_]) -> str:
    row = int(np.argmax(differs))
    where = f"first that of {replay.used[row, 0]}" if row < replay.used.height else "first at an unknown time"
    return f"{where}, with the future after {replay.at} removed"


def altered_fits(refits: Sequence[Refit]) -> list[Finding]:
    """Fits that come out differently from the rows known before their judging began."""
    return [
        Finding(
            "fit_on_test",
            refit.what,
            1.0,
            0.0,
            f"{refit.what}: another result from what was known before its judging began, so it has seen what judges it",
        )
        for refit in refits
        if content_hash(refit.used) != content_hash(refit.again)
    ]


def proven_columns(replays: Sequence[Replay]) -> frozenset[str]:
    """Columns that had values to compare and came out the same in every replay that holds them."""
    altered = {column for replay in replays for column in _differences(replay)}
    told = {name for replay in replays for name in replay.used.columns[1:] if replay.used[name].count()}
    return frozenset(told - altered)


def _differences(replay: Replay) -> dict[str, NDArray[np.bool_]]:
    """Column -> which rows differ, for columns that do; all rows of the time column where the rows are not the same."""
    used, again = replay.used, replay.again
    time = used.columns[0]
    if used.columns != again.columns or content_hash(used[[time]]) != content_hash(again[[time]]):
        return {time: np.ones(max(used.height, again.height, 1), np.bool_)}
    if content_hash(used) == content_hash(again):
        return {}
    differs = {name: _differs(used[name], again[name]) for name in used.columns}
    return {name: rows for name, rows in differs.items() if rows.any()}


def _differs(used: pl.Series, again: pl.Series) -> NDArray[np.bool_]:
    if not used.dtype.is_float():
        return (~used.eq_missing(again)).to_numpy()
    bits = np.int32 if used.dtype == pl.Float32 else np.int64
    # By bits: NaN equals itself and -0.0 is not 0.0. What lies in the memory of a null is chance.
    a, b = (np.ascontiguousarray(each.fill_null(0.0).to_numpy()).view(bits) for each in (used, again))
    return np.asarray((a != b) | (used.is_null() != again.is_null()).to_numpy())
