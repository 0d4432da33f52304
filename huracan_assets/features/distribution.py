"""Distribution: the shape and memory of the returns, and how far the price lies off its line."""

from __future__ import annotations

import numpy as np

from huracan_assets.features.declaration import HOUSE, Family
from huracan_assets.features.kernels import Array, held, ratio, rolling_low_quantile
from huracan_assets.features.moment_kernels import rolling_deviation, rolling_line
from huracan_assets.features.recursions import LAST_PRICE_LIMIT
from huracan_assets.features.rolling import least
from huracan_assets.features.window import Window

FAMILY = Family("distribution")
MINUTES = 240
TAIL = 0.05
RATIO_LIMIT = 20.0


# With n in the window: |g1| <= (n-2)/sqrt(n-1) < 15.5 and -2 <= g2 <= n - 3 + ... < 240.
@FAMILY.feature(unit="g1", low=-16.0, high=16.0, warm_up=241, inputs=("close",), source="Pearson; g1, population")
def skew(w: Window) -> Array:
    """m3 / m2^1.5 of r over 240 min."""
    return w.shape_240[1]


@FAMILY.feature(unit="g2", low=-2.0, high=240.0, warm_up=241, inputs=("close",), source="Pearson; g2, population")
def kurt(w: Window) -> Array:
    """m4 / m2^2 - 3 of r over 240 min: excess."""
    return w.shape_240[2]


@FAMILY.feature(
    unit="ratio",
    low=0.0,
    high=RATIO_LIMIT,
    warm_up=241,
    inputs=("close",),
    source="empyrical's tail ratio; quantiles of Hyndman & Fan's (1996) type 7",
)
def tail_ratio(w: Window) -> Array:
    """|95 % quantile| / |5 % quantile| of r over 240 min, held at 20; null where the lower is 0."""
    high, low = (rolling_low_quantile(x, MINUTES, least(MINUTES), w.first_row, TAIL) for x in (-w.returns, w.returns))
    return np.minimum(np.abs(ratio(high, low)), RATIO_LIMIT)


@FAMILY.feature(unit="z", low=-16.0, high=16.0, warm_up=MINUTES, inputs=("close",), source=f"{HOUSE}; least squares")
def line_residual_z(w: Window) -> Array:
    """(ln close - its least-squares line over 240 min) / deviation of the residuals; null on a perfect line."""
    _, off, deviation = rolling_line(w.log_close, MINUTES, least(MINUTES))
    return np.asarray(held(ratio(off, deviation), 1.0, -16.0, 16.0))


@FAMILY.feature(unit="-1..1", low=-1.0, high=1.0, warm_up=242, inputs=("close",), source="Pearson")
def autocorrelation(w: Window) -> Array:
    """corr(r_t, r_t-1) over 240 min."""
    return w.with_last_240.correlation()


@FAMILY.feature(
    unit="ratio",
    low=0.0,
    high=RATIO_LIMIT,
    warm_up=MINUTES + 15 + LAST_PRICE_LIMIT + 1,
    inputs=("close",),
    source="Lo & MacKinlay (1988), overlapping, population variances",
)
def variance_ratio(w: Window) -> Array:
    """Variance of 15 min returns / (15 x that of 1 min returns) over 240 min, held at 20; 1 for a random walk."""
    long = rolling_deviation(w.log_return(15), MINUTES, least(MINUTES))[1] ** 2
    return np.minimum(ratio(long, 15.0 * w.shape_240[0] ** 2), RATIO_LIMIT)


FEATURES = tuple(FAMILY.features)
