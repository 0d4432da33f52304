"""Order books, trades and open interest of an archive: what a recorder wrote down, made into the contracts' rows.

Order books and trades lie in `order_books/` as `spot_btcusdt_20240808_depth.parquet` and `..._trades.parquet`: the name
says market, symbol and the day on which the recorder began. Open interest lies in `open_interest/*.parquet`. Either
folder may lie in the archive or beside it. Both clocks are kept: `ts` is the exchange's, `known_at` the later of the
exchange's and the recorder's, since a recorder whose clock runs behind would know of things before they happened.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from huracan_assets.days import DAY, midnight
from huracan_assets.errors import CandleError, MarketError
from huracan_assets.market.archive.files import readable
from huracan_assets.market.contract import TIME
from huracan_assets.market.open_interest import OPEN_INTEREST_SCHEMA, validate_open_interest
from huracan_assets.market.order_books import LEVELS, ORDER_BOOKS_SCHEMA, validate_order_books
from huracan_assets.market.trades import TRADES_SCHEMA, validate_trades

BOOKS_FOLDER, OPEN_INTEREST_FOLDER = "order_books", "open_interest"
RECORDED_FOLDERS = (BOOKS_FOLDER, OPEN_INTEREST_FOLDER)
CLOCKS = ("ts_local_ns", "ts_exch_ms")
DEPTH_COLUMNS = (*CLOCKS, "update_id", "side", "price", "qty", "is_snapshot")
TRADE_COLUMNS = (*CLOCKS, "trade_id", "price", "qty", "buyer_is_maker")
OPEN_INTEREST_COLUMNS = ("venue", "symbol", "ts", "open_interest")
BID, ASK = 1, -1
_NAME = re.compile(r"(?P<market>[a-z]+)_(?P<symbol>[a-z0-9]+)_(?P<day>\d{8})_(?P<kind>depth|trades)")


@dataclass(frozen=True)
class Recording:
    """A file of `order_books/`, by its name."""

    path: Path
    market: str
    began: date


def recorded_order_books(archive: Path, symbol: str, first: date, last: date) -> pl.DataFrame | None:
    """The books of the days [first, last] by `ts`, the last of each minute; None where none was recorded.

    A book begins with a snapshot; updates without one tell of some levels only, and give none.

    Raises:
        MarketError: a file cannot be read, or several markets have the symbol.
        CandleError: a column is missing, a level is no number, or a book breaks its contract.
    """
    parts = [_books(path) for path in _recordings(archive, symbol, "depth", first, last)]
    books = _of_days(parts, first, last)
    if books is None:
        return None
    origin = f"archive {archive}"
    return validate_order_books(books.select(list(ORDER_BOOKS_SCHEMA)), symbol=symbol, origin=origin)


def recorded_trades(archive: Path, symbol: str, first: date, last: date) -> pl.DataFrame | None:
    """The trades of the days [first, last] by `ts`; None where none was recorded.

    Raises:
        MarketError: a file cannot be read, or several markets have the symbol.
        CandleError: a column is missing, or a trade breaks its contract.
    """
    parts = [_trades(path) for path in _recordings(archive, symbol, "trades", first, last)]
    trades = _of_days(parts, first, last)
    if trades is None:
        return None
    return validate_trades(trades.select(list(TRADES_SCHEMA)), symbol=symbol, origin=f"archive {archive}")


def recorded_open_interest(archive: Path, symbol: str, first: date, last: date) -> pl.DataFrame | None:
    """The counts of the days [first, last]; known when they were counted where a file tells no `known_at`.

    Raises:
        MarketError: a file cannot be read, or several venues have the symbol.
        CandleError: a column is missing, or a count breaks its contract.
    """
    parts = [_counts(path, symbol) for path in sorted(beside(archive, OPEN_INTEREST_FOLDER).glob("*.parquet"))]
    counts = _of_days(parts, first, last)
    if counts is None:
        return None
    _one(counts["venue"].unique(), "venue", symbol, archive)
    return validate_open_interest(counts.select(list(OPEN_INTEREST_SCHEMA)), symbol=symbol, origin=f"archive {archive}")


def beside(archive: Path, name: str) -> Path:
    """The folder `name` in the archive, or the one beside it where there is none; neither need exist."""
    inside = archive / name
    return inside if inside.is_dir() else archive.parent / name


def _recordings(archive: Path, symbol: str, kind: str, first: date, last: date) -> list[Path]:
    """The files that may hold the days: a recorder that begins or ends near midnight has rows of the day beside."""
    found: list[Recording] = []
    for path in sorted(beside(archive, BOOKS_FOLDER).glob("*.parquet")):
        name = _NAME.fullmatch(path.stem)
        if name and name["kind"] == kind and name["symbol"] == symbol.replace("-", "").lower():
            began = datetime.strptime(name["day"], "%Y%m%d").replace(tzinfo=UTC).date()
            found.append(Recording(path, name["market"], began))
    _one({one.market for one in found}, "market", symbol, archive)
    return [one.path for one in found if first - DAY <= one.began <= last + DAY]


def _one(found: Iterable[str], what: str, symbol: str, archive: Path) -> None:
    names = sorted(found)
    if len(names) > 1:
        raise MarketError(
            f"archive {archive} has {symbol} of more than one {what}, {', '.join(names)}: keep one's files"
        )


def _of_days(parts: Sequence[pl.DataFrame], first: date, last: date) -> pl.DataFrame | None:
    """The rows of the days, in the order of `ts`; None where there is none."""
    inside = (pl.col("ts") >= midnight(first)) & (pl.col("ts") < midnight(last + DAY))
    kept = [part for part in (part.filter(inside) for part in parts) if not part.is_empty()]
    return pl.concat(kept).sort("ts", maintain_order=True) if kept else None


def _read(path: Path, columns: Sequence[str], optional: Sequence[str] = ()) -> pl.DataFrame:
    with readable(path):
        names = pl.read_parquet_schema(path)
        missing = [name for name in columns if name not in names]
        if missing:
            raise CandleError(
                f"{path} lacks the column {', '.join(missing)}: it has {', '.join(names)}; fetch or correct the file"
            )
        return pl.read_parquet(path, columns=[*columns, *(name for name in optional if name in names)])


def _clocks() -> tuple[pl.Expr, pl.Expr]:
    """`ts` by the exchange's clock, null where it tells none; `known_at` by the later of it and the recorder's."""
    local = (pl.col("ts_local_ns") // 1000).cast(TIME)
    exchange = (pl.col("ts_exch_ms").cast(pl.Int64) * 1000).cast(TIME)
    return exchange.alias("ts"), pl.max_horizontal(exchange, local).alias("known_at")


def _trades(path: Path) -> pl.DataFrame:
    seller_takes = pl.col("buyer_is_maker")
    return _read(path, TRADE_COLUMNS).select(
        pl.col("trade_id").cast(pl.String).alias("id"),
        *_clocks(),
        pl.col("price"),
        pl.col("qty").alias("size"),
        pl.when(seller_takes).then(pl.lit("sell")).when(~seller_takes).then(pl.lit("buy")).alias("side"),
    )


def _counts(path: Path, symbol: str) -> pl.DataFrame:
    read = _read(path, OPEN_INTEREST_COLUMNS, ("known_at", "open_interest_value"))
    told = set(read.columns)
    ts = pl.col("ts").cast(TIME)
    return read.filter(pl.col("symbol") == symbol).select(
        "venue",
        ts,
        (pl.col("known_at").cast(TIME) if "known_at" in told else ts.alias("known_at")),
        pl.col("open_interest").cast(pl.Float64),
        (pl.col("open_interest_value") if "open_interest_value" in told else pl.lit(None))
        .cast(pl.Float64)
        .alias("open_interest_value"),
    )


def _books(path: Path) -> pl.DataFrame:
    """The book after the last change of each minute of a depth recording.

    The order is that of the exchange's update ids, not of arrival: a snapshot is asked for while updates stream in,
    so that newer ones may stand before it in the file. It begins the book anew; updates older than it are void.
    A book is known when the latest of all rows that made it has arrived. A snapshot tells no time of the exchange, and
    the recorder's clock may be behind it: it is dated by the update that follows, and is nothing without one.
    """
    rows = _sound(_read(path, DEPTH_COLUMNS), path).with_columns(_clocks())
    rows = rows.sort("update_id", pl.col("is_snapshot") == 0, maintain_order=True).with_columns(
        pl.col("ts").backward_fill(),
        epoch=pl.when(pl.col("is_snapshot") == 1).then(pl.col("update_id")).forward_fill(),
    )
    rows = rows.filter(pl.col("epoch").is_not_null() & pl.col("ts").is_not_null())
    rows = rows.with_columns(pl.col("ts").cum_max(), pl.max_horizontal("ts", "known_at").cum_max().alias("known_at"))
    dated = rows.with_columns(minute=pl.col("ts").dt.truncate("1m"))
    return pl.DataFrame(list(_replayed(dated)), schema=ORDER_BOOKS_SCHEMA, orient="row")


def _replayed(rows: pl.DataFrame) -> Iterator[tuple[object, ...]]:
    """Row by row of `ORDER_BOOKS_SCHEMA`; a level's last quantity counts, and 0 takes the level away."""
    levels = rows.clear().select("epoch", "side", "price", "qty")
    for minute in rows.partition_by("minute", maintain_order=True):
        newest = minute["epoch"][-1]
        levels = (
            pl.concat([levels, minute.select(levels.columns)])
            .filter(pl.col("epoch") == newest)
            .group_by("epoch", "side", "price", maintain_order=True)
            .agg(pl.col("qty").last())
            .filter(pl.col("qty") > 0)
        )
        bids = levels.filter(pl.col("side") == BID).sort("price", descending=True).head(LEVELS)
        asks = levels.filter(pl.col("side") == ASK).sort("price").head(LEVELS)
        sides = (bids["price"].to_list(), bids["qty"].to_list(), asks["price"].to_list(), asks["qty"].to_list())
        yield minute["ts"][-1], minute["known_at"][-1], *sides


def _sound(rows: pl.DataFrame, path: Path) -> pl.DataFrame:
    """The rows, once each is a level of a side: a lost or negative quantity would leave a wrong book behind."""
    holds = (
        pl.col("ts_local_ns").is_not_null()
        & pl.col("update_id").is_not_null()
        & pl.col("side").is_in([BID, ASK])
        & (pl.col("price").is_finite() & (pl.col("price") > 0))
        & (pl.col("qty").is_finite() & (pl.col("qty") >= 0))
        & pl.col("is_snapshot").is_in([0, 1])
    ).fill_null(False)
    broken = rows.select(~holds).to_series()
    if broken.any():
        row = int(broken.arg_max() or 0)
        raise CandleError(
            f"{path}: row {row} (from 0) is no change of a level, {rows.row(row, named=True)}; fetch it again"
        )
    return rows
