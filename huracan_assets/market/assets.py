"""What happened: candles and what a source may lack beside them, a symbol-day each.

Other rooms heal missing days through `heal`; nothing here looks at features or models.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

import dagster as dg
import numpy as np
import polars as pl

from huracan_assets.days import MINUTES_PER_DAY, utc_now
from huracan_assets.errors import MarketError, MissingDays
from huracan_assets.market.candle_days import Failed, Written, left_behind, refuse_other_markets, write_days
from huracan_assets.market.expansions import EXPANSIONS, HOURLY, left_out_by, make_days, unasked_days
from huracan_assets.market.minute_accounts import make_statuses, status_strip, status_table
from huracan_assets.market.revisions import compared_tag, report_revisions, uncompared_nights
from huracan_assets.market.source import MarketSource, open_source, refuse_future
from huracan_assets.market.status_inputs import stale_days
from huracan_assets.observability.plots import price_and_volume
from huracan_assets.observability.progress import progress
from huracan_assets.observability.tables import markdown_table
from huracan_assets.partitions import partition_key, trailing
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.materialize import (
    Made,
    RangeResult,
    by_symbol,
    conclude,
    make_range,
    record_forgotten,
    record_healed,
    room,
)
from huracan_assets.settings import settings

LONG_WORK_DAYS = 32  # more than a month shows how far it has come


@cache
def market_source() -> MarketSource:
    """The source of this process; its memory of what it has read serves every day of a run."""
    return open_source(settings())


@dg.asset(**room("market", "polars", "parquet"), backfill_policy=dg.BackfillPolicy.single_run())
def candles(context: dg.AssetExecutionContext) -> RangeResult:
    """One-minute candles of a day, as the source has them: `ts` is the bar's open, `known_at` its close.

    A minute without a bar is absent, never filled. A day is refused whole when a row breaks the contract. All
    symbols are fetched together, and each day is written as it arrives; days that a stopped run of the same source
    wrote, and nobody recorded, are taken as they are.
    """
    single = len(context.partition_keys) == 1
    left, lacking = Made(), dict[str, list[date]]()
    for symbol, days in by_symbol(context.partition_keys).items():
        for day in _left_behind(context, symbol, days):
            left.add(symbol, day.day, _candle_metadata(day.frame, day.digest, plot=single))
        lacking[symbol] = [day for day in days if partition_key(day, symbol) not in left.partitions]
    if left.partitions:
        context.log.info(f"{len(left.partitions)} days of candles were fetched by a run that was stopped")
    yield from conclude(context, left.joined(_fetch(context, lacking, plot=single)))


@dg.asset(**room("market", "polars", "parquet"), backfill_policy=dg.BackfillPolicy.single_run())
def hourly_candles(context: dg.AssetExecutionContext) -> RangeResult:
    """The source's own hourly candles of a day, a second view of its minutes; `available` says whether it has any."""
    yield from make_range(context, lambda symbol, days: make_hourly(context, symbol, days))


@dg.asset(**room("market", "polars", "parquet"), backfill_policy=dg.BackfillPolicy.single_run())
def funding_rates(context: dg.AssetExecutionContext) -> RangeResult:
    """Funding events of the perpetual on a day, known at `ts`; `available` says whether the source has any."""
    yield from _make_expansion(context)


@dg.asset(**room("market", "polars", "parquet"), backfill_policy=dg.BackfillPolicy.single_run())
def open_interest(context: dg.AssetExecutionContext) -> RangeResult:
    """Open interest of the perpetual through a day; `available` says whether the source has any."""
    yield from _make_expansion(context)


@dg.asset(**room("market", "polars", "parquet"), backfill_policy=dg.BackfillPolicy.single_run())
def perpetual_candles(context: dg.AssetExecutionContext) -> RangeResult:
    """One-minute candles of the perpetual on the symbol's coin; `available` says whether the source has any."""
    yield from _make_expansion(context)


@dg.asset(**room("market", "polars", "parquet"), backfill_policy=dg.BackfillPolicy.single_run())
def order_books(context: dg.AssetExecutionContext) -> RangeResult:
    """The ten best levels of both sides at the end of each minute; `available` says whether the source has any."""
    yield from _make_expansion(context)


@dg.asset(**room("market", "polars", "parquet"), backfill_policy=dg.BackfillPolicy.single_run())
def trades(context: dg.AssetExecutionContext) -> RangeResult:
    """Every trade of a day with its taker's side; `available` says whether the source has any."""
    yield from _make_expansion(context)


