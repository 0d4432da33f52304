"""What happened: candles and funding, a symbol-day each.

Other rooms heal missing days through `heal`; nothing here looks at features or models.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

import dagster as dg
import numpy as np
import polars as pl

from huracan_assets.days import DAY, MINUTES_PER_DAY, utc_now
from huracan_assets.market.contract import FUNDING_SCHEMA, validate_candles
from huracan_assets.market.source import MarketSource, open_source, refuse_future, require_days
from huracan_assets.observability.plots import price_and_volume
from huracan_assets.partitions import partition_key
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.materialize import check_partitions, make_range, record, record_forgotten, room
from huracan_assets.settings import settings

CHUNK_DAYS = 31  # so that a long range is written as it arrives


@cache
def market_source() -> MarketSource:
    """The source of this process; its memory of what it has read serves every day of a run."""
    return open_source(settings())


@dg.asset(**room("market", "polars", "parquet"), backfill_policy=dg.BackfillPolicy.single_run())
def candles(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    """One-minute candles of a day, as the source has them: `ts` is the bar's open, `known_at` its close.

    A minute without a bar is absent, never filled. A day is refused whole when a row breaks the contract.
    """
    return make_range(context, lambda symbol, days: make_candles(context, symbol, days))


@dg.asset(**room("market", "polars", "parquet"), backfill_policy=dg.BackfillPolicy.single_run())
def funding_rates(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    """Funding events of the perpetual on a day; `available` says whether the source has any."""
    return make_range(context, lambda symbol, days: make_funding(context, symbol, days))


def make_candles(context: dg.AssetExecutionContext, symbol: str, days: Sequence[date]) -> dict[date, Mapping[str, Any]]:
    """Fetch days of one symbol and write each; none of a chunk is written where one is missing or wrong.

    Raises:
        MarketError: days have not ended, are not there, or break the contract.
    """
    refuse_future(days, utc_now())
    source, lake = market_source(), Lake.open()
    made: dict[date, Mapping[str, Any]] = {}
    for chunk in _chunks(days):
        found = require_days(source.candles(symbol, chunk[0], chunk[-1]), symbol, chunk, source)
        for day, frame in found.items():
            digest = lake.write_frame("candles", symbol, day, frame)
            made[day] = _candle_metadata(frame, digest, plot=len(days) == 1)
        if len(days) > CHUNK_DAYS:
            context.log.info(f"candles of {symbol}: {len(made)} of {len(days)} days")
    return made


def make_funding(context: dg.AssetExecutionContext, symbol: str, days: Sequence[date]) -> dict[date, Mapping[str, Any]]:
    """Fetch funding of one symbol and write each day; a source without any gives empty days that say so."""
    source, lake = market_source(), Lake.open()
    frame = source.funding(symbol, days[0], days[-1])
    made: dict[date, Mapping[str, Any]] = {}
    for day in days:
        events = pl.DataFrame(schema=FUNDING_SCHEMA) if frame is None else frame.filter(pl.col("ts").dt.date() == day)
        digest = lake.write_frame("funding_rates", symbol, day, events)
        made[day] = {"content_sha256": digest, "dagster/row_count": events.height, "available": frame is not None}
    return made


MAKERS = {"candles": make_candles, "funding_rates": make_funding}


def heal(context: dg.AssetExecutionContext, asset: str, symbol: str, days: Sequence[date]) -> list[date]:
    """Make those of `days` that the lake lacks, by the code of the asset itself, and record each.

    Returns:
        The days made.

    Raises:
        MarketError: the source does not have them; the message names the days.
    """
    missing = Lake.open().missing(asset, symbol, days)
    if missing:
        context.log.info(f"healing {len(missing)} days of {asset} of {symbol}, {missing[0]} to {missing[-1]}")
        for day, metadata in MAKERS[asset](context, symbol, missing).items():
            record(context, dg.AssetKey(asset), partition_key(day, symbol), {**metadata, "healed": True})
    record_forgotten(context, dg.AssetKey(asset), symbol, days)
    return missing


@dg.asset_check(asset=candles, blocking=True)
def candles_contract(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """What lies in the lake keeps the candle contract, read back from the file."""

    def validate(symbol: str, day: date, frame: pl.DataFrame) -> None:
        validate_candles(frame, symbol=symbol, day=day, origin=str(Lake.open().path("candles", symbol, day)))

    return check_partitions(context, "candles", validate)


def _candle_metadata(frame: pl.DataFrame, digest: str, *, plot: bool) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "content_sha256": digest,
        "dagster/row_count": frame.height,
        "missing_minutes": MINUTES_PER_DAY - frame.height,
        "close": frame["close"][-1],
    }
    if plot:
        metadata["price"] = dg.MetadataValue.md(_plot(frame))
    return metadata


def _plot(frame: pl.DataFrame) -> str:
    ts = frame["ts"].to_numpy()
    minutes = ts[0].astype("datetime64[D]") + np.arange(MINUTES_PER_DAY) * np.timedelta64(1, "m")
    missing = np.setdiff1d(minutes.astype(ts.dtype), ts)
    return price_and_volume(ts, frame["close"].to_numpy(), frame["volume"].to_numpy(), missing)


def _chunks(days: Sequence[date]) -> list[list[date]]:
    """Consecutive days together, at most `CHUNK_DAYS` of them."""
    chunks: list[list[date]] = []
    for day in days:
        if chunks and day - chunks[-1][-1] == DAY and len(chunks[-1]) < CHUNK_DAYS:
            chunks[-1].append(day)
        else:
            chunks.append([day])
    return chunks
