"""The exchange behind the server: questions in, answers out, faults between. Knows no sockets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

import orjson

from huracan_assets_tests.market.exchange_emulator.books import HOUR_MS, MINUTE_MS, STEPS, Book, parsed
from huracan_assets_tests.market.exchange_emulator.faults import (
    BARE,
    CLOCK,
    LIES,
    MISSING_HOUR,
    PAGE,
    QUESTION,
    RENAME,
    WAY,
    Answer,
    Fault,
    Row,
)

CLOCK_OFF_MS = 120_000
COUNTS_KEPT_MS = 30 * 24 * HOUR_MS
UNKNOWN_SYMBOL = Answer(b'{"code":-1121,"msg":"Invalid symbol."}', 400)


@dataclass
class Exchange:
    """Some symbols, a clock that stands, and faults.

    Attributes:
        now_ms: the exchange's clock; bars that have opened by then are told, the open one unfinished.
        perpetuals: of the futures market.
        info: a body of exchangeInfo to give instead of the books' own entries.
        asked: every question so far: its path and its query.
    """

    books: dict[str, Book]
    now_ms: int
    faults: list[Fault] = field(default_factory=list)
    info: dict[str, Any] | None = None
    perpetuals: dict[str, Book] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        books: Iterable[Book],
        now_ms: int,
        faults: Iterable[Fault] = (),
        perpetuals: Iterable[Book] | None = None,
    ) -> Self:
        """An exchange that lists `books`, and as perpetuals the same unless others are given."""
        spot = {book.id: book for book in books}
        futures = spot if perpetuals is None else {book.id: book for book in perpetuals}
        return cls(spot, now_ms, list(faults), perpetuals=dict(futures))

    def answer(self, path: str, query: dict[str, str]) -> Answer:
        """What is sent for a GET of `path`."""
        self.asked.append((path, query))
        answer = self._spoken(path, query)
        listed = self.books | self.perpetuals
        symbol = listed[query["symbol"]].symbol if query.get("symbol") in listed else None
        for fault in self._active(*WAY):
            if fault.symbol in (None, symbol):
                fault.touch()
                answer = WAY[fault.kind](fault, answer)
        return answer

    def _spoken(self, path: str, query: dict[str, str]) -> Answer:
        if path in ("/api/v3/time", "/fapi/v1/time"):
            return _json({"serverTime": self._clock_ms()})
        if path.endswith("/exchangeInfo"):
            return _json(self._info(path))
        answers = {
            "/api/v3/klines": self._klines,
            "/fapi/v1/klines": self._klines,
            "/api/v3/depth": self._depth,
            "/api/v3/aggTrades": self._trades,
            "/fapi/v1/fundingRate": self._funding,
            "/futures/data/openInterestHist": self._counts,
        }
        if path not in answers:
            return Answer(orjson.dumps({"code": -1, "msg": f"no such path {path}"}), 404)
        book = (self.books if path.startswith("/api") else self.perpetuals).get(query.get("symbol", ""))
        if book is None or self._is_renamed(book):
            return UNKNOWN_SYMBOL
        return answers[path](book, query)

    def _active(self, *kinds: str, symbol: str | None = None) -> list[Fault]:
        return [
            fault
            for fault in self.faults
            if fault.kind in kinds and not fault.is_spent and (symbol is None or fault.symbol in (None, symbol))
        ]

    def _clock_ms(self) -> int:
        for fault in self._active(CLOCK):
            if fault.times is not None:  # a clock that is off for good is off for the candles, too: `now_ms` is
                fault.touch()
                return self.now_ms + CLOCK_OFF_MS * (1 if fault.number % 2 else -1)
        return self.now_ms

    def _is_renamed(self, book: Book) -> bool:
        return bool(self._active(RENAME, symbol=book.symbol))

    def _info(self, path: str) -> dict[str, Any]:
        if self.info is not None:
            return self.info
        spot = path.startswith("/api")
        listed = [book for book in (self.books if spot else self.perpetuals).values() if not self._is_renamed(book)]
        entries = [book.entry() if spot else book.perpetual_entry() for book in listed]
        return {
            "timezone": "UTC",
            "serverTime": self.now_ms,
            "rateLimits": [],
            "exchangeFilters": [],
            "symbols": entries,
        }

    def _klines(self, book: Book, query: dict[str, str]) -> Answer:
        interval, limit = query["interval"], min(int(query.get("limit", "500")), 1000)
        begin, end = int(query.get("startTime", "0")), min(int(query.get("endTime", self.now_ms)), self.now_ms)
        bars = book.bars[interval]
        faults = self._active(*PAGE, *QUESTION, *LIES, *BARE, MISSING_HOUR, symbol=book.symbol)
        if interval != "1m" or not faults:
            first, last = bars.between(begin, end, limit)
            rows = bars.rows[first:last]
            if last > first and bars.opens[last - 1] + STEPS[interval] > self.now_ms:
                rows = [*rows[:-1], orjson.dumps(_unfinished(parsed(rows[-1:])[0])).decode()]
            return Answer(f"[{','.join(rows)}]".encode())
        for fault in faults:
            begin, end, limit = self._misheard(fault, begin, end, limit)
        first, last = bars.between(begin, end, limit)
        told = parsed(bars.rows[first:last])
        for fault in faults:
            told = self._told(fault, book, told)
        body = orjson.dumps(told)
        for fault in faults:
            if fault.kind in BARE and fault.at_ms in (row[0] for row in told):
                fault.touch()
                place = 1 + fault.number % 4
                body = _bare(told, fault.at_ms, place, BARE[fault.kind])
        return Answer(body)

    def _misheard(self, fault: Fault, begin: int, end: int, limit: int) -> tuple[int, int, int]:
        """Another question than was asked."""
        if fault.kind == "page cap" and limit > (cap := (100, 333, 499, 720)[fault.number % 4]):
            fault.touch()
            return begin, end, cap
        if fault.kind == "limit minus one" and limit > 1:
            fault.touch()
            return begin, end, limit - 1
        if fault.kind == "ignored since" and begin > 0:
            fault.touch()
            newest = self.now_ms - (limit - 1) * MINUTE_MS
            return (newest, self.now_ms, limit) if fault.number % 2 else (0, self.now_ms, limit)
        return begin, end, limit

    def _told(self, fault: Fault, book: Book, rows: list[Row]) -> list[Row]:
        """The rows as a fault tells them."""
        if fault.kind == "unclosed last candle":
            fault.touch()
            first, last = book.bars["1m"].between(self.now_ms // MINUTE_MS * MINUTE_MS, self.now_ms, 1)
            return [*rows, *map(_unfinished, parsed(book.bars["1m"].rows[first:last]))] if rows else rows
        if fault.kind in PAGE and len(rows) > 1:
            fault.touch()
            return PAGE[fault.kind](fault, rows)
        if fault.kind in LIES and any(row[0] == fault.at_ms for row in rows):
            fault.touch()
            return [LIES[fault.kind](fault, row) if row[0] == fault.at_ms else row for row in rows]
        if fault.kind == MISSING_HOUR:
            hour = fault.at_ms // HOUR_MS
            left = [row for row in rows if row[0] // HOUR_MS != hour]
            if len(left) < len(rows):
                fault.touch()
            return left
        return rows

    def _depth(self, book: Book, query: dict[str, str]) -> Answer:
        close = float(book.truth["close"][-1])
        levels = range(1, int(query.get("limit", "100")) + 1)
        sides = {"bids": -1, "asks": 1}
        told = {
            side: [[f"{close * (1 + sign * n * 1e-5):.8f}", f"{n}.5"] for n in levels] for side, sign in sides.items()
        }
        return _json({"lastUpdateId": 1, **told})

    def _trades(self, book: Book, query: dict[str, str]) -> Answer:
        first = int(query.get("fromId", "0"))
        begin, end = int(query.get("startTime", "0")), int(query.get("endTime", self.now_ms))
        found = [
            trade for trade in book.trades() if trade["a"] >= first and begin <= trade["T"] <= min(end, self.now_ms)
        ]
        return _json(found[: int(query.get("limit", "500"))])

    def _funding(self, book: Book, query: dict[str, str]) -> Answer:
        begin, end = int(query["startTime"]), min(int(query["endTime"]), self.now_ms)
        return _json(book.funding(begin, end)[: int(query.get("limit", "100"))])

    def _counts(self, book: Book, query: dict[str, str]) -> Answer:
        begin, end = int(query["startTime"]), min(int(query["endTime"]), self.now_ms)
        if begin < self.now_ms - COUNTS_KEPT_MS:
            return Answer(b'{"code":-1130,"msg":"parameter \'startTime\' is invalid."}', 400)
        return _json(book.counts(begin, end)[: int(query.get("limit", "30"))])


def _json(body: Any) -> Answer:
    return Answer(orjson.dumps(body))


def _unfinished(row: Row) -> Row:
    """The bar that is still open: a part of what it will be."""
    return [
        *row[:2],
        row[1],
        row[1],
        row[1],
        str(0.3 * float(row[5])),
        row[6],
        str(0.3 * float(row[5]) * float(row[1])),
        *row[8:],
    ]


def _bare(rows: list[Row], at_ms: int, place: int, word: bytes) -> bytes:
    """The rows with a word that is no JSON in place of one price."""
    mark = "the word"
    marked = [[*row[:place], mark, *row[place + 1 :]] if row[0] == at_ms else row for row in rows]
    return orjson.dumps(marked).replace(f'"{mark}"'.encode(), word)
