"""What the exchange knows of a symbol: its candles, rendered once as Binance's rows, and its derivatives."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any

import numpy as np
import orjson
import polars as pl

from huracan_assets.days import DAY, midnight
from huracan_assets.market.contract import to_candles
from huracan_assets.market.synthetic import SyntheticSource
from huracan_assets_tests.real_candles import SPOT_2023

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
FUNDING_MS = 8 * HOUR_MS
COUNT_MS = 5 * MINUTE_MS
STEPS = {"1m": MINUTE_MS, "1h": HOUR_MS}
# Binance's twelve places of a kline; prices and amounts are text.
KLINE = '[{},"{}","{}","{}","{}","{}",{},"{}",{},"{}","0","0"]'


def milliseconds(moment: datetime | date) -> int:
    """A moment, or 00:00 UTC of a day, as the exchange counts."""
    at = moment if isinstance(moment, datetime) else midnight(moment)
    return round(at.timestamp() * 1000)


@dataclass(frozen=True)
class Bars:
    """Rendered klines of one interval: `opens` in ms (n,), sorted, and their rows as JSON."""

    opens: np.ndarray[Any, Any]
    rows: list[str]

    def between(self, begin: int, end: int, limit: int) -> tuple[int, int]:
        """The places of the first `limit` bars with `begin` <= open <= `end`."""
        first = int(np.searchsorted(self.opens, begin, "left"))
        return first, min(int(np.searchsorted(self.opens, end, "right")), first + limit)


@dataclass(frozen=True)
class Book:
    """A symbol of the exchange.

    Attributes:
        symbol: our name, `BTC-USDT`.
        truth: its minutes as the market made them, in the candle contract's shape.
        delisted_ms: no bar opens from then on.
    """

    symbol: str
    truth: pl.DataFrame
    delisted_ms: int | None = None
    bars: dict[str, Bars] = field(init=False)

    def __post_init__(self) -> None:
        truth = self.truth
        if self.delisted_ms is not None:
            truth = truth.filter(pl.col("ts").dt.epoch("ms") < self.delisted_ms)
            object.__setattr__(self, "truth", truth)
        bars = {"1m": _rendered(truth, MINUTE_MS), "1h": _rendered(_hours(truth), HOUR_MS)}
        object.__setattr__(self, "bars", bars)

    @property
    def id(self) -> str:
        """The exchange's name of it, `BTCUSDT`."""
        return self.symbol.replace("-", "")

    def entry(self) -> dict[str, Any]:
        """Its entry in the spot market's exchangeInfo, with what ccxt reads of it."""
        base, quote = self.symbol.split("-")
        return {
            "symbol": self.id,
            "status": "TRADING" if self.delisted_ms is None else "BREAK",
            "baseAsset": base,
            "quoteAsset": quote,
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "isSpotTradingAllowed": True,
            "permissions": ["SPOT"],
            "filters": [],
        }

    def perpetual_entry(self) -> dict[str, Any]:
        """Its entry in the futures market's exchangeInfo."""
        base, quote = self.symbol.split("-")
        return {
            "symbol": self.id,
            "pair": self.id,
            "contractType": "PERPETUAL",
            "deliveryDate": 4133404800000,
            "onboardDate": 1569398400000,
            "status": "TRADING",
            "baseAsset": base,
            "quoteAsset": quote,
            "marginAsset": quote,
            "pricePrecision": 2,
            "quantityPrecision": 3,
            "filters": [],
        }

    def funding(self, begin: int, end: int) -> list[dict[str, Any]]:
        """The settlements with `begin` <= time <= `end`, every eight hours."""
        times = range(-(-begin // FUNDING_MS) * FUNDING_MS, end + 1, FUNDING_MS)
        return [
            {"symbol": self.id, "fundingRate": funding_rate(time), "fundingTime": time, "markPrice": "0"}
            for time in times
        ]

    def counts(self, begin: int, end: int) -> list[dict[str, Any]]:
        """The open interest with `begin` <= time <= `end`, every five minutes."""
        times = range(-(-begin // COUNT_MS) * COUNT_MS, end + 1, COUNT_MS)
        return [
            {
                "symbol": self.id,
                "sumOpenInterest": f"{open_interest(time):.3f}",
                "sumOpenInterestValue": f"{100 * open_interest(time):.3f}",
                "timestamp": time,
            }
            for time in times
        ]

    def trades(self) -> list[dict[str, Any]]:
        """A trade a minute, at its close: numbered without a hole."""
        opens, closes, volumes = self.bars["1m"].opens, self.truth["close"], self.truth["volume"]
        return [
            {
                "a": 5_000 + number,
                "p": str(closes[number]),
                "q": str(volumes[number] or 1.0),
                "f": number,
                "l": number,
                "T": int(opens[number]) + 30_000,
                "m": number % 3 == 0,
                "M": True,
            }
            for number in range(len(opens))
        ]


def funding_rate(time_ms: int) -> str:
    """What is paid at a settlement, as text; anything that differs from one to the next."""
    return f"{1e-4 * (1 + time_ms // FUNDING_MS % 7):.8f}"


def open_interest(time_ms: int) -> float:
    """What stands open at a moment."""
    return 1_000.0 + time_ms // COUNT_MS % 1_000


@cache
def recorded_book(symbol: str, first: date, last: date) -> Book:
    """A book of recorded candles of 2023."""
    scan = pl.scan_parquet(SPOT_2023 / f"{symbol}.parquet")
    ts = pl.col("ts").dt.replace_time_zone(None).dt.replace_time_zone("UTC")
    within = (ts >= midnight(first)) & (ts < midnight(last + DAY))
    return Book(symbol, to_candles(scan.filter(within).sort("ts").collect()))


@cache
def made_book(symbol: str, first: date, last: date) -> Book:
    """A book of synthetic candles, its prices and amounts with as many decimals as Binance's."""
    return _rounded_book(symbol, _synthetic(symbol, first).candles(symbol, first, last))


@cache
def made_perpetual(symbol: str, first: date, last: date) -> Book:
    """The book of the perpetual on the same coin."""
    truth = _synthetic(symbol, first).perpetual_candles(symbol, first, last)
    assert truth is not None
    return _rounded_book(symbol, truth)


def _synthetic(symbol: str, first: date) -> SyntheticSource:
    return SyntheticSource(symbols=(symbol,), benchmark="BTC-USDT", first=first, seed=3, edge=0.0)


def _rounded_book(symbol: str, truth: pl.DataFrame) -> Book:
    rounded = truth.with_columns(
        pl.col("open", "high", "low", "close").round(6), pl.col("volume", "taker_buy_volume").round(5)
    )
    mean = (pl.col("high") + pl.col("low")) / 2
    return Book(symbol, to_candles(rounded.with_columns(quote_volume=(pl.col("volume") * mean).round(8))))


def _hours(minutes: pl.DataFrame) -> pl.DataFrame:
    """The exchange's own hours, from every trade: here from every minute that there was."""
    amounts = ("volume", "quote_volume", "trades", "taker_buy_volume")
    return (
        minutes.group_by(pl.col("ts").dt.truncate("1h"), maintain_order=True)
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            pl.col(*amounts).sum(),
        )
        .sort("ts")
    )


def _rendered(frame: pl.DataFrame, step_ms: int) -> Bars:
    opens = pl.col("ts").dt.epoch("ms")
    row = pl.format(
        KLINE,
        opens,
        *(pl.col(name).cast(pl.String) for name in ("open", "high", "low", "close", "volume")),
        opens + step_ms - 1,
        pl.col("quote_volume").fill_null(0.0).cast(pl.String),
        pl.col("trades").fill_null(0),
        pl.col("taker_buy_volume").fill_null(0.0).cast(pl.String),
    )
    columns = frame.select(opens.alias("opens"), row.alias("row"))
    return Bars(columns["opens"].to_numpy(), columns["row"].to_list())


def parsed(rows: list[str]) -> list[list[Any]]:
    """Rendered rows as lists, for whoever tampers with them."""
    return [orjson.loads(row) for row in rows]
