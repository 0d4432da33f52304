"""Leakage check 1: a feature that knows the bars ahead as only somebody who has seen them can.

Whoever has seen the future knows it up to where he has looked and nothing after: the correlation of a leaked feature
with the return h bars ahead ends at a cliff. A predictor's knowledge fades: if E[r(t+1) | t] = b x(t), then
corr(x(t), r(t+1+k)) = corr(x(t), r(t+1)) corr(x(t), x(t+k)), the feature's own autocorrelation. So a strong true edge
and a leak of the same strength are told apart by what is left of the correlation one bar further on. A leak that
itself fades (the mean of all that comes, discounted) has no cliff: by correlations it is a predictor, and what tells
is whether its value can be made without the future (`recomputation.py`). Features that were so made are `proven`;
for all others the old rule stands, that an honest feature knows the next bar less than half as well as the last ones.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from huracan_assets.guards.leakage import Finding
from huracan_assets.guards.rank_correlation import Array, Times, lagged_returns, rank_correlation, ranks, standard_error

SIGMAS = 5.0  # of a correlation's own error: one false alarm in 25,000 nights of 70 features
PAST_BARS = 5
PAST_SHARE = 0.5  # an honest feature knows the next bar less than half as well as the bars behind it
WEAK_SHARE = 0.6  # of correlation_max: what an edge over the label's horizon leaves for its first bar
CLIFF_SHARE = 0.4  # of correlation_max: twice the steepest in 37 windows of 120 recorded days (0.071)


def future_correlation(
    names: Sequence[str],
    values: Array,
    as_of: Times,
    log_price: Array,
    horizon_bars: int,
    correlation_max: float,
    proven: Collection[str] = (),
) -> list[Finding]:
    """Features whose knowledge of the bars ahead ends at a cliff, or, unproven, is as good as that of the past.

    Cliff: |rank correlation| with the return h bars ahead less that with h + 1, the largest over h = 1..horizon_bars;
    a finding beyond SIGMAS standard errors and CLIFF_SHARE of `correlation_max`. For features that are not `proven`
    also the |correlation| with the next bar: a finding beyond SIGMAS errors, PAST_SHARE of the largest |correlation|
    with any of the last PAST_BARS bars, and WEAK_SHARE of `correlation_max`.

    Args:
        values: (n, f) features known at `as_of`, NaN where null.
        as_of: (n,) decision times, rising.
        log_price: (n,) log of the last price known at `as_of`.
        horizon_bars: bars that a label spans at most.
        correlation_max: the |rank correlation| no honest single feature has with a future return.
        proven: features that recomputation without the future has given bit for bit.
    """
    ranked = ranks(values)
    ahead = np.abs([rank_correlation(ranked, lagged_returns(as_of, log_price, h)) for h in range(1, horizon_bars + 2)])
    behind = np.abs([rank_correlation(ranked, lagged_returns(as_of, log_price, -h)) for h in range(PAST_BARS)])
    error = standard_error(ranked, lagged_returns(as_of, log_price, 1), 1)
    steepest = np.argmax(ahead[:-1] - ahead[1:], axis=0)
    found = []
    for k, name in enumerate(names):
        h = int(steepest[k])
        cliff, cliff_bound = ahead[h, k] - ahead[h + 1, k], _cliff_bound(error[k], correlation_max)
        past = behind[:, k].max()
        bound = max(SIGMAS * error[k], PAST_SHARE * past, WEAK_SHARE * correlation_max)
        if cliff > cliff_bound:
            told = f"{name} knows bar {h + 1} ahead ({ahead[h, k]:.3f}) and not the one after ({ahead[h + 1, k]:.3f})"
            sentence = f"{told}: look for a shift, a centred window or a clock that is ahead"
            found.append(Finding("future_correlation", name, float(cliff), float(cliff_bound), sentence))
        elif ahead[0, k] > bound and name not in proven:
            told = f"{name} correlates {ahead[0, k]:.3f} with the next bar (past bars: {past:.3f})"
            sentence = f"{told}: look for a shift or a centred window"
            found.append(Finding("future_correlation", name, float(ahead[0, k]), float(bound), sentence))
    return found


def _cliff_bound(error: float, correlation_max: float) -> float:
    """Two correlations with different bars err independently."""
    return max(SIGMAS * float(np.sqrt(2.0)) * error, CLIFF_SHARE * correlation_max)
