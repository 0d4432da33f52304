"""Decision bars of recorded candles with both sets of features and what the next hour brought.

The candles lie under `HURACAN_SHARED`; `HURACAN_SKILL_CANDLES` names another folder of one-minute candles, a Parquet
file a symbol, the benchmark among them: then every symbol of that folder is judged.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.days import DAY, midnight
from huracan_assets.features.compute import RATE, compute_window, sound
from huracan_assets.features.events import Events
from huracan_assets.features.recipe import WARM_UP_DAYS
from huracan_assets.features.window import Window
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets.market.grid import MinuteGrid
from huracan_assets.settings import read_settings
from huracan_assets.simulation.conditions import minute_rows, trade_conditions
from huracan_assets.simulation.costs import Costs
from huracan_assets_tests.benchmarks.alpha158 import alpha158
from huracan_assets_tests.real_candles import SPOT_2023

Floats = NDArray[np.float64]
BENCHMARK = "BTC-USDT"
SYMBOLS = (BENCHMARK, "ETH-USDT", "SOL-USDT")
FOLDER = Path(os.environ.get("HURACAN_SKILL_CANDLES", SPOT_2023))
TRAIN_DAYS = 150
MONTHS = 5
HORIZON = np.timedelta64(60, "m")
CHUNK = 30  # days whose features are computed at once; the recipe's memory is shorter than its warm-up


@dataclass(frozen=True)
class Rows:
    """One row a decision bar, ascending, whose next hour is known."""

    as_of: NDArray[np.datetime64]  # (n,)
    ours: NDArray[np.float32]  # (n, f)
    names: tuple[str, ...]
    peer: NDArray[np.float32]  # (n, 158)
    move: Floats  # (n,) bps, close to close over the next 60 minutes
    filled: Floats  # (n,) bps, from the fill a latency after the decision to the fill 60 minutes later
    cost: Floats  # (n,) bps of a round trip: fees, half spread and impact, twice


def symbols() -> tuple[str, ...]:
    """The symbols that are judged.

    Raises:
        FileNotFoundError: the candles are not there.
    """
    if not (FOLDER / f"{BENCHMARK}.parquet").is_file():
        raise FileNotFoundError(f"no candles of {BENCHMARK} in {FOLDER}: set HURACAN_SHARED or HURACAN_SKILL_CANDLES")
    if FOLDER == SPOT_2023:
        return SYMBOLS
    return tuple(sorted(file.stem for file in FOLDER.glob("*.parquet")))


@cache
def judged_months() -> tuple[tuple[date, date], ...]:
    """First and last day of the last five whole months of the benchmark's candles."""
    end: date = pl.read_parquet(FOLDER / f"{BENCHMARK}.parquet", columns=["ts"])["ts"].dt.date().to_list()[-1] + DAY
    months, first = [], end.replace(day=1)
    for _ in range(MONTHS):
        first, after = (first - DAY).replace(day=1), first
        months.append((first, after - DAY))
    return tuple(reversed(months))


@cache
def rows_of(symbol: str) -> Rows:
    """All rows that the judging of a symbol needs: 150 days before the first test month to the end of the last."""
    return rows_between(FOLDER, symbol, judged_months()[0][0] - TRAIN_DAYS * DAY, judged_months()[-1][1])


def rows_between(folder: Path, symbol: str, first: date, last: date) -> Rows:
    """The rows of [first, last] from that folder's candles, which begin WARM_UP_DAYS earlier; none are read later."""
    source, span = ArchiveSource(folder), (first - WARM_UP_DAYS * DAY, last)
    own, benchmark = (source.candles(name, *span) for name in (symbol, BENCHMARK))
    funding = source.funding(symbol, *span)
    ours = pl.concat(_features(own, benchmark, funding, first, last))
    peer = _peer_features(own)
    moves = _moves(own, ours.select("as_of", "spread_bps"), first - WARM_UP_DAYS * DAY, last)
    whole = ours.join(peer, on="as_of").join(moves, on="as_of").drop_nulls(["move", "filled", "cost"]).sort("as_of")
    names = tuple(name for name in ours.columns if name != "as_of")
    return Rows(
        as_of=np.asarray(whole["as_of"].to_numpy(), "datetime64[us]"),
        ours=np.ascontiguousarray(whole.select(names).to_numpy()),
        names=names,
        peer=np.ascontiguousarray(whole.select(name for name in peer.columns if name != "as_of").to_numpy()),
        move=whole["move"].to_numpy(),
        filled=whole["filled"].to_numpy(),
        cost=whole["cost"].to_numpy(),
    )


def _features(
    own: pl.DataFrame, benchmark: pl.DataFrame, funding: pl.DataFrame | None, first: date, last: date
) -> Iterator[pl.DataFrame]:
    minutes = read_settings().decision_minutes
    while first <= last:
        until, begin = min(first + (CHUNK - 1) * DAY, last), first - WARM_UP_DAYS * DAY
        inside = pl.col("ts").is_between(midnight(begin), midnight(until + DAY), closed="left")
        window = Window(
            grid=sound(MinuteGrid.from_candles(own.filter(inside), begin, until)),
            benchmark=sound(MinuteGrid.from_candles(benchmark.filter(inside), begin, until)),
            first_row=WARM_UP_DAYS * 1440,
            funding=None if funding is None else Events.from_frame(funding.filter(inside), RATE),
        )
        made = compute_window(window)
        chosen = window.grid.present & (window.minute % minutes == 0)
        chosen[: window.first_row] = False
        as_of = pl.Series("as_of", window.known_at[chosen].astype("datetime64[us]")).dt.replace_time_zone("UTC")
        yield pl.DataFrame([as_of, *(pl.Series(name, x[chosen].astype(np.float32)) for name, x in made.items())])
        first = until + DAY


def _peer_features(own: pl.DataFrame) -> pl.DataFrame:
    step = f"{read_settings().decision_minutes}m"
    money = pl.col("quote_volume").fill_null(pl.col("volume") * (pl.col("high") + pl.col("low") + pl.col("close")) / 3)
    bars = own.group_by_dynamic("ts", every=step).agg(
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.col("volume").sum(),
        money=money.sum(),
    )
    traded = pl.when(pl.col("volume") > 0).then(pl.col("money") / pl.col("volume")).otherwise(pl.col("close"))
    return alpha158(bars.with_columns(vwap=traded)).with_columns(as_of=bars["ts"].dt.offset_by(step))


def _moves(own: pl.DataFrame, bars: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    settings = read_settings().simulation
    grid, costs = MinuteGrid.from_candles(own, first, last), Costs.of(settings)
    paid = 2.0 * trade_conditions(grid, bars, costs, settings, read_settings().decision.position_gbp).taker_bps
    row = minute_rows(grid, np.asarray(bars["as_of"].to_numpy(), "datetime64[us]"))
    held = HORIZON // np.timedelta64(1, "m")
    fill = row + settings.latency_minutes

    def log_of(prices: Floats, at: NDArray[np.int64]) -> Floats:
        return np.log(np.where(at < len(grid), prices[np.minimum(at, len(grid) - 1)], np.nan))

    move = 1e4 * (log_of(grid.close, row - 1 + held) - log_of(grid.close, row - 1))
    filled = 1e4 * (log_of(grid.open, fill + held) - log_of(grid.open, fill))
    return bars.select("as_of").with_columns(
        pl.Series("move", move, nan_to_null=True),
        pl.Series("filled", filled, nan_to_null=True),
        pl.Series("cost", np.where(np.isfinite(paid), paid, np.nan), nan_to_null=True),
    )
