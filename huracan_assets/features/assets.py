"""What it looked like: the features of a day, and the version of the window that a night stands on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg
import numpy as np
import polars as pl

from huracan_assets.days import DAY, days_between, days_until
from huracan_assets.errors import ContractError
from huracan_assets.features.compute import compute_features
from huracan_assets.features.contract import FEATURE_SCHEMA, validate_features
from huracan_assets.features.day_account import RECIPE_TAG, day_tags, null_counts
from huracan_assets.features.feature_sets import BASELINE
from huracan_assets.features.feature_store import keep_recipe, pin
from huracan_assets.features.feature_version import FeatureDay, FeatureVersion
from huracan_assets.features.inputs import INPUTS_TAG, feature_inputs, read_optional
from huracan_assets.features.lineage import column_table, described, lineage
from huracan_assets.features.optional_inputs import OptionalInputs
from huracan_assets.features.recipe import FEATURE_NAMES, RECIPE, WARM_UP_DAYS, recipe_hash
from huracan_assets.features.recipe_document import recipe_document
from huracan_assets.market.assets import (
    candles,
    funding_rates,
    heal,
    market_source,
    open_interest,
    order_books,
    perpetual_candles,
)
from huracan_assets.observability.plots import feature_heatmap
from huracan_assets.observability.tables import markdown_table
from huracan_assets.partitions import look_back, symbol_day, trailing
from huracan_assets.resources.data_versions import provenance
from huracan_assets.resources.io_manager import artifact
from huracan_assets.resources.lake import Lake
from huracan_assets.resources.materialize import (
    RangeResult,
    check_partitions,
    make_range,
    record_forgotten,
    record_healed,
    room,
)
from huracan_assets.settings import settings

CHUNK_DAYS = 31
LINEAGE = "dagster/column_lineage"

BESIDE = (funding_rates, open_interest, perpetual_candles, order_books)

warm_up = trailing(WARM_UP_DAYS)


def column_lineage() -> dg.TableColumnLineage:
    """Feature -> the columns of the market room that it reads, for Dagster."""
    read = {name: (("candles", name),) for name in ("ts", "known_at")} | lineage(RECIPE)
    return dg.TableColumnLineage(
        {
            name: [dg.TableColumnDep(asset_key=dg.AssetKey(asset), column_name=column) for asset, column in columns]
            for name, columns in read.items()
        }
    )


def column_schema() -> dg.TableSchema:
    """The columns with what their features declare, for Dagster."""
    said = {feature.name: described(feature) for feature in RECIPE}
    said |= {"ts": "open of the minute", "known_at": "close of the minute, when the features are known"}
    return dg.TableSchema(
        [dg.TableColumn(name, str(kind), description=said[name]) for name, kind in FEATURE_SCHEMA.items()]
    )


@dg.asset(
    **room("features", "numba", "parquet"),
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[dg.AssetDep(asset, partition_mapping=warm_up) for asset in (candles, *BESIDE)],
    code_version=recipe_hash(),
    metadata={
        "dagster/column_schema": column_schema(),
        LINEAGE: column_lineage(),
        # Asked for with the code version, so that both are of the files that this process runs.
        "sources": recipe_document().sources,
        "columns": dg.MetadataValue.md(markdown_table(column_table(RECIPE))),
    },
)
def features(context: dg.AssetExecutionContext) -> RangeResult:
    """The recipe's features of each minute of a day, from the candles of that day and of the declared warm-up.

    Warm-up days that the lake lacks, also the benchmark's, are fetched in the same run. The bits of a day do not
    depend on which other days are made with it.
    """
    yield from make_range(context, lambda symbol, days: make_features(context, symbol, days))


@dg.asset(
    **room("features", "json"),
    deps=[
        dg.AssetDep(features, partition_mapping=look_back),
        dg.AssetDep(candles, partition_mapping=look_back),
    ],
    code_version=recipe_hash(),
)
def feature_version(context: dg.AssetExecutionContext) -> dg.MaterializeResult[FeatureVersion]:
    """The look-back window of the night: its days, the content hash of each, and the hash of the recipe.

    Days that are missing, or were made by another recipe or from other candles than lie in the lake now, are made
    here by the code of their own assets and recorded as materializations of their own partitions. Days the source
    does not have end the run; the error names them.
    """
    day, symbol = symbol_day(context.partition_key)
    window, lake = days_until(day, settings().look_back_days), Lake.open()
    for asset in (candles, *BESIDE):
        heal(context, asset.key.path[-1], symbol, window)
    stale = stale_features(lake, symbol, window)
    if stale:
        context.log.info(f"healing {len(stale)} days of features of {symbol}, {stale[0]} to {stale[-1]}")
    healed = make_features(context, symbol, stale)
    made_of = provenance(context, features)  # after it: what it stands on may have been healed on the way
    record_healed(context, features.key, symbol, healed, made_of)
    record_forgotten(context, features.key, symbol, window, made_of)
    baseline, no_books = pin(lake, BASELINE), set(lake.missing("order_books", symbol, window))
    version = FeatureVersion(
        symbol=symbol,
        day=day,
        recipe_sha256=recipe_hash(),
        names=FEATURE_NAMES,
        days=tuple(
            FeatureDay(
                day=past,
                candles_sha256=lake.frame_hash("candles", symbol, past),
                funding_sha256=lake.frame_hash("funding_rates", symbol, past),
                books_sha256=None if past in no_books else lake.frame_hash("order_books", symbol, past),
                features_sha256=lake.frame_hash("features", symbol, past),
            )
            for past in window
        ),
    )
    return artifact(
        version,
        {
            "days": len(window),
            "healed_features": len(stale),
            "recipe_sha256": recipe_hash(),
            "feature_set": baseline.reference,
            "features": len(FEATURE_NAMES),
        },
    )


def make_features(
    context: dg.AssetExecutionContext, symbol: str, days: Sequence[date]
) -> dict[date, Mapping[str, Any]]:
    """Compute and write the features of days of one symbol.

    Raises:
        MarketError: a candle day is not there although the source's history has begun; the message names it.
    """
    lake = Lake.open()
    keep_recipe(lake)
    made: dict[date, Mapping[str, Any]] = {}
    for chunk in _chunks(days):
        wanted = _heal_inputs(context, symbol, chunk)
        # Named before they are read: a day that another run replaces in between is stale, and made again.
        stand_on = feature_inputs(lake, symbol, settings().market.benchmark, chunk)
        inputs = _read_inputs(symbol, wanted)
        for day in chunk:
            frame = compute_features(day, *inputs)
            validate_features(frame, day)
            digest = lake.write_frame("features", symbol, day, frame, day_tags(frame, stand_on[day]))
            made[day] = _metadata(frame, digest, plot=len(days) == 1)
        if len(days) > CHUNK_DAYS:
            context.log.info(f"features of {symbol}: {len(made)} of {len(days)} days")
    return made


def stale_features(lake: Lake, symbol: str, days: Sequence[date]) -> list[date]:
    """Those of `days` whose features are absent, of another recipe, or of other candles than the lake has now."""
    stand_on = feature_inputs(lake, symbol, settings().market.benchmark, days)
    wanted = {day: (recipe_hash(), stand_on[day]) for day in days}
    return [
        day
        for day in days
        if tuple(lake.frame_tag("features", symbol, day, tag) for tag in (RECIPE_TAG, INPUTS_TAG)) != wanted[day]
    ]


Inputs = tuple[pl.DataFrame, pl.DataFrame | None, pl.DataFrame | None, OptionalInputs]


def load_market(context: dg.AssetExecutionContext, symbol: str, days: Sequence[date]) -> Inputs:
    """Candles, the benchmark's candles, funding and what else a lake may have of `days` and their warm-up.

    What the market room makes and the lake lacks is fetched.
    """
    return _read_inputs(symbol, _heal_inputs(context, symbol, days))


@dataclass(frozen=True)
class _InputDays:
    """Days of each input that the source has within `days` and their warm-up."""

    own: list[date]
    benchmark: list[date]
    events: list[date]


def _heal_inputs(context: dg.AssetExecutionContext, symbol: str, days: Sequence[date]) -> _InputDays:
    benchmark = settings().market.benchmark
    own = _heal_with_warm_up(context, symbol, days)
    peer = own if symbol == benchmark else _heal_with_warm_up(context, benchmark, days)
    events = days_between(max(days[0] - DAY * WARM_UP_DAYS, settings().market.first_day), days[-1])
    for asset in BESIDE:
        heal(context, asset.key.path[-1], symbol, events)
    return _InputDays(own, peer, events)


def _read_inputs(symbol: str, wanted: _InputDays) -> Inputs:
    lake, benchmark = Lake.open(), settings().market.benchmark
    own = lake.read_window("candles", symbol, wanted.own)
    peer = own if symbol == benchmark else lake.read_window("candles", benchmark, wanted.benchmark)
    funding = lake.read_window("funding_rates", symbol, wanted.events)
    more = read_optional(lake, symbol, wanted.events)
    return own, peer, None if funding.is_empty() else funding, more


def _heal_with_warm_up(context: dg.AssetExecutionContext, symbol: str, days: Sequence[date]) -> list[date]:
    begins = market_source().first_day(symbol)
    earliest = max(begins or days[0], settings().market.first_day)
    # Before a listing there is no warm-up; a day asked for before it stays in the list, and healing names it.
    wanted = days_between(min(max(earliest, days[0] - DAY * WARM_UP_DAYS), days[0]), days[-1])
    heal(context, "candles", symbol, wanted)
    return wanted


@dg.asset_check(asset=features, blocking=True)
def features_contract(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """What lies in the lake is the recipe's schema, finite, in range, one row a candle, read back from the file."""

    def validate(symbol: str, day: date, frame: pl.DataFrame) -> None:
        validate_features(frame, day)
        if frame["ts"].to_list() != Lake.open().read_frame("candles", symbol, day)["ts"].to_list():
            raise ContractError(f"features of {day}|{symbol} do not stand on its candles: materialise features again")

    return check_partitions(context, "features", validate)


