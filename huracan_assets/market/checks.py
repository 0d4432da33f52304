"""Contracts of what stands beside the candles, held against the files in the lake."""

from datetime import date

import dagster as dg
import polars as pl

from huracan_assets.errors import ContractError
from huracan_assets.market.capped_returns import ReturnCap, has_large_return
from huracan_assets.market.contract import validate_candles, validate_returns
from huracan_assets.market.expansions import EXPANSIONS, HOURLY, Expansion, validate_day
from huracan_assets.market.minute_status import validate_status
from huracan_assets.market.repair import CANDLE_VIEWS, repair_commands
from huracan_assets.market.revisions import compared_days
from huracan_assets.market.status_inputs import stale_days
from huracan_assets.partitions import symbol_day
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.materialize import check_partitions
from huracan_assets.settings import settings


# After the hourly candles, which are the first witness of a large return.
@dg.asset_check(asset="candles", additional_deps=["hourly_candles"], blocking=True)
def candles_contract(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """What lies in the lake keeps the candle contract, read back from the file; large returns are confirmed."""

    def validate(symbol: str, day: date, frame: pl.DataFrame) -> None:
        origin, most = str(Lake.open().path("candles", symbol, day)), settings().guards.max_minute_return
        validate_candles(frame, symbol=symbol, day=day, origin=origin)
        if has_large_return(frame, most):
            validate_returns(frame, _with_witnesses(most, symbol, day), symbol=symbol, origin=origin)

    return check_partitions(context, "candles", validate)


def _with_witnesses(max_minute_return: float, symbol: str, day: date) -> ReturnCap:
    """The cap, and those witnesses of larger returns that lie in the lake."""
    lake, benchmark = Lake.open(), settings().market.benchmark

    def held(asset: str, whose: str) -> pl.DataFrame | None:
        return lake.read_frame(asset, whose, day) if lake.has(asset, whose, day) else None

    market = None if symbol == benchmark else held("candles", benchmark)
    return ReturnCap(max_minute_return, held("hourly_candles", symbol), market)


def _contract(expansion: Expansion) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=expansion.asset,
        name=f"{expansion.asset}_contract",
        blocking=True,
        description=f"What lies in the lake keeps the contract of {expansion.words}, or says that there is none.",
    )
    def contract(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        def validate(symbol: str, day: date, frame: pl.DataFrame) -> None:
            validate_day(expansion, Lake.open(), symbol, day, frame)

        return check_partitions(context, expansion.asset, validate)

    return contract


hourly_candles_contract = _contract(HOURLY)
funding_rates_contract = _contract(EXPANSIONS["funding_rates"])
open_interest_contract = _contract(EXPANSIONS["open_interest"])
perpetual_candles_contract = _contract(EXPANSIONS["perpetual_candles"])
order_books_contract = _contract(EXPANSIONS["order_books"])
trades_contract = _contract(EXPANSIONS["trades"])


@dg.asset_check(asset="minute_status", blocking=True)
def minute_status_contract(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """Every minute of the day is accounted for once, and by the candles that lie in the lake now."""

    def validate(symbol: str, day: date, frame: pl.DataFrame) -> None:
        validate_status(frame, symbol=symbol, day=day)
        if stale_days(Lake.open(), symbol, [day], settings().market):
            raise ContractError(
                f"minute_status of {day}|{symbol} was made from other candles: materialise minute_status again"
            )

    return check_partitions(context, "minute_status", validate)


@dg.asset_check(asset="revision_report")
def nothing_was_revised(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """The source still tells of the days before what it told when they were fetched; a warning."""
    lake, revised, unasked = Lake.open(), dict[str, set[date]](), list[str]()
    for night, symbol in sorted(map(symbol_day, context.op_execution_context.partition_keys)):
        revised.setdefault(symbol, set()).update(lake.read_frame("revision_report", symbol, night)["day"])
        if not compared_days(lake, symbol, night):
            unasked.append(f"{symbol} of {night}: not asked of again, none of the days before lies in the lake")
    told = [
        f"{symbol} of {', '.join(map(str, sorted(days)))}: {' && '.join(repair_commands(CANDLE_VIEWS, symbol, days))}"
        for symbol, days in sorted(revised.items())
        if days
    ]
    head = ["The source revised these days. To take over what it tells now:"] if told else []
    return dg.AssetCheckResult(
        passed=not told,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n".join([*head, *told, *unasked]) or None,
    )
