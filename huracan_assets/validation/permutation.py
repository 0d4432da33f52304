"""Could the same decisions, taken at the wrong time, have earned as much?

Decisions and outcomes are both autocorrelated; shuffling either would call luck skill (a nominal 5 % test
errs 74 % of the time). A circular shift keeps both series whole and breaks only their alignment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huracan_assets.errors import ContractError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PermutationResult:
    """`null` holds the total net bps at every admitted shift, ascending by shift."""

    p_value: float
    observed_bps: float
    null: Floats

    @property
    def shifts(self) -> int:
        """How many shifts the truth was compared with; the p-value cannot fall below 1/(shifts + 1)."""
        return len(self.null)


def circular_shift_test(positions: Floats, net_bps: Floats, min_shift: int) -> PermutationResult:
    """Circular-shift test of a policy over its out-of-sample bars, all shifts at once by FFT.

    At shift k the decision of bar t is revalued at the outcome of bar t + k (modulo n), costs included. All
    shifts from `min_shift` to n - `min_shift` enter; shorter ones are too like the truth. p = (1 + #{null >=
    observed}) / (shifts + 1), never 0 (Phipson & Smyth 2010); ties count against the policy.

    Args:
        positions: decisions (n,), positive long, negative short, 0 none; a size other than 1 weighs the
        trade. net_bps: outcomes of long and short (n, 2).

    Raises:
        ContractError: the shapes differ, a value is not finite, or no shift is left.
    """
    positions, net_bps = np.asarray(positions, np.float64), np.asarray(net_bps, np.float64)
    n = len(positions)
    if net_bps.shape != (n, 2) or not (np.isfinite(positions).all() and np.isfinite(net_bps).all()):
        raise ContractError("the permutation test needs one finite decision and two finite outcomes for every bar")
    if min_shift < 1 or n < 2 * min_shift:
        raise ContractError(f"{n} out-of-sample bars leave no circular shift of {min_shift} or more: test more days")
    totals = shifted_totals(positions, net_bps)
    null = totals[min_shift : n - min_shift + 1]
    # The FFT's rounding must not decide ties.
    tolerance = 1e-9 * max(1.0, float(np.abs(totals).max()))
    beaten_by = int((null >= totals[0] - tolerance).sum())
    return PermutationResult((1 + beaten_by) / (len(null) + 1), float(totals[0]), null)


def shifted_totals(positions: Floats, net_bps: Floats) -> Floats:
    """Total net bps (n,) of the decisions at every circular shift k: sum_t of position t x outcome t + k."""
    n = len(positions)
    legs = np.stack([np.maximum(positions, 0.0), np.maximum(-positions, 0.0)])
    spectrum = np.conj(np.fft.rfft(legs, axis=1)) * np.fft.rfft(net_bps.T, axis=1)
    return np.asarray(np.fft.irfft(spectrum.sum(axis=0), n=n))
