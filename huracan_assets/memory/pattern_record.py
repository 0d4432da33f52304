"""What a pattern is worth, and whether it still works: figures of its trades, told apart from luck.

Set-ups do not overlap in time (`set_ups`), so a pattern's trades count as independent.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RECENT_SHARE = 0.25
LEAST_RECENT = 5
"""The newest trades: a quarter of a pattern's, five at least; and there must be as many before them."""

SIGNIFICANCE = 0.05
"""One-sided chance at which a worse present is believed."""

HEALTH = {
    "healthy": "its newest trades pay, and no less than those before them by more than chance",
    "fading": "its newest trades pay less than those before them by more than chance, or lose",
    "dead": "its newest trades lose by more than chance, or neither they nor those before them pay",
    "young": "too few trades to tell the newest from those before them",
}


def shrunk_means(net_bps: Floats, labels: Ints) -> Floats:
    """Mean of each pattern, drawn to the mean of all by as much as the differences between patterns are chance, (k,).

    A one-way random-effects model with its moment estimators (Searle, Casella and McCulloch 1992, 3.6): the best of
    fifty means is mostly luck, and such luck is taken off.
    """
    count = np.bincount(labels).astype(np.float64)
    mean = np.bincount(labels, weights=net_bps) / count
    grand, patterns, total = float(net_bps.mean()), len(count), len(net_bps)
    if patterns < 2 or total <= patterns:
        return np.full(patterns, grand)
    within = float(((net_bps - mean[labels]) ** 2).sum()) / (total - patterns)
    between = float((count * (mean - grand) ** 2).sum()) / (patterns - 1)
    typical = (total - float((count**2).sum()) / total) / (patterns - 1)
    variance = max(0.0, (between - within) / typical)
    noise = within / count
    weight = np.divide(variance, variance + noise, out=np.ones(patterns), where=variance + noise > 0)
    shrunk: Floats = grand + weight * (mean - grand)
    return shrunk


def confidence(net_bps: Floats) -> float | None:
    """The probability that the mean is above zero, by Student's t; None with fewer than two trades or all alike."""
    from scipy.special import stdtr

    if len(net_bps) < 2 or not (error := _standard_error(net_bps)):
        return None
    return float(stdtr(len(net_bps) - 1, float(net_bps.mean()) / error))


def recent(net_bps: Floats) -> int:
    """How many of a pattern's trades are its newest, 0 where too few lie before them."""
    newest = max(LEAST_RECENT, round(RECENT_SHARE * len(net_bps)))
    return newest if len(net_bps) >= newest + LEAST_RECENT else 0


def health(net_bps: Floats) -> str:
    """One of `HEALTH`, from a pattern's trades in the order in which they became known."""
    newest = recent(net_bps)
    if not newest:
        return "young"
    now, before = net_bps[-newest:], net_bps[:-newest]
    if now.mean() <= 0.0:
        lost = _worse(now, np.zeros(1)) < SIGNIFICANCE
        return "dead" if lost or before.mean() <= 0.0 else "fading"
    return "fading" if _worse(now, before) < SIGNIFICANCE else "healthy"


def _worse(now: Floats, before: Floats) -> float:
    """The chance of a present that low, if nothing had changed (Welch 1947); a single number has no error."""
    from scipy.special import stdtr

    parts = [(len(x), float(x.var(ddof=1)) / len(x)) for x in (now, before) if len(x) > 1]
    variance = sum(part for _, part in parts)
    difference = float(now.mean() - before.mean())
    if variance <= 0.0:
        return 0.0 if difference < 0.0 else 1.0
    freedom = variance**2 / sum(part**2 / (count - 1) for count, part in parts)
    return float(stdtr(freedom, difference / np.sqrt(variance)))


def _standard_error(net_bps: Floats) -> float:
    return float(net_bps.std(ddof=1) / np.sqrt(len(net_bps)))


def record(trades: pl.DataFrame) -> dict[str, object]:
    """The figures of one pattern.

    Args:
        trades: its set-ups, columns of `SET_UP_SCHEMA`, at least one.
    """
    known = trades.sort("known_at", "as_of")
    net = known["net_bps"].to_numpy()
    newest = recent(net)
    return {
        "trades": len(net),
        "long_share": float((known["side"] > 0).mean()),  # type: ignore[arg-type]
        "win_rate": float((net > 0).mean()),
        "mean_net_bps": float(net.mean()),
        "confidence": confidence(net),
        "recent_trades": newest,
        "recent_net_bps": float(net[-newest:].mean()) if newest else None,
        "health": health(net),
        "first_seen": known["as_of"].min(),
        "last_seen": known["as_of"].max(),
    }
