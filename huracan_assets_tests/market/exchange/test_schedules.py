"""200 seeded schedules of faults: each ends with the true candles, or with a quarantined range and a clear error.

A bar that differs from the truth without an error is allowed on one condition alone: the exchange's own hourly
candles contradict it, which the quality report finds in the lake (`cross_source_agreement`). Absent minutes must
be ones in which, by the hour's volume, there were trades, so that they are accounted for as unknown. A schedule is
reproduced by its seed: `schedule(SEED, ...)` in `exchange_emulator/faults.py`.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from datetime import date

import polars as pl

from huracan_assets.days import DAY, days_between
from huracan_assets.errors import MarketError
from huracan_assets.market.exchange.source import ExchangeSource
from huracan_assets.market.reaggregation import disagreements, hours_with_more
from huracan_assets.market.source import Piece, Span
from huracan_assets_tests.market.exchange_emulator.books import Book, made_book, milliseconds, recorded_book
from huracan_assets_tests.market.exchange_emulator.door import door
from huracan_assets_tests.market.exchange_emulator.exchange import CLOCK_OFF_MS, Exchange
from huracan_assets_tests.market.exchange_emulator.faults import CLOCK, DELISTING, KINDS, RENAME, Fault, schedule
from huracan_assets_tests.market.exchange_emulator.server import Server, serving
from huracan_assets_tests.real_candles import SPOT_2023

SCHEDULES = 200
TOGETHER = 4
LEAST_OF_EACH = 10  # of each way to end, so that none of them is vacuous
TIMEOUT_S = 0.3  # below the emulator's LATE_S
FIRST = date(2023, 5, 1)
LAST = FIRST + DAY
SYMBOLS = ("BTC-USDT", "ETH-USDT")
SPANS = (Span("BTC-USDT", FIRST, LAST), Span("ETH-USDT", LAST, LAST))
PARTITIONS = [(span.symbol, day) for span in SPANS for day in days_between(span.first, span.last)]
HISTORY = FIRST - DAY  # there are older candles for an exchange that does not heed `since`
END_MS = milliseconds(LAST + DAY)


def drawn(seed: int) -> list[Fault]:
    """The faults of a schedule."""
    return schedule(seed, SYMBOLS, milliseconds(FIRST), END_MS)


def books(seed: int) -> list[Book]:
    """Recorded candles for even seeds, synthetic ones for odd; for all where nothing is recorded here."""
    make = recorded_book if seed % 2 == 0 and SPOT_2023.is_dir() else made_book
    return [make(symbol, HISTORY, LAST + DAY) for symbol in SYMBOLS]


def exchange_of(seed: int, faults: list[Fault]) -> Exchange:
    """Just after the last day; where the clock is off for good, two minutes before it has ended."""
    delisted = {fault.symbol: fault.at_ms for fault in faults if fault.kind == DELISTING}
    listed = [
        Book(book.symbol, book.truth, delisted[book.symbol]) if book.symbol in delisted else book
        for book in books(seed)
    ]
    off = any(fault.kind == CLOCK and fault.times is None for fault in faults)
    close = any(fault.kind == CLOCK for fault in faults)
    now_ms = END_MS - CLOCK_OFF_MS if off else END_MS - 60_000 if close else END_MS + 30_000
    return Exchange.of(listed, now_ms, faults)


def verdict(piece: Piece, exchange: Exchange, source: ExchangeSource) -> str:
    """What became of a day: `true`, `error` or `contradicted`; anything else fails here."""
    truth = exchange.books[piece.symbol.replace("-", "")].truth.filter(pl.col("ts").dt.date() == piece.first)
    if isinstance(piece.candles, MarketError):
        said = str(piece.candles)
        assert source.name in said and len(said) > len(source.name) + 20, f"an error that says little: {said}"
        return "error"
    if piece.candles.equals(truth):
        return "true"
    hourly = source.hourly(piece.symbol, piece.first, piece.last)
    assert hourly is not None
    wrong = piece.candles.join(truth, on=truth.columns, how="anti", nulls_equal=True)
    absent = truth.join(piece.candles, on="ts", how="anti")
    told = set(disagreements(piece.candles, hourly)["ts"]) | set(hours_with_more(piece.candles, hourly))
    silent = set(pl.concat([wrong["ts"], absent["ts"]]).dt.truncate("1h")) - told
    assert not silent, f"wrong or absent bars that nothing tells, in the hours {sorted(silent)}"
    return "contradicted"


def run(server: Server, seed: int) -> list[str]:
    """The verdicts of one schedule."""
    faults = drawn(seed)
    exchange = server.exchange = exchange_of(seed, deepcopy(faults))
    source = door(server.url, timeout_s=TIMEOUT_S, max_attempts=6)
    pieces = list(source.stream(SPANS))
    days = sorted((piece.symbol, piece.first) for piece in pieces)
    assert days == PARTITIONS, "a day is lost or told twice"
    # A second look at the hours, as the lake's `hourly_candles` are one: by then the way is clear again.
    exchange.faults = [fault for fault in exchange.faults if fault.symbol is not None and fault.kind != RENAME]
    verdicts = [verdict(piece, exchange, source) for piece in pieces]
    passing = all(fault.times is not None and fault.kind != CLOCK for fault in faults)
    assert not passing or set(verdicts) == {"true"}, f"faults that pass are not healed: {verdicts}"
    return verdicts


def run_some(seeds: range) -> Counter[str]:
    """The verdicts of some schedules, one after the other against a server of their own."""
    ends: Counter[str] = Counter()
    with serving(Exchange({}, 0)) as server:
        for seed in seeds:
            try:
                ends.update(run(server, seed))
            except AssertionError as error:
                raise AssertionError(f"seed {seed}, {drawn(seed)}: {error}") from error
    return ends


def test_every_schedule_ends_with_the_truth_or_says_that_it_does_not() -> None:
    # Side by side, since much of the time is spent waiting for time-outs.
    with ThreadPoolExecutor(TOGETHER) as pool:
        parts = list(pool.map(run_some, [range(first, SCHEDULES, TOGETHER) for first in range(TOGETHER)]))
    ends = sum(parts, Counter())
    assert sum(ends.values()) == SCHEDULES * len(PARTITIONS)
    assert min(ends[end] for end in ("true", "error", "contradicted")) >= LEAST_OF_EACH, ends


def test_the_schedules_touch_every_fault_for_some_answers_and_for_good() -> None:
    counts = Counter((fault.kind, fault.times is None) for seed in range(SCHEDULES) for fault in drawn(seed))
    for kind in KINDS:
        assert counts[kind, True] >= 2, f"{kind} never lasts"
        assert kind in (DELISTING, RENAME) or counts[kind, False] >= 2, f"{kind} never passes"
