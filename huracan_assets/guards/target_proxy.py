"""Leakage check 5: one feature that explains the label's return better than any honest one could.

Correlation alone cannot tell a strong true edge from a leak. Two things can: that the feature has been made again, bit
for bit, without the future; and that the label's return is no better known than the plain return over the same time,
read from the candles after the fill. Where both hold, neither feature nor label holds anything it should not, and what
is left is an edge (a feed whose clock is ahead ends at a cliff: `future_correlation`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from huracan_assets.guards.future_correlation import SIGMAS
from huracan_assets.guards.leakage import Finding
from huracan_assets.guards.rank_correlation import Array, rank_correlation, ranks, standard_error

LABEL_SHARE = 0.25  # of correlation_max: what barriers may add to a correlation with the plain return


def target_proxy(
    names: Sequence[str],
    values: Array,
    label_return: Array,
    plain_return: Array,
    overlap_bars: int,
    correlation_max: float,
    proven: Collection[str] = (),
) -> list[Finding]:
    """Features whose |rank IC| with the label's return passes `correlation_max` and SIGMAS standard errors.

    One that is `proven` is no finding as long as its |IC| exceeds that with the plain return by no more than
    LABEL_SHARE of `correlation_max`.

    Args:
        values: (n, f) features known at the decision, NaN where null.
        label_return: (n,) the return a label is made of, NaN where not complete.
        plain_return: (n,) the return from the fill to the label's horizon, from the candles alone.
        overlap_bars: bars that one such return spans, 1 where they do not overlap; fewer independent ones.
        correlation_max: the setting guards.leakage_correlation_max.
        proven: features that recomputation without the future has given bit for bit.
    """
    ranked = ranks(values)
    ic = rank_correlation(ranked, label_return)
    plain = rank_correlation(ranked, plain_return)
    bound = np.maximum(SIGMAS * standard_error(ranked, label_return, overlap_bars), correlation_max)
    excess = np.abs(ic) - np.abs(plain)
    found = []
    for k in np.flatnonzero(np.abs(ic) > bound).tolist():
        if names[k] in proven and excess[k] <= LABEL_SHARE * correlation_max:
            continue
        told = f"{names[k]} alone has a rank IC of {ic[k]:.3f} with the label ({plain[k]:.3f} with the plain return)"
        sentence = f"{told}, as no honest feature has: trace its source"
        found.append(Finding("target_proxy", names[k], float(abs(ic[k])), float(bound[k]), sentence))
    return found
