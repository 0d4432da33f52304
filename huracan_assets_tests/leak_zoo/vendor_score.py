"""A vendor's score that was made with hindsight: a column that nothing here can make again."""

from __future__ import annotations

import numpy as np

from huracan_assets.features.kernels import Array
from huracan_assets_tests.leak_zoo import night
from huracan_assets_tests.leak_zoo.habitats import in_the_bars
from huracan_assets_tests.leak_zoo.leak import Leak


def score(hindsight: float) -> Array:
    gross = night.walk().ts.gross_bps[:, 0]
    later = np.nan_to_num(gross / np.nanstd(gross))
    noise = np.random.default_rng(5).standard_normal(len(gross))
    return np.asarray(hindsight * later + noise)


LEAK = Leak(
    plants="the label's return beneath noise of the same size",
    twin="the noise alone",
    check="target_proxy",
    planted=lambda: in_the_bars(score(1.0)),
    clean=lambda: in_the_bars(score(0.0)),
)
