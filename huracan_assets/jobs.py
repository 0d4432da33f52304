"""A night in three acts: the market for all symbols, a Brain for each, the close.

The acts are runs of their own, tied together by the tag `huracan/night`; `schedules.py` starts the first and
`sensors.py` the others. Concept: https://docs.dagster.io/guides/build/jobs
"""

from datetime import date
from typing import Any

import dagster as dg

from huracan_assets.health.night_report import NightReport, SymbolRun, night_report
from huracan_assets.market.assets import candles, funding_rates
from huracan_assets.observability.tables import markdown_table
from huracan_assets.partitions import days, partition_key
from huracan_assets.resources.lake import Lake, content_hash
from huracan_assets.resources.materialize import OWNERS
from huracan_assets.settings import settings

NIGHT = "huracan/night"
SYMBOL = "huracan/symbol"
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
CLOSED = ("handoff_bundle", "gate_verdict", "walk_forward_report")

market_selection = dg.AssetSelection.assets(candles, funding_rates)

market = dg.define_asset_job(
    "market",
    market_selection,
    description="Act 1: candles and funding of a day, all symbols in one run.",
)
brains = dg.define_asset_job(
    "brains",
    dg.AssetSelection.all() - market_selection,
    description="Act 2: features to hand-off of one symbol-day.",
)

daily_metrics = dg.AssetSpec(
    "daily_metrics",
    description="The close of a night: what became of each symbol, and why. Recorded by the job `close`.",
    group_name="health",
    owners=OWNERS,
    kinds={"python", "json"},
    partitions_def=days,
)


def market_request(day: date) -> dg.RunRequest:
    """Act 1 of a night: one run for all symbols that are listed on `day`.

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


def brain_request(day: date, symbol: str) -> dg.RunRequest:
    """Act 2 for one symbol."""
    return dg.RunRequest(
        run_key=f"brain {day} {symbol}",
        job_name="brains",
        partition_key=partition_key(day, symbol),
        tags={NIGHT: day.isoformat(), SYMBOL: symbol},
    )


def close_request(day: date) -> dg.RunRequest:
    """Act 3."""
    return dg.RunRequest(run_key=f"close {day}", job_name="close", tags={NIGHT: day.isoformat()})


@dg.op(out=dg.Out(dg.Nothing), config_schema={"day": dg.Field(str, is_required=False)})
def close_night(context: dg.OpExecutionContext) -> None:
    """Gather the night and record it; a night with a symbol that failed or never ran ends red, and names it."""
    named = context.op_config.get("day") or context.run.tags.get(NIGHT)
    if named is None:
        raise dg.Failure(f"close which night? Set the config's day, or the run's tag {NIGHT}", allow_retries=False)
    day = date.fromisoformat(named)
    symbols = settings().market.listed(day)
    runs = symbol_runs(context.instance, day)
    lake = Lake.open()
    documents = {
        symbol: {name: lake.read_document(name, symbol, day) for name in CLOSED}
        for symbol, run in runs.items()
        if run.succeeded
    }
    report = night_report(day, symbols, runs, documents)
    lake.write_document("daily_metrics", "all", day, report)
    context.log_event(dg.AssetMaterialization("daily_metrics", partition=day.isoformat(), metadata=_metadata(report)))
    if report.unfinished:
        raise dg.Failure(
            f"{len(report.unfinished)} of {len(symbols)} symbols have no verdict for {day}: "
            f"{', '.join(report.unfinished)}",
            metadata=_metadata(report),
            allow_retries=False,
        )


@dg.job(description="Act 3: names what became of each symbol; red if one has no verdict.")
def close() -> None:
    """The close of a night."""
    close_night()


def symbol_runs(instance: dg.DagsterInstance, day: date) -> dict[str, SymbolRun]:
    """How the newest run of each symbol of a night ended; a symbol whose newest run is under way is not listed."""
    ended: dict[str, SymbolRun] = {}
    seen: set[str] = set()
    for run in instance.get_runs(dg.RunsFilter(job_name="brains", tags={NIGHT: day.isoformat()})):  # newest first
        symbol = run.tags[SYMBOL]
        if symbol not in seen and run.is_finished:
            error = None if run.is_success else first_error(instance, run.run_id).splitlines()[0]
            ended[symbol] = SymbolRun(run.is_success, error)
        seen.add(symbol)
    return ended


def first_error(instance: dg.DagsterInstance, run_id: str) -> str:
    """Why a run failed: its first failing step, and that step's own sentence."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        failure = entry.get_dagster_event().step_failure_data
        if failure.error is not None:
            said = (failure.error.cause or failure.error).message.strip()
            kind, _, sentence = said.partition(": ")
            return f"{entry.step_key}: {sentence if kind.startswith('huracan_assets.') else said}"
    run = instance.get_run_by_id(run_id)
    ended = "unknown" if run is None else run.status.value
    return f"the run ended as {ended} before a step failed: see run {run_id}"


def _metadata(report: NightReport) -> dict[str, Any]:
    return {
        "handed_over": report.count("handed over"),
        "rejected": report.count("rejected"),
        "failed": len(report.unfinished),
        "content_sha256": content_hash(report),
        "symbols": dg.MetadataValue.md(markdown_table([line.model_dump() for line in report.symbols])),
    }