def _metadata(frame: pl.DataFrame, digest: str, *, plot: bool) -> dict[str, Any]:
    nulls = null_counts(frame)
    metadata: dict[str, Any] = {
        "content_sha256": digest,
        "recipe_sha256": recipe_hash(),
        "dagster/row_count": frame.height,
        "features": len(FEATURE_NAMES),
        "null_share": float(np.mean(list(nulls.values()))) / max(frame.height, 1),
        "nulls": {name: count for name, count in nulls.items() if count},
    }
    if plot:
        # Dagster looks for a column's lineage here; a range would repeat its thirty kilobytes for each of its days.
        metadata |= {"day": dg.MetadataValue.md(_heatmap(frame)), LINEAGE: column_lineage()}
    return metadata


def _heatmap(frame: pl.DataFrame) -> str:
    bars = frame[14::15]
    values = bars.select(FEATURE_NAMES).cast(pl.Float64).to_numpy().T
    shown = np.full_like(values, np.nan)
    told = ~np.isnan(values).all(axis=1)  # what no bar tells has no median
    with np.errstate(invalid="ignore", divide="ignore"):
        off = values[told] - np.nanmedian(values[told], axis=1, keepdims=True)
        shown[told] = off / (1.4826 * np.nanmedian(np.abs(off), axis=1, keepdims=True))
        return feature_heatmap(FEATURE_NAMES, shown, bars["known_at"].to_numpy())


def _chunks(days: Sequence[date]) -> list[list[date]]:
    return [list(days[start : start + CHUNK_DAYS]) for start in range(0, len(days), CHUNK_DAYS)]
