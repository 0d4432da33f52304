"""Leakage: five ways in which the future gets into the past, each with a check that looks for it.

1. future_correlation: a feature knows the next bar as it knows the bars behind it.
2. label_overlap: a training label reaches into a test interval.
3. fit_on_test: something was fitted on what judges it.
4. timestamp_alignment: something is used before it is known, or filled before it is decided.
5. target_proxy: one feature explains the label's return better than any honest one could.

A check is a pure function from arrays to findings; no finding is a clean check. What correlations cannot show
(a slow feature shifted by a bar) the truncation tests of the features do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from huracan_assets.errors import ContractError
from huracan_assets.guards.rank_correlation import (
    Array,
    lagged_returns,
    rank_correlation,
    ranks,
    standard_error,
)

Times = NDArray[np.datetime64]

CHECKS = ("future_correlation", "label_overlap", "fit_on_test", "timestamp_alignment", "target_proxy")
SIGMAS = 5.0  # of a correlation's own error: one false alarm in 25,000 nights of 70 features
PAST_BARS = 5
PAST_SHARE = 0.5  # an honest feature knows the next bar less than half as well as the bars behind it
WEAK_SHARE = 0.6  # of correlation_max: what an edge over the label's horizon leaves for its first bar
MINUTE = np.timedelta64(60_000_000, "us")


@dataclass(frozen=True)
class Finding:
    """One leak: the check, what leaked, the figure that shows it, the bound it passed, and a sentence."""

    check: str
    subject: str
    figure: float
    bound: float
    sentence: str


@dataclass(frozen=True)
class LeakageReport:
    """What each of the five checks found; a clean one is listed with an empty tuple."""

    findings: dict[str, tuple[Finding, ...]]

    @property
    def clean(self) -> bool:
        """Whether no check found anything."""
        return not any(self.findings.values())

    def as_document(self) -> dict[str, object]:
        """`clean`, and for each check, in the order of CHECKS, the count of its findings and the findings."""
        checks = [
            {"check": name, "count": len(found), "findings": [asdict(finding) for finding in found]}
            for name, found in self.findings.items()
        ]
        return {"clean": self.clean, "checks": checks}


def leakage_report(findings: Mapping[str, Sequence[Finding]]) -> LeakageReport:
    """The report of all five checks.

    Raises:
        ContractError: a check was not run, or is none of the five: a report without it would call it clean.
    """
    if set(findings) != set(CHECKS):
        raise ContractError(f"a leakage report needs exactly the checks {', '.join(CHECKS)}: run each of them")
    return LeakageReport({name: tuple(findings[name]) for name in CHECKS})


def future_correlation(
    names: Sequence[str], values: Array, as_of: Times, log_price: Array, correlation_max: float
) -> list[Finding]:
    """Features that know the next bar's return as they know the past ones.

    The figure is the |rank correlation| with the return of the bar after `as_of`. It is a finding when it
    passes all of: SIGMAS standard errors; PAST_SHARE of the largest |correlation| with the return of any of
    the last PAST_BARS bars; and WEAK_SHARE of `correlation_max`, because an honest edge is weak.

    Args:
        values: (n, f) features known at `as_of`, NaN where null.
        as_of: (n,) decision times, rising.
        log_price: (n,) log of the last price known at `as_of`.
        correlation_max: the |rank correlation| no honest single feature has with a future return.
    """
    ahead = lagged_returns(as_of, log_price, 1)
    ranked = ranks(values)
    future = rank_correlation(ranked, ahead)
    behind = [rank_correlation(ranked, lagged_returns(as_of, log_price, -lag)) for lag in range(PAST_BARS)]
    past = np.abs(behind).max(axis=0)
    chance = SIGMAS * standard_error(ranked, ahead, 1)
    bound = np.maximum(np.maximum(chance, PAST_SHARE * past), WEAK_SHARE * correlation_max)
    sentence = "{0} correlates {1:.3f} with the next bar (past bars: {2:.3f}): look for a shift or a centred window"
    return [
        Finding(
            "future_correlation",
            names[k],
            float(abs(future[k])),
            float(bound[k]),
            sentence.format(names[k], future[k], past[k]),
        )
        for k in np.flatnonzero(np.abs(future) > bound).tolist()
    ]


def target_proxy(
    names: Sequence[str], values: Array, forward_return: Array, overlap_bars: int, correlation_max: float
) -> list[Finding]:
    """Features whose |rank IC| with the label's return passes `correlation_max` and SIGMAS standard errors.

    Args:
        values: (n, f) features known at the decision, NaN where null.
        forward_return: (n,) the return a label is made of, NaN where not complete.
        overlap_bars: bars that one such return spans, 1 where they do not overlap; fewer independent ones.
        correlation_max: the setting guards.leakage_correlation_max.
    """
    ranked = ranks(values)
    ic = rank_correlation(ranked, forward_return)
    bound = np.maximum(SIGMAS * standard_error(ranked, forward_return, overlap_bars), correlation_max)
    return [
        Finding(
            "target_proxy",
            names[k],
            float(abs(ic[k])),
            float(bound[k]),
            f"{names[k]} alone has a rank IC of {ic[k]:.3f}, as no honest feature has: trace its source",
        )
        for k in np.flatnonzero(np.abs(ic) > bound).tolist()
    ]


@dataclass(frozen=True)
class Split:
    """The label intervals of one fold, closed at both ends: what it trains on, what judges it; each (k,)."""

    name: str
    train_start: Times
    train_end: Times
    test_start: Times
    test_end: Times


def label_overlap(splits: Sequence[Split]) -> list[Finding]:
    """Folds in which a training label's interval meets a test label's; the figure is how many do.

    By bisection on the tests in order of their starts, with the latest end so far: O((n + m) log m).
    Intervals that touch in one instant meet (Lopez de Prado 2018, snippet 7.1).
    """
    found = []
    for split in splits:
        if split.test_start.size == 0 or split.train_start.size == 0:
            continue
        order = np.argsort(split.test_start, kind="stable")
        starts = split.test_start[order]
        latest_end = np.maximum.accumulate(split.test_end[order])
        begun = np.searchsorted(starts, split.train_end, side="right")
        meets = (begun > 0) & (latest_end[np.maximum(begun, 1) - 1] >= split.train_start)
        count = int(np.count_nonzero(meets))
        if count:
            first = split.train_start[np.argmax(meets)]
            sentence = f"{count} training labels of {split.name} reach into its test, first {first}: purge them"
            found.append(Finding("label_overlap", split.name, float(count), 0.0, sentence))
    return found


@dataclass(frozen=True)
class Fit:
    """Something fitted: until when it saw data (labels included), and from when on its work is judged."""

    what: str
    fitted_until: np.datetime64
    judged_from: np.datetime64


def fit_on_test(fits: Sequence[Fit]) -> list[Finding]:
    """Fits that saw data after their judging began; the figure is by how many minutes."""
    return [
        Finding(
            "fit_on_test",
            fit.what,
            float((fit.fitted_until - fit.judged_from) / MINUTE),
            0.0,
            f"{fit.what} saw data until {fit.fitted_until}, judged from {fit.judged_from}: fit it earlier",
        )
        for fit in fits
        if fit.fitted_until > fit.judged_from
    ]


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
    """Laws that a row breaks; the figure is the smallest distance in minutes, the bound the least allowed
    one.

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
