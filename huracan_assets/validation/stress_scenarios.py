"""The changed worlds of the stress tests, as functions on candles. Each keeps the candle contract, but the attacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.days import MINUTE, midnight
from huracan_assets.features.recipe import RECIPE
from huracan_assets.shadow.replay import Stretch

Floats = NDArray[np.float64]

BLOCK_MINUTES = 720
STUCK_MINUTES = 180
NOISE_BPS = 2.0
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class CrisisShape:
    """A crisis as measured: how far, how fast, how wild, and how much came back."""

    name: str
    fall: float
    fall_minutes: int
    rebound: float
    rebound_minutes: int
    volatility: float


# Measured on Binance's spot 1-minute closes of 2021-05-19, high to low of the day; volatility of the fall over that of
# the three weeks before; share of the fall regained within six hours.
CRISES = (
    CrisisShape("2021-05-19 as BTC", -0.309, 776, 0.79, 360, 3.75),
    CrisisShape("2021-05-19 as SOL", -0.480, 769, 0.70, 360, 3.37),
)


@dataclass(frozen=True)
class Shape:
    """Candles as log closes, steps and wicks, from which a changed path is rebuilt."""

    returns: Floats  # (n,) log close to log close; the first is 0
    gap: Floats  # open over the close before
    above: Floats  # high over the body
    below: Floats  # body over the low

    @classmethod
    def of(cls, candles: pl.DataFrame) -> Shape:
        """Take candles apart."""
        opened, high, low, close = (np.log(candles[name].to_numpy()) for name in PRICES)
        before = np.concatenate([opened[:1], close[:-1]])
        return cls(
            returns=np.diff(close, prepend=close[0]),
            gap=opened - before,
            above=high - np.maximum(opened, close),
            below=np.minimum(opened, close) - low,
        )

    def candles(self, like: pl.DataFrame) -> pl.DataFrame:
        """Put them together again, from the first price of `like`, with its times and volumes."""
        close = np.log(like["close"][0]) + np.cumsum(self.returns)
        before = np.concatenate([[np.log(like["open"][0])], close[:-1]])
        opened = before + self.gap
        high, low = np.maximum(opened, close) + self.above, np.minimum(opened, close) - self.below
        traded = like["volume"].to_numpy() > 0  # a bar without a trade stands still at its close
        legs = (np.where(traded, np.exp(leg), np.exp(close)) for leg in (opened, high, low, close))
        prices = dict(zip(PRICES, legs, strict=True))
        prices["high"] = np.maximum.reduce([prices[name] for name in PRICES])
        prices["low"] = np.minimum.reduce([prices[name] for name in PRICES])
        ratio = prices["close"] / like["close"].to_numpy()
        return like.with_columns(
            *(pl.Series(name, values) for name, values in prices.items()),
            quote_volume=(pl.col("quote_volume") * pl.Series(ratio)).clip(
                pl.col("volume") * pl.Series(prices["low"]), pl.col("volume") * pl.Series(prices["high"])
            ),
        )


def with_candles(stretch: Stretch, candles: pl.DataFrame) -> Stretch:
    """The stretch with other candles; where the symbol is its own benchmark, that changes with it."""
    own = stretch.benchmark is None or stretch.benchmark is stretch.candles
    return replace(stretch, candles=candles, benchmark=candles if own else stretch.benchmark)


def crash(candles: pl.DataFrame, days: Sequence[date], crisis: CrisisShape) -> pl.DataFrame:
    """Lay a crisis over the middle of the stretch."""
    shape = Shape.of(candles)
    begin = int((candles["ts"] < midnight(days[len(days) // 2])).sum())
    bottom = min(begin + crisis.fall_minutes, len(shape.returns))
    end = min(bottom + crisis.rebound_minutes, len(shape.returns))
    wild = np.ones(len(shape.returns))
    wild[begin:end] = crisis.volatility
    drift = np.zeros(len(shape.returns))
    drift[begin:bottom] = np.log1p(crisis.fall) / crisis.fall_minutes
    drift[bottom:end] = -crisis.rebound * np.log1p(crisis.fall) / crisis.rebound_minutes
    changed = Shape(shape.returns * wild + drift, shape.gap * wild, shape.above * wild, shape.below * wild)
    return changed.candles(candles)


def block_bootstrap(candles: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Moving-block bootstrap of whole bars: steps, wicks and volumes in blocks of 12 hours, drawn with replacement."""
    n = candles.height
    starts = rng.integers(0, max(1, n - BLOCK_MINUTES), size=-(-n // BLOCK_MINUTES))
    rows = (starts[:, None] + np.arange(BLOCK_MINUTES)).ravel()[:n] % n
    shape = Shape.of(candles)
    drawn = Shape(shape.returns[rows], shape.gap[rows], shape.above[rows], shape.below[rows])
    volumes = candles.select("volume", "quote_volume", "trades", "taker_buy_volume")[rows]
    ratio = candles["close"] / candles["close"][rows]
    like = candles.with_columns(volumes).with_columns(quote_volume=pl.col("quote_volume") * ratio)
    return drawn.candles(like)


def candle_noise(candles: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Each price off by Gaussian noise, those of a bar without a trade together; high and low are the extremes."""
    drawn = rng.normal(0.0, NOISE_BPS / 1e4, size=(candles.height, len(PRICES)))
    noise = np.exp(np.where(candles["volume"].to_numpy()[:, None] > 0, drawn, drawn[:, :1]))
    noisy = {name: candles[name].to_numpy() * noise[:, column] for column, name in enumerate(PRICES)}
    noisy["high"] = np.maximum.reduce(list(noisy.values()))
    noisy["low"] = np.minimum.reduce(list(noisy.values()))
    return candles.with_columns(pl.Series(name, values) for name, values in noisy.items())


def flipped(candles: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    """From the middle on every return has the other sign: what was learned about direction is now wrong."""
    shape = Shape.of(candles)
    turn = int((candles["ts"] < midnight(days[len(days) // 2])).sum())
    sign = np.where(np.arange(candles.height) < turn, 1.0, -1.0)
    above = np.where(sign > 0, shape.above, shape.below)
    below = np.where(sign > 0, shape.below, shape.above)
    return Shape(shape.returns * sign, shape.gap * sign, above, below).candles(candles)


def families(names: Sequence[str]) -> dict[str, list[str]]:
    """The model's features by family of the recipe."""
    found: dict[str, list[str]] = {}
    for feature in RECIPE:
        if feature.name in names:
            found.setdefault(feature.family, []).append(feature.name)
    return found


def _gap(day: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([day[:400], day[800:]])


def _stale(day: pl.DataFrame) -> pl.DataFrame:
    traded = day[300:].filter(pl.col("volume") > 0)[:1]
    begin = traded["ts"][0]
    minutes = pl.DataFrame({"ts": [begin + MINUTE * ahead for ahead in range(STUCK_MINUTES)]}, {"ts": day.schema["ts"]})
    stuck = minutes.join(traded.drop("ts", "known_at"), how="cross").with_columns(known_at=pl.col("ts") + MINUTE)
    before, after = pl.col("ts") < begin, pl.col("ts") >= begin + MINUTE * STUCK_MINUTES
    return pl.concat([day.filter(before), stuck.select(day.columns), day.filter(after)])


def _spike(day: pl.DataFrame) -> pl.DataFrame:
    hit = pl.col("ts") == day["ts"][_joined_bar(day, 700)]
    return day.with_columns(
        pl.when(hit).then(pl.col("close") * 1.5).otherwise(pl.col("close")).alias("close")
    ).with_columns(pl.max_horizontal("high", "close").alias("high"))


def _revision(day: pl.DataFrame) -> pl.DataFrame:
    noon = int(day["ts"].search_sorted(midnight(day["ts"][0].date()) + timedelta(hours=12)))
    late = pl.col("ts") >= day["ts"][_joined_bar(day, noon)]
    return day.with_columns(
        pl.when(late).then(pl.col(name) * 1.5).otherwise(pl.col(name)).alias(name) for name in PRICES
    )


def _joined_bar(day: pl.DataFrame, place: int) -> int:
    """The first bar from `place` on that has both its neighbours: beside a gap a move cannot be told from a jump."""
    step = day["ts"].diff() == MINUTE
    joined = (step & step.shift(-1)).fill_null(False)
    return place + int(joined[place:].arg_max() or 0)


ATTACKS: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "gap of 400 minutes": _gap,
    "one bar repeated for 3 hours": _stale,
    "a spike of 50 %": _spike,
    "half a day revised by 50 %": _revision,
}
