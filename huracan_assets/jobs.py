"""A night: the market for all candidates, the universe picked from them, a Brain for each picked one, the close.

They are runs of their own, tied together by the tag `huracan/night`; `schedules.py` starts the first and
`sensors.py` the others. Concept: https://docs.dagster.io/guides/build/jobs
"""

from datetime import date
from functools import partial
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
from pydantic import BaseModel

from huracan_assets.days import days_between, days_until, utc_now
from huracan_assets.errors import MarketError
from huracan_assets.features.recipe import WARM_UP_DAYS
from huracan_assets.health.night_report import NightReport, night_report
from huracan_assets.market.assets import first_days, heal_history, market_source
from huracan_assets.market.book_recorder import record_order_book
from huracan_assets.market.contract import empty_candles
from huracan_assets.market.universe import ALL, Universe, choose, read_universe
from huracan_assets.observability.readable import readable
from huracan_assets.observability.tables import markdown_table
from huracan_assets.observability.universe_plot import volume_dots
from huracan_assets.partitions import days, partition_key
from huracan_assets.resources.data_versions import DATA_VERSION
from huracan_assets.resources.lake import Lake, content_hash
from huracan_assets.resources.materialize import OWNERS
from huracan_assets.runs import NIGHT, SYMBOL, symbol_runs
from huracan_assets.settings import settings

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
CANDIDATE_COLUMNS = {
    "symbol": "symbol",
    "rank": "rank",
    "picked": "picked",
    "quote_volume": "volume a day, quote coin",
    "spread_bps": "spread, bps",
    "age_days": "age, days",
    "completeness": "share of minutes there",
    "reason": "reason",
}
READ_BY_CLOSE = ("handoff_bundle", "gate_verdict", "walk_forward_report", "trade_analysis")

market_room = dg.AssetSelection.groups("market")

market_job = dg.define_asset_job(
    "market",
    market_room,
    description="Act 1: the market room of a day, all candidates in one run.",
)
brains_job = dg.define_asset_job(
    "brains",
    dg.AssetSelection.all() - market_room,
    description="Act 2: features to hand-off of one symbol-day.",
)

universe_spec = dg.AssetSpec(
    "universe",
    description="Which candidates of a day get a Brain, with the figures that decided. Recorded by the job `universe`.",
    group_name="market",
    owners=OWNERS,
    kinds={"python", "json"},
    partitions_def=days,
)
daily_metrics_spec = dg.AssetSpec(
    "daily_metrics",
    description="The close of a night: what became of each symbol, and why. Recorded by the job `close`.",
    group_name="health",
    owners=OWNERS,
    kinds={"python", "json"},
    partitions_def=days,
)


def market_request(day: date) -> dg.RunRequest:
    """Act 1 of a night: one run for all candidates that are listed on `day`.

    The range tags make it one run; a schedule built from the partitioned job would start one run a symbol.
    """
    names = settings().market.listed(day)
    return dg.RunRequest(
        run_key=f"market {day}",
        job_name="market",
        tags={
            NIGHT: day.isoformat(),
            RANGE_START: partition_key(day, names[0]),
            RANGE_END: partition_key(day, names[-1]),
        },
    )


def universe_request(day: date, market_run: str) -> dg.RunRequest:
    """What lies between act 1 and act 2; once for each market run of the night."""
    return dg.RunRequest(
        run_key=f"universe {day} after {market_run}", job_name="universe", tags={NIGHT: day.isoformat()}
    )


def brain_request(day: date, symbol: str) -> dg.RunRequest:
    """Act 2 for one symbol."""
    return dg.RunRequest(
        run_key=f"brain {day} {symbol}",
        job_name="brains",
        partition_key=partition_key(day, symbol),
        tags={NIGHT: day.isoformat(), SYMBOL: symbol},
    )


def close_request(day: date, universe_run: str) -> dg.RunRequest:
    """Act 3; once for each universe run, so a night whose universe is picked anew is closed anew."""
    return dg.RunRequest(run_key=f"close {day} after {universe_run}", job_name="close", tags={NIGHT: day.isoformat()})


DAY_CONFIG = {"day": dg.Field(str, is_required=False)}


def _night(context: dg.OpExecutionContext) -> date:
    """The day of the config, else of the run's tag."""
    named = context.op_config.get("day") or context.run.tags.get(NIGHT)
    if named is None:
        said = f"{context.job_name} of which night? Set the config's day, or the run's tag {NIGHT}"
        raise dg.Failure(said, allow_retries=False)
    return date.fromisoformat(named)


