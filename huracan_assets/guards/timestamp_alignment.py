"""Leakage check 4: from candle to exit, nothing is used before it is known and nothing is filled before it is decided.

A `known_at` is a claim; that what stands beside it needed nothing later is tried by `recomputation.py: altered_rows`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huracan_assets.errors import ContractError
from huracan_assets.guards.leakage import Finding

Times = NDArray[np.datetime64]

MINUTE = np.timedelta64(60_000_000, "us")


@dataclass(frozen=True)
class Order:
    """A law of time over two aligned arrays: `later - earlier` is at least `least_minutes`."""

    what: str
    earlier: Times
    later: Times
    least_minutes: float


def pipeline_orders(
    ts: Times,
    known_at: Times,
    as_of: Times,
    used_known_at: Times,
    decided_at: Times,
    entry_at: Times,
    exit_at: Times,
) -> list[Order]:
    """The laws of time between candle and exit.

    Args:
        ts, known_at: (n,) the features' rows.
        as_of, used_known_at: (k,) each decision bar, and the known_at of the feature row it carries.
        decided_at, entry_at, exit_at: (m,) each trade outcome.
    """
    return [
        Order("features known_at after their bar's open", ts, known_at, 1.0),
        Order("features in rising order of ts", ts[:-1], ts[1:], 1.0),
        Order("decision as_of at or after what it uses", used_known_at, as_of, 0.0),
        Order("entry after the decision", decided_at, entry_at, 1.0 / 60_000_000),
        Order("exit at or after the entry", entry_at, exit_at, 0.0),
    ]


def timestamp_alignment(orders: Sequence[Order]) -> list[Finding]:
    """Laws that a row breaks; the figure is the smallest distance in minutes, the bound the least allowed one.

    Raises:
        ContractError: the two arrays of a law differ in length.
    """
    found = []
    for order in orders:
        if order.earlier.shape != order.later.shape:
            sizes = f"{order.earlier.size} against {order.later.size}"
            raise ContractError(f"{order.what}: {sizes} times: align them first")
        minutes = (order.later - order.earlier) / MINUTE
        early = minutes < order.least_minutes
        count = int(np.count_nonzero(early))
        if count:
            worst = int(np.argmin(np.where(early, minutes, np.inf)))
            pair = f"{order.later[worst]} against {order.earlier[worst]}"
            sentence = f"{order.what}: {count} rows are not, the worst {pair}"
            found.append(
                Finding("timestamp_alignment", order.what, float(minutes[worst]), order.least_minutes, sentence)
            )
    return found
