"""Leakage check 3: a model, scaler, calibrator, threshold, policy or embedding that was fitted on what judges it.

Every fit says until when it saw data; that is compared with the start of its judging. Where a fit can be made again
from the rows known by then alone, it is (`recomputation.py: altered_fits`), and a claim need not be believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from huracan_assets.guards.leakage import Finding

MINUTE = np.timedelta64(60_000_000, "us")


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
