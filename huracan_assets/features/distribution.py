"""Distribution: the shape, order and memory of the returns."""

from __future__ import annotations

import numpy as np

from huracan_assets.features.declaration import Feature
from huracan_assets.features.kernels import Array, rolling_sum
from huracan_assets.features.rolling import lag, least, moments, pairs, ratio
from huracan_assets.features.window import Window

MINUTES = 240


def permutation_entropy(close: Array, minutes: int) -> Array:
    """Entropy of the order patterns of three consecutive closes, 0 one pattern, 1 all six alike.

    Bandt & Pompe (2002), order 3; equal closes count as rising, by time. Counts are whole numbers, so exact.
    """
    a, b, c = lag(close, 2), lag(close, 1), close
    known = ~np.isnan(a + b + c)
    code = np.where(known, 4.0 * (a > b) + 2.0 * (b > c) + (a > c), np.nan)
    entropy = np.zeros(close.size)
    count = rolling_sum(code, minutes)[1]
    for pattern in (0.0, 2.0, 3.0, 4.0, 5.0, 7.0):
        seen = rolling_sum(np.where(known, code == pattern, np.nan), minutes)[0]
        share = seen / np.maximum(count, 1.0)
        entropy -= share * np.log(np.where(share > 0, share, 1.0))
    return np.where(count >= least(minutes), np.clip(entropy / np.log(6.0), 0.0, 1.0), np.nan)


def autocorrelation(w: Window) -> Array:
    """Correlation of one-minute returns with the minute before, 240 minutes."""
    return pairs(w.returns, lag(w.returns, 1), MINUTES).correlation()


def variance_ratio(w: Window) -> Array:
    """Variance of 15-minute over 15 times that of one-minute returns, 240 minutes; 1 for a random walk."""
    long = moments(w.log_return(15), MINUTES).std ** 2
    short = moments(w.returns, MINUTES).std ** 2
    return np.minimum(ratio(long, 15.0 * short), 20.0)


# With n in the window: |g1| <= (n-2)/sqrt(n-1) < 15.5 and -2 <= g2 <= n - 3 + ... < 240.
FEATURES = (
    Feature(
        "skew",
        "distribution",
        "m3 / m2^1.5 of r over 240 min (population)",
        "g1",
        -16.0,
        16.0,
        241,
        ("close",),
        lambda w: moments(w.returns, MINUTES).skew,
    ),
    Feature(
        "kurt",
        "distribution",
        "m4 / m2^2 - 3 of r over 240 min (population, excess)",
        "g2",
        -2.0,
        240.0,
        241,
        ("close",),
        lambda w: moments(w.returns, MINUTES).kurt,
    ),
    Feature(
        "entropy",
        "distribution",
        "permutation entropy, order 3, over 240 min / ln 6 (Bandt & Pompe 2002)",
        "0..1",
        0.0,
        1.0,
        242,
        ("close",),
        lambda w: permutation_entropy(w.grid.close, MINUTES),
    ),
    Feature(
        "autocorrelation",
        "distribution",
        "corr(r_t, r_t-1) over 240 min",
        "-1..1",
        -1.0,
        1.0,
        242,
        ("close",),
        autocorrelation,
    ),
    Feature(
        "variance_ratio",
        "distribution",
        "var(15 min r) / (15 var r) over 240 min (Lo & MacKinlay 1988), held at 20",
        "ratio",
        0.0,
        20.0,
        330,
        ("close",),
        variance_ratio,
    ),
)