@dg.asset(
    **room("market", "polars", "parquet"),
    deps=[candles, hourly_candles],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def minute_status(context: dg.AssetExecutionContext) -> RangeResult:
    """Every minute of a day accounted for: traded, confirmed empty, an outage of the venue, or unknown.

    Other symbols of the venue are asked where minutes are absent, and fetched for it. When the candles of a day are
    made again, its account is made again, too.
    """
    yield from make_range(context, lambda symbol, days: make_minute_status(context, symbol, days))


@dg.asset(
    **room("market", "polars", "parquet"),
    deps=[dg.AssetDep(candles, partition_mapping=trailing(settings().market.revision_days))],
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def revision_report(context: dg.AssetExecutionContext) -> RangeResult:
    """What the source tells differently today of the days before, bar by bar; reported, never taken over in silence.

    Those of the last `market.revision_days` days that lie in the lake are fetched again.
    """
    yield from make_range(context, lambda symbol, days: make_revision_report(context, symbol, days))


def make_candles(context: dg.AssetExecutionContext, symbol: str, days: Sequence[date]) -> dict[date, Mapping[str, Any]]:
    """Fetch days of one symbol and write each as it arrives.

    Raises:
        MarketError: days have not ended, are not there, or break the contract; the others are written, and recorded.
    """
    made = _fetch(context, {symbol: days}, plot=len(days) == 1)
    if symbol in made.failed:
        record_healed(context, candles.key, symbol, made.days_of(symbol))
        raise made.error(symbol)
    return made.days_of(symbol)


def make_hourly(context: dg.AssetExecutionContext, symbol: str, days: Sequence[date]) -> dict[date, Mapping[str, Any]]:
    """Fetch hourly candles of one symbol and write each day; a source without any gives empty days that say so."""
    refuse_future(days, utc_now())
    return dict(make_days(HOURLY, market_source(), Lake.open(), symbol, days))


def _fetch(context: dg.AssetExecutionContext, wanted: Mapping[str, Sequence[date]], *, plot: bool) -> Made:
    """Candles of many symbols, from the source into the lake; what could not be had stands beside what was made."""
    made, total = Made(), sum(len(days) for days in wanted.values())
    with progress("days of candles", total, context.log.info, LONG_WORK_DAYS) as tick:
        for day in write_days(market_source(), Lake.open(), wanted):
            if isinstance(day, Failed):
                made.fail(day.symbol, day.error)
            else:
                made.add(day.symbol, day.day, _candle_metadata(day.frame, day.digest, plot=plot))
                tick()
    return made


def _left_behind(context: dg.AssetExecutionContext, symbol: str, days: Sequence[date]) -> Iterator[Written]:
    """Days that lie in the lake but not in Dagster's log: a run was stopped before it could record them."""
    known = context.instance.get_materialized_partitions(dg.AssetKey("candles"))
    unknown = [day for day in days if partition_key(day, symbol) not in known]
    return left_behind(market_source(), Lake.open(), symbol, unknown)


def _make_expansion(context: dg.AssetExecutionContext) -> RangeResult:
    asset = context.asset_key.path[-1]
    return make_range(context, lambda symbol, days: _made_expansion(asset, symbol, days))


def _made_expansion(asset: str, symbol: str, days: Sequence[date]) -> dict[date, Mapping[str, Any]]:
    refuse_future(days, utc_now())
    left_out = left_out_by(asset, settings().market)
    return dict(make_days(EXPANSIONS[asset], market_source(), Lake.open(), symbol, days, left_out=left_out))


def make_minute_status(
    context: dg.AssetExecutionContext, symbol: str, days: Sequence[date]
) -> dict[date, Mapping[str, Any]]:
    """Account for the minutes of days of one symbol; its candles, its hours and the witnesses' candles are healed.

    Raises:
        MarketError: the source does not have the symbol's days, or cannot be read.
    """
    for asset in ("candles", "hourly_candles"):
        heal(context, asset, symbol, days)
    lake, market = Lake.open(), settings().market

    def fetch(witness: str, wanted: Sequence[date]) -> None:
        begins = market_source().first_day(witness)
        if begins is not None:
            heal(context, "candles", witness, [day for day in wanted if day >= begins])

    made: dict[date, Mapping[str, Any]] = {}
    for day, metadata in make_statuses(lake, symbol, days, market, fetch).items():
        made[day] = metadata
        if len(days) == 1:
            status = lake.read_frame("minute_status", symbol, day)
            table = dg.MetadataValue.md(markdown_table(status_table(status)))
            made[day] = {**metadata, "minutes": table, "day": dg.MetadataValue.md(status_strip(status, day))}
    return made


def make_revision_report(
    context: dg.AssetExecutionContext, symbol: str, days: Sequence[date]
) -> dict[date, Mapping[str, Any]]:
    """Fetch the days before each of `days` again and write down what differs from the lake.

    Raises:
        MarketError: the source cannot be read, or its rows break the contract now.
    """
    lake, source, made = Lake.open(), market_source(), dict[date, Mapping[str, Any]]()
    for day, report, compared in report_revisions(lake, source, symbol, days, settings().market.revision_days):
        digest = lake.write_frame("revision_report", symbol, day, report, compared_tag(compared))
        by_day = report.group_by("day", maintain_order=True).agg(pl.col("ts").n_unique().alias("bars"), pl.len())
        made[day] = {
            "content_sha256": digest,
            "dagster/row_count": report.height,
            "compared_days": len(compared),
            "revised": dg.MetadataValue.md(markdown_table(by_day.rename({"len": "values"}).to_dicts())),
        }
    return made


def _expansion_maker(asset: str) -> Callable[[dg.AssetExecutionContext, str, Sequence[date]], Mapping[date, Any]]:
    return lambda context, symbol, days: _made_expansion(asset, symbol, days)


MAKERS = {
    "candles": make_candles,
    "hourly_candles": make_hourly,
    **{asset: _expansion_maker(asset) for asset in EXPANSIONS},
    "minute_status": make_minute_status,
    "revision_report": make_revision_report,
}
STALE = {  # what is made again although it is there
    "minute_status": stale_days,
    "revision_report": uncompared_nights,
    **{asset: unasked_days(asset) for asset in EXPANSIONS},
}


def heal(context: dg.AssetExecutionContext, asset: str, symbol: str, days: Sequence[date]) -> list[date]:
    """Make those of `days` that the lake lacks, by the code of the asset itself, and record each.

    A minute status that was made from other candles than lie in the lake now counts as lacking, and so does a
    revision report that has not compared the days before it as they lie there now, and what nobody asked for when its
    day was made and the settings want now.

    Returns:
        The days made.

    Raises:
        MarketError: the source does not have them, or candles of them are of another market; the message names the
            days.
    """
    lake, stale = Lake.open(), STALE.get(asset)
    if asset == "candles":
        refuse_other_markets(market_source(), lake, symbol, days)
    missing = stale(lake, symbol, days, settings().market) if stale else lake.missing(asset, symbol, days)
    if missing:
        context.log.info(f"healing {len(missing)} days of {asset} of {symbol}, {missing[0]} to {missing[-1]}")
        record_healed(context, dg.AssetKey(asset), symbol, MAKERS[asset](context, symbol, missing))
    record_forgotten(context, dg.AssetKey(asset), symbol, days)
    return missing


def first_days(symbols: Sequence[str]) -> tuple[dict[str, date | None], dict[str, str]]:
    """The day of each symbol's first candle since `market.first_day`, and where the source cannot tell it, why."""
    source = market_source()
    begins: dict[str, date | None] = {}
    unknown: dict[str, str] = {}
    for symbol in symbols:
        begins[symbol] = None
        try:
            found = source.first_day(symbol)
            begins[symbol] = None if found is None else max(found, settings().market.first_day)
        except MarketError as error:
            unknown[symbol] = str(error)
    return begins, unknown


def heal_history(
    context: dg.OpExecutionContext, begins: Mapping[str, date | None], days: Sequence[date]
) -> dict[str, str]:
    """Fetch those of `days` that the lake lacks, of many symbols at once where the source can, and record each.

    A day before a symbol's first candle, or without any, stays absent.

    Returns:
        Of the symbols that could not be had whole, the first error.
    """
    lake, failed = Lake.open(), dict[str, str]()
    wanted = {
        symbol: lake.missing("candles", symbol, [day for day in days if day >= first])
        for symbol, first in begins.items()
        if first is not None
    }
    for day in write_days(market_source(), lake, wanted):
        if isinstance(day, Written):
            metadata = _candle_metadata(day.frame, day.digest, plot=False)
            record_healed(context, candles.key, day.symbol, {day.day: metadata})
        elif not isinstance(day.error, MissingDays):
            failed.setdefault(day.symbol, str(day.error))
    return failed


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
