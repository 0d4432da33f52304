"""Minutes with the spread that was quoted, where somebody recorded the order book."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.market.grid import MinuteGrid

Floats = NDArray[np.float64]

BOOK_AGE = np.timedelta64(2, "m")  # an older book is no book


@dataclass(frozen=True)
class QuotedGrid(MinuteGrid):
    """As `MinuteGrid`, with the full spread in bps of the newest book known at the close of each minute, (n,).

    NaN where there is no book, or none of the last two minutes.
    """

    quoted_spread_bps: Floats


def quoted(grid: MinuteGrid, books: pl.DataFrame | None) -> MinuteGrid:
    """The grid with what its order books quoted; the grid itself where there are none.

    Args:
        books: as in `ORDER_BOOKS_SCHEMA`.
    """
    if books is None or books.is_empty():
        return grid
    newest = books.sort("known_at", "ts")
    bid, ask = (newest[f"{side}_prices"].list.first().to_numpy() for side in ("bid", "ask"))
    spread = (ask - bid) / ((ask + bid) / 2.0) * 1e4
    known_at = newest["known_at"].dt.replace_time_zone(None).to_numpy().astype("datetime64[us]")
    row = np.searchsorted(known_at, grid.known_at, side="right") - 1
    fresh = (row >= 0) & (grid.known_at - known_at[np.maximum(row, 0)] <= BOOK_AGE)
    columns = {field.name: getattr(grid, field.name) for field in fields(MinuteGrid)}
    return QuotedGrid(**columns, quoted_spread_bps=np.where(fresh, spread[np.maximum(row, 0)], np.nan))


def quoted_spread(grid: MinuteGrid, known: NDArray[np.int64]) -> Floats:
    """The spread quoted at each decision (m,), NaN where none was.

    Args:
        known: rows of the grid that are known at each decision (m,), as a count.
    """
    found = np.full(len(known), np.nan)
    if isinstance(grid, QuotedGrid):
        inside = (known > 0) & (known <= len(grid))
        found[inside] = grid.quoted_spread_bps[known[inside] - 1]
    return found
