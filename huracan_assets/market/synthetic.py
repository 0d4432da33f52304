"""A seeded market without an end: regimes, fat tails, a common factor, order flow; an edge only where asked.

Any day can be had alone: a day's random numbers come from (seed, symbol, day), and the state in which it
begins (price, volatility, order flow, regime, funding) is carried from day to day and remembered. So the same seed,
symbol and day give the same bits, whatever range is asked for, and in whatever order.

Without an edge the price is a martingale: the return of a minute, given everything before it, has mean 0.
Regimes and volatility are predictable, direction is not. With `edge` e, the order-flow signal x (known at
the close of its minute, and shown, with noise, by the taker-buy share) lifts the expected return of the
next minute by e*x bps. The perpetual stands off its spot market by a basis that no return follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from zlib import crc32

import numpy as np
import numpy.typing as npt
import polars as pl

from huracan_assets.days import MINUTES_PER_DAY, days_between
from huracan_assets.market.contract import (
    CANDLE_SCHEMA,
    FUNDING_SCHEMA,
    empty_candles,
    validate_perpetual,
    validate_range,
)
from huracan_assets.market.source import INVENTED, Piece, Span, one_after_the_other, unknown_symbol
from huracan_assets.market.synthetic_basis import basis_path
from huracan_assets.resources.compiled import njit

Floats = npt.NDArray[np.float64]

ANNUAL_VOLATILITY = 0.40  # as BTC: 0.43 over 2023, 0.37 in May and June 2025
# Regimes: trend, range, panic. Volatility relative to trend, mean length in hours, where each one goes next.
REGIME_VOLATILITY = np.array([1.0, 0.6, 3.0])
REGIME_HOURS = np.array([6.0, 12.0, 2.0])
REGIME_NEXT = np.array([[0.0, 0.9, 0.1], [0.9, 0.0, 0.1], [0.5, 0.5, 0.0]])
DIURNAL = 0.25  # amplitude of the day's volatility wave
GARCH_ALPHA, GARCH_BETA = 0.03, 0.95
MARKET_CORRELATION = 0.8
TAIL_FREEDOM, TAIL_BOUND = 5.0, 8.0  # Student t innovations, bounded, in standard deviations of the t
FLOW_HALF_LIFE = 90.0  # minutes
SHARE_PER_FLOW, SHARE_NOISE = 0.06, 0.03
FUNDING_MEAN, FUNDING_SPREAD, FUNDING_PERSISTENCE = 1e-4, 1e-4, 0.9
FUNDING_HOURS = 8
MEDIAN_TURNOVER, BENCHMARK_TURNOVER = 150_000.0, 6.0  # USDT a minute; the benchmark is traded more
TURNOVER_SPREAD, TRADE_SIZE = 0.7, 1_500.0
_MARKET, _SYMBOL, _START, _BASIS, _PERPETUAL = range(5)  # streams of the generator


@dataclass(frozen=True)
class _State:
    """Where a symbol's day begins."""

    log_price: float
    variance: float
    flow: float
    funding: float


@dataclass(frozen=True)
class _MarketDay:
    """What all symbols share: the benchmark's innovations and the volatility of the minute, before GARCH."""

    innovation: Floats
    sigma: Floats
    last_regime: int


@dataclass(frozen=True)
class _Day:
    """A symbol's day: log prices at each close, minute sigmas, standardised innovations, order flow."""

    log_close: Floats
    sigma: Floats
    innovation: Floats
    flow: Floats
    end: _State
    rng: np.random.Generator
    funding: Floats


@njit()
def _regime_path(regime: int, leave: Floats, turn: Floats, hazard: Floats, onward: Floats) -> npt.NDArray[np.int64]:
    """The regime of each minute: left with its hazard, for one drawn from its cumulative row of `onward`."""
    path = np.empty(leave.size, np.int64)
    for minute in range(leave.size):
        if leave[minute] < hazard[regime]:
            regime = min(np.searchsorted(onward[regime], turn[minute], side="right"), onward.shape[0] - 1)
        path[minute] = regime
    return path


