"""How an exchange errs: each fault by name, for some answers or for good, drawn by a seed.

Faults of the way (refusals, time-outs, bodies cut off) touch any answer. Faults of a page and lies about bars
touch the minute candles of one symbol; its hourly candles stay true, as the second view that exposes a lie.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Row = list[Any]

OPEN, HIGH, LOW, CLOSE, VOLUME = range(1, 6)
LATE_S, DRIP_S = 0.6, 0.4  # longer than, and shorter than, the patience of the tests' clients


@dataclass(frozen=True)
class Answer:
    """What the server sends, and how."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    delay_s: float = 0.0
    drip_s: float = 0.0  # the body comes in parts, over so long
    is_cut: bool = False  # the connection ends in the middle of the body


@dataclass
class Fault:
    """One way to err.

    Attributes:
        kind: a name of `WAY`, `PAGE`, `LIES` or `MARKET`.
        times: how many answers it touches; None for good.
        symbol: whose candles it touches; None for any answer (faults of the way alone).
        at_ms: the bar, hour or moment that it is about.
        number: a free choice within the kind: which status, which cap, which price.
    """

    kind: str
    times: int | None = None
    symbol: str | None = None
    at_ms: int = 0
    number: int = 0

    @property
    def is_spent(self) -> bool:
        """Whether it has touched as many answers as it may."""
        return self.times == 0

    def touch(self) -> None:
        """Count an answer."""
        if self.times is not None:
            self.times -= 1


def _refusal(status: int, retry_after: str | None) -> Callable[[Fault, Answer], Answer]:
    body = b'{"code":-1003,"msg":"Too much request weight used; current limit is 6000 request weight per 1 MINUTE."}'
    headers = () if retry_after is None else (("Retry-After", retry_after),)
    return lambda _fault, _answer: Answer(body, status, headers)


def _server_error(fault: Fault, _answer: Answer) -> Answer:
    return Answer(b"<html>upstream</html>", (500, 502, 503, 504)[fault.number % 4])


def _truncated(_fault: Fault, answer: Answer) -> Answer:
    return replace(answer, body=answer.body[: 2 * len(answer.body) // 3])


WAY: dict[str, Callable[[Fault, Answer], Answer]] = {
    "429": _refusal(429, "0"),
    "429 without Retry-After": _refusal(429, None),
    "418": _refusal(418, "0"),
    "5xx": _server_error,
    "time-out": lambda _fault, answer: replace(answer, delay_s=LATE_S),
    "slow body": lambda _fault, answer: replace(answer, drip_s=LATE_S),
    "slow but whole body": lambda _fault, answer: replace(answer, drip_s=DRIP_S / 4),
    "truncated JSON": _truncated,
    "connection cut": lambda _fault, answer: replace(answer, is_cut=True),
}


def _duplicates(fault: Fault, rows: list[Row]) -> list[Row]:
    place = fault.number % len(rows)
    return [*rows[: place + 1], *rows[place:]]


def _unsorted(fault: Fault, rows: list[Row]) -> list[Row]:
    place = fault.number % max(1, len(rows) - 1)
    return [*rows[:place], *rows[place : place + 2][::-1], *rows[place + 2 :]]


# What a fault of a page does to its rows; those that change the question itself are the server's.
PAGE: dict[str, Callable[[Fault, list[Row]], list[Row]]] = {
    "duplicates": _duplicates,
    "unsorted rows": _unsorted,
    "empty answer": lambda _fault, _rows: [],
}
QUESTION = ("page cap", "limit minus one", "ignored since", "unclosed last candle")


def _priced(*cells: Any) -> Callable[[Fault, Row], Row]:
    """A lie about one price of a bar."""

    def lie(fault: Fault, row: Row) -> Row:
        told = list(row)
        told[1 + fault.number % 4] = cells[fault.number % len(cells)]
        return told

    return lie


def _revised(_fault: Fault, row: Row) -> Row:
    """Another trade in the bar, at a price above all others."""
    high = 1.002 * float(row[HIGH])
    volume = 1.1 * float(row[VOLUME]) + 0.001
    quote = float(row[7]) + high * (volume - float(row[VOLUME]))
    return [*row[:HIGH], str(high), *row[LOW:VOLUME], str(volume), row[6], str(quote), row[8] + 1, *row[9:]]


def _hundredfold(_fault: Fault, row: Row) -> Row:
    """All amounts a hundred times: in itself the bar stays sound."""
    told = list(row)
    for place in (VOLUME, 7, 9):
        told[place] = str(100.0 * float(row[place]) + (0.5 if float(row[VOLUME]) == 0 else 0.0))
    return told


LIES: dict[str, Callable[[Fault, Row], Row]] = {
    "revised candle": _revised,
    "negative price": _priced("-1.5", -0.01),
    "NaN price": _priced("NaN", "nan"),
    "infinite price": _priced("inf", "-Infinity", "1e999"),
    "string price": _priced("high", "", None),
    "100x volume": _hundredfold,
}
BARE = {"bare NaN": b"NaN", "bare Infinity": b"Infinity"}  # no JSON, though some exchanges write it
MISSING_HOUR = "missing hour"

DELISTING, RENAME, CLOCK = "delisting", "symbol rename", "clock two minutes off"
MARKET = (DELISTING, RENAME, CLOCK)

KINDS = (*WAY, *PAGE, *QUESTION, *LIES, *BARE, MISSING_HOUR, *MARKET)


def schedule(seed: int, symbols: tuple[str, ...], begin_ms: int, end_ms: int) -> list[Fault]:
    """One to three faults, the first of the kind that the seed comes round to; half of them pass.

    Args:
        begin_ms, end_ms: the stretch in which bars are lied about.
    """
    rng = np.random.default_rng([seed, 3])
    first = KINDS[seed % len(KINDS)]
    kinds = [first, *rng.choice(KINDS, int(rng.integers(0, 3)))]
    faults = []
    for kind in dict.fromkeys(str(kind) for kind in kinds):
        passes = bool(rng.integers(2)) and kind not in (DELISTING, RENAME)
        longest = 3 if kind in WAY else 1 if kind == CLOCK else 2
        faults.append(
            Fault(
                kind,
                times=int(rng.integers(1, longest + 1)) if passes else None,
                symbol=None if kind in WAY and passes else str(rng.choice(symbols)),
                at_ms=int(rng.integers(begin_ms // 60_000, end_ms // 60_000)) * 60_000,
                number=int(rng.integers(1_000)),
            )
        )
    return faults