@dg.op(out=dg.Out(dg.Nothing), config_schema=DAY_CONFIG)
def pick_universe(context: dg.OpExecutionContext) -> None:
    """Heal the candidates' candles, judge them, record whom the night follows; red where nobody is eligible.

    A candidate that could not be fetched is judged by the candles that are there.
    """
    day = _night(context)
    lake, market = Lake.open(), settings().market
    begins, unknown = first_days(market.listed(day))
    failed = heal_history(context, begins, days_until(day, market.universe.days))
    for symbol, error in (*unknown.items(), *failed.items()):
        context.log.warning(f"{symbol}: {error}")
    min_age_days = settings().look_back_days + WARM_UP_DAYS
    found = choose(day, begins, partial(_history, lake), market.universe, min_age_days, unknown)
    lake.write_document("universe", ALL, day, found)
    context.log_event(_recorded("universe", day, found, _universe_metadata(found)))
    if not found.picked:
        reasons = "\n".join(f"{symbol}: {reason}" for symbol, reason in found.left_out.items())
        raise dg.Failure(f"no candidate is eligible on {day}:\n{reasons}", allow_retries=False)


def _history(lake: Lake, symbol: str, first: date, last: date) -> pl.DataFrame:
    """The candles of the days that the lake has, each held against its content hash."""
    wanted = days_between(first, last)
    absent = set(lake.missing("candles", symbol, wanted))
    frames = [lake.read_frame("candles", symbol, day) for day in wanted if day not in absent]
    return pl.concat(frames) if frames else empty_candles()


@dg.job(name="universe", description="Between act 1 and 2: picks the symbols of the night; red if none is eligible.")
def universe_job() -> None:
    """The universe of a day."""
    pick_universe()


@dg.op(out=dg.Out(dg.Nothing), config_schema=DAY_CONFIG)
def close_night(context: dg.OpExecutionContext) -> None:
    """Gather the night and record it; a night with a symbol that failed or never ran ends red, and names it."""
    day = _night(context)
    lake = Lake.open()
    universe = read_universe(lake, day)
    if universe is None or not universe.picked:
        said = f"nobody was picked for the night of {day}: read the run of the job `universe`, and execute it again"
        raise dg.Failure(said, allow_retries=False)
    symbols = universe.picked
    runs = symbol_runs(context.instance, day)
    documents = {
        symbol: {name: lake.read_document(name, symbol, day) for name in READ_BY_CLOSE}
        for symbol, run in runs.items()
        if run.succeeded
    }
    report = night_report(day, symbols, runs, documents)
    lake.write_document("daily_metrics", ALL, day, report)
    context.log_event(_recorded("daily_metrics", day, report, _metadata(report)))
    if report.unfinished:
        raise dg.Failure(
            f"{len(report.unfinished)} of {len(symbols)} symbols have no verdict for {day}: "
            f"{', '.join(report.unfinished)}",
            metadata=_metadata(report),
            allow_retries=False,
        )


@dg.job(name="close", description="Act 3: names what became of each symbol; red if one has no verdict.")
def close_job() -> None:
    """The close of a night."""
    close_night()


@dg.op(out=dg.Out(dg.Nothing))
def record_books(context: dg.OpExecutionContext) -> None:
    """Write down the order book of each listed candidate; red, by name, where some could not be had."""
    today, lake, failed = utc_now().date(), Lake.open(), list[str]()
    for symbol in settings().market.listed(today):
        try:
            books = record_order_book(market_source(), lake, symbol, today)
            context.log.info(f"{symbol}: {books} order books of {today}")
        except MarketError as error:
            failed.append(f"{symbol}: {error}")
    if failed:
        raise dg.Failure("\n".join(failed), allow_retries=False)


@dg.job(
    tags={"dagster/priority": "1"},  # a book of this moment cannot wait until the Brains have run
    description="The order books of this moment, into the lake; `order_books` of the day gathers them.",
)
def record_order_books() -> None:
    """Order books of the present."""
    record_books()


def _recorded(asset: str, day: date, document: BaseModel, told: dict[str, Any]) -> dg.AssetMaterialization:
    digest = content_hash(document)
    return dg.AssetMaterialization(
        asset,
        partition=day.isoformat(),
        metadata=readable({**told, "content_sha256": digest}),
        tags={DATA_VERSION: digest},
    )


def _metadata(report: NightReport) -> dict[str, Any]:
    return {
        "handed_over": report.count("handed over"),
        "rejected": report.count("rejected"),
        "failed": len(report.unfinished),
        "symbols": dg.MetadataValue.md(markdown_table([line.model_dump() for line in report.symbols])),
    }


def _universe_metadata(found: Universe) -> dict[str, Any]:
    rows = [candidate.model_dump() for candidate in found.candidates]
    return {
        "picked": len(found.picked),
        "candidates": len(found.candidates),
        "symbols": dg.MetadataValue.md(markdown_table(rows, CANDIDATE_COLUMNS)),
        "volume": dg.MetadataValue.md(_plot(found)),
    }


def _plot(found: Universe) -> str:
    volume = np.array([one.quote_volume or np.nan for one in found.candidates], dtype=np.float64)
    names, picked = zip(*((one.symbol, one.picked) for one in found.candidates), strict=True)
    return volume_dots(names, volume, picked)