@njit()
def _symbol_path(
    state: Floats,
    sigma: Floats,
    innovation: Floats,
    shock: Floats,
    persistence: float,
    edge: float,
    alpha: float,
    beta: float,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Log price, sigma and order flow of each minute, and the state after the last.

    The return of a minute is edge*x_{t-1} - sigma^2/2 + sigma*z: the middle term makes the price, not its
    logarithm, the martingale.
    """
    log_price, variance, flow = state[0], state[1], state[2]
    n = sigma.size
    log_close, used, flows = np.empty(n), np.empty(n), np.empty(n)
    fresh = np.sqrt(1.0 - persistence * persistence)
    for minute in range(n):
        s = sigma[minute] * np.sqrt(variance)
        z = innovation[minute]
        log_price += edge * flow - 0.5 * s * s + s * z
        variance = (1.0 - alpha - beta) + (alpha * z * z + beta) * variance
        flow = persistence * flow + fresh * shock[minute]
        log_close[minute], used[minute], flows[minute] = log_price, s, flow
    return log_close, used, flows, np.array([log_price, variance, flow])


def _regime_shares() -> Floats:
    """The long-run share of time in each regime: visits of the embedded chain times their lengths."""
    visits = np.linalg.matrix_power(0.5 * (REGIME_NEXT + np.eye(3)), 200)[0]
    shares = visits * REGIME_HOURS
    return np.asarray(shares / shares.sum(), dtype=np.float64)


def _minute_sigma() -> Floats:
    """Sigma of a minute in each regime, scaled so that a year has `ANNUAL_VOLATILITY`."""
    mean_square = float(_regime_shares() @ REGIME_VOLATILITY**2) * (1.0 + DIURNAL**2 / 2.0)
    a_minute = ANNUAL_VOLATILITY / np.sqrt(365.0 * MINUTES_PER_DAY)
    return np.asarray(REGIME_VOLATILITY * a_minute / np.sqrt(mean_square), dtype=np.float64)


def _tail_scale() -> float:
    """Standard deviation of the bounded Student t, E[min(t^2, b^2)]^(1/2), by the trapezoid rule."""
    t = np.linspace(-400.0, 400.0, 800_001)
    density = (1.0 + t * t / TAIL_FREEDOM) ** (-(TAIL_FREEDOM + 1.0) / 2.0)
    bound = TAIL_BOUND * np.sqrt(TAIL_FREEDOM / (TAIL_FREEDOM - 2.0))
    return float(np.sqrt((np.minimum(t * t, bound * bound) * density).sum() / density.sum()))


def _innovations(rng: np.random.Generator, scale: float) -> Floats:
    bound = TAIL_BOUND * np.sqrt(TAIL_FREEDOM / (TAIL_FREEDOM - 2.0))
    return np.asarray(np.clip(rng.standard_t(TAIL_FREEDOM, MINUTES_PER_DAY), -bound, bound) / scale)


class SyntheticSource:
    """A `MarketSource` that makes its market.

    Args:
        symbols: what it knows; they share the regimes and the benchmark's innovations (correlation 0.8).
        first: its first day; it has no last one.
        edge: planted drift in bps a minute per unit of order flow; 0 makes a market without an edge.
    """

    def __init__(self, *, symbols: Sequence[str], benchmark: str, first: date, seed: int, edge: float) -> None:
        self._symbols = tuple(symbols)
        self._benchmark = benchmark
        self._first = first
        self._seed = seed
        self._edge = edge
        self._sigma = _minute_sigma()
        self._tail_scale = _tail_scale()
        self._regimes: list[int] = [int(self._rng(_START, 0, 0).choice(3, p=_regime_shares()))]
        self._states: dict[str, list[_State]] = {}

    @property
    def name(self) -> str:
        """`synthetic`, with what distinguishes one market from another."""
        return f"{INVENTED} (seed {self._seed}, edge {self._edge} bps)"

    def first_day(self, symbol: str) -> date | None:
        """See `MarketSource.first_day`."""
        return self._first if symbol in self._symbols else None

    def candles(self, symbol: str, first: date, last: date) -> pl.DataFrame:
        """See `MarketSource.candles`; days before the market's first are absent."""
        days = self._days(symbol, first, last)
        if not days:
            return empty_candles()
        frame = pl.concat([self._candles_of(symbol, day) for day in days])
        return validate_range(frame, symbol=symbol, first=first, last=last, origin=self.name)

    def stream(self, spans: Sequence[Span]) -> Iterator[Piece]:
        """See `MarketSource.stream`."""
        return one_after_the_other(self, spans)

    def hourly(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """None: its hours would be made from its minutes."""
        return None

    def funding(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """See `MarketSource.funding`: at 00:00, 08:00 and 16:00 UTC, around 1 bp."""
        days = self._days(symbol, first, last)
        if not days:
            return None
        rates = np.concatenate([self._day(symbol, day).funding for day in days])
        begin = np.datetime64(days[0], "us")
        ts = begin + np.arange(rates.size) * np.timedelta64(FUNDING_HOURS * 3_600_000_000, "us")
        frame = pl.DataFrame({"ts": ts, "rate": rates})
        return frame.with_columns(pl.col("ts").dt.replace_time_zone("UTC")).select(
            pl.col(name).cast(kind) for name, kind in FUNDING_SCHEMA.items()
        )

    def open_interest(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """None: nothing in this market holds a position."""
        return None

    def perpetual_candles(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """See `MarketSource.perpetual_candles`: the spot market's path and a basis of some basis points."""
        days = self._days(symbol, first, last)
        if not days:
            return None
        frame = pl.concat([self._perpetual_of(symbol, day) for day in days])
        return validate_perpetual(frame, symbol=symbol, origin=self.name)

    def order_books(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """None: this market's prices come from no book."""
        return None

    def trades(self, symbol: str, first: date, last: date) -> pl.DataFrame | None:
        """None: a minute's activity is drawn as a whole."""
        return None

    def signal(self, symbol: str, first: date, last: date) -> Floats:
        """The order flow x at each minute's close, (minutes,), unit variance: an experiment's oracle."""
        days = self._days(symbol, first, last)
        return np.concatenate([self._day(symbol, day).flow for day in days]) if days else np.empty(0)

    def _days(self, symbol: str, first: date, last: date) -> list[date]:
        if symbol not in self._symbols:
            raise unknown_symbol(symbol, self._symbols, self.name)
        return days_between(max(first, self._first), last)

    def _rng(self, stream: int, which: int, day: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, stream, which, day])

    def _market_day(self, number: int) -> _MarketDay:
        """The shared part of day `number`, counted from the first; earlier days are walked once."""
        while len(self._regimes) <= number:
            self._regimes.append(self._walk_market(len(self._regimes) - 1).last_regime)
        made = self._walk_market(number)
        if len(self._regimes) == number + 1:
            self._regimes.append(made.last_regime)
        return made

    def _walk_market(self, number: int) -> _MarketDay:
        rng = self._rng(_MARKET, 0, number)
        innovation = _innovations(rng, self._tail_scale)
        leave, turn = rng.random(MINUTES_PER_DAY), rng.random(MINUTES_PER_DAY)
        hazard = 1.0 / (60.0 * REGIME_HOURS)
        regimes = _regime_path(self._regimes[number], leave, turn, hazard, np.cumsum(REGIME_NEXT, axis=1))
        wave = 1.0 + DIURNAL * np.sin(2.0 * np.pi * np.arange(MINUTES_PER_DAY) / MINUTES_PER_DAY)
        return _MarketDay(innovation, self._sigma[regimes] * wave, int(regimes[-1]))

    def _day(self, symbol: str, day: date) -> _Day:
        number = (day - self._first).days
        states = self._states.setdefault(symbol, [self._birth(symbol)])
        while len(states) <= number:
            states.append(self._walk(symbol, len(states) - 1, states[-1]).end)
        return self._walk(symbol, number, states[number])

    def _birth(self, symbol: str) -> _State:
        rng = self._rng(_START, crc32(symbol.encode()), 1)
        log_price = float(np.log(10.0) * rng.uniform(0.0, 4.5))
        return _State(log_price, 1.0, float(rng.standard_normal()), float(rng.standard_normal()))

    def _walk(self, symbol: str, number: int, start: _State) -> _Day:
        market = self._market_day(number)
        rng = self._rng(_SYMBOL, crc32(symbol.encode()), number)
        innovation = market.innovation
        own = _innovations(rng, self._tail_scale)
        if symbol != self._benchmark:
            innovation = MARKET_CORRELATION * innovation + np.sqrt(1.0 - MARKET_CORRELATION**2) * own
        log_close, sigma, flow, end = _symbol_path(
            np.array([start.log_price, start.variance, start.flow]),
            market.sigma,
            innovation,
            rng.standard_normal(MINUTES_PER_DAY),
            0.5 ** (1.0 / FLOW_HALF_LIFE),
            self._edge * 1e-4,
            GARCH_ALPHA,
            GARCH_BETA,
        )
        deviations = np.empty(24 // FUNDING_HOURS)
        deviation = start.funding
        for event, shock in enumerate(rng.standard_normal(deviations.size)):
            deviation = FUNDING_PERSISTENCE * deviation + np.sqrt(1.0 - FUNDING_PERSISTENCE**2) * float(shock)
            deviations[event] = deviation
        after = _State(float(end[0]), float(end[1]), float(end[2]), float(deviation))
        rates = FUNDING_MEAN + FUNDING_SPREAD * deviations
        return _Day(log_close, sigma, innovation, flow, after, rng, rates)

    def _candles_of(self, symbol: str, day: date) -> pl.DataFrame:
        made = self._day(symbol, day)
        start = self._states[symbol][(day - self._first).days]
        log_open = np.concatenate([[start.log_price], made.log_close[:-1]])
        return _frame(day, _bars(log_open, made, symbol == self._benchmark))

    def _perpetual_of(self, symbol: str, day: date) -> pl.DataFrame:
        """Its own high, low and activity; its takers show nothing of the order flow that an edge is planted on."""
        made, number, which = self._day(symbol, day), (day - self._first).days, crc32(symbol.encode())
        start = self._states[symbol][number]
        rates = np.concatenate([[FUNDING_MEAN + FUNDING_SPREAD * start.funding], made.funding])
        today, tomorrow = (self._rng(_BASIS, which, midnight) for midnight in (number, number + 1))
        midnights = today.standard_normal(), tomorrow.standard_normal()
        log_basis = basis_path(rates - FUNDING_MEAN, midnights, today.standard_normal(MINUTES_PER_DAY))
        path = np.concatenate([[start.log_price], made.log_close]) + log_basis
        rng, flow = self._rng(_PERPETUAL, which, number), np.zeros(MINUTES_PER_DAY)
        bars = _bars(path[:-1], replace(made, log_close=path[1:], flow=flow, rng=rng), symbol == self._benchmark)
        return _frame(day, bars)


def _frame(day: date, columns: dict[str, Floats]) -> pl.DataFrame:
    """The bars of a day's minutes, in the candle contract's shape."""
    ts = np.datetime64(day, "us") + np.arange(MINUTES_PER_DAY) * np.timedelta64(60_000_000, "us")
    frame = pl.DataFrame({"ts": ts, "known_at": ts + np.timedelta64(60_000_000, "us"), **columns})
    frame = frame.with_columns(pl.col("ts", "known_at").dt.replace_time_zone("UTC"))
    return frame.select(pl.col(name).cast(kind) for name, kind in CANDLE_SCHEMA.items())


def _bars(log_open: Floats, day: _Day, benchmark: bool) -> dict[str, npt.NDArray[np.float64]]:
    """Prices and activity of each minute.

    High and low are each drawn from the exact law of a Brownian bridge's extreme between open and close
    (Karatzas & Shreve 1991, 2.8): max = (c + sqrt(c^2 - 2 s^2 ln U)) / 2 from 0 to c with variance s^2.
    Volume is log-normal, rising with the minute's |z|; it tells of volatility, never of direction.
    """
    rng = day.rng
    change = day.log_close - log_open
    spread = -2.0 * day.sigma**2
    above = 0.5 * (change + np.sqrt(change**2 + spread * np.log(1.0 - rng.random(change.size))))
    below = 0.5 * (change - np.sqrt(change**2 + spread * np.log(1.0 - rng.random(change.size))))
    opens, closes = np.exp(log_open), np.exp(day.log_close)
    high = np.maximum(np.maximum(opens, closes), np.exp(log_open + above))
    low = np.minimum(np.minimum(opens, closes), np.exp(log_open + below))
    median = MEDIAN_TURNOVER * (BENCHMARK_TURNOVER if benchmark else 1.0)
    noise = np.exp(TURNOVER_SPREAD * rng.standard_normal(change.size))
    turnover = median * noise * (0.5 + np.abs(day.innovation))
    share = 0.5 + SHARE_PER_FLOW * day.flow + SHARE_NOISE * rng.standard_normal(change.size)
    mean_price = (opens + high + low + closes) / 4.0
    volume = turnover / mean_price
    return {
        "open": opens,
        "high": high,
        "low": low,
        "close": closes,
        "volume": volume,
        "quote_volume": turnover,
        "trades": np.ceil(turnover / TRADE_SIZE),
        "taker_buy_volume": volume * np.clip(share, 0.02, 0.98),
    }
