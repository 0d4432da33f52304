"""May the challenger replace the champion?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huracan_assets.errors import ContractError


@dataclass(frozen=True)
class Promotion:
    """The decision and its sentence."""

    promote: bool
    reason: str


def promotion(
    approved: bool,
    challenger_daily: NDArray[np.float64],
    champion_daily: NDArray[np.float64] | None,
    p_value: float | None,
    p_max: float,
) -> Promotion:
    """Decide on a challenger.

    Args:
        approved: the verdict of all seven gates.
        challenger_daily: (d,) daily returns, fractions.
        champion_daily: (d,) the champion's on the same days; None where the symbol has no champion.
        p_value: one-sided, of a paired block bootstrap, that the challenger is no better; None where there is
            no champion, or too few common days for a test, which keeps the champion.
        p_max: `p_value` must be below it; a tie keeps the champion.

    Raises:
        ContractError: a series is not finite or not of the same days, or `p_value` is no probability.
    """
    if not approved:
        return Promotion(False, "The gates did not approve the challenger.")
    if not len(challenger_daily):
        return Promotion(False, "Nothing changes: the challenger has no daily returns to judge it by.")
    if not np.isfinite(challenger_daily).all():
        raise ContractError("the challenger's daily returns are not finite: materialise shadow_ledger again")
    if champion_daily is None:
        return Promotion(True, "The gates approved the challenger, and there is no champion to beat.")
    if champion_daily.shape != challenger_daily.shape or not np.isfinite(champion_daily).all():
        raise ContractError(
            f"{len(champion_daily)} days of the champion do not pair with {len(challenger_daily)} of the "
            "challenger, or are not finite: cut both to the same days"
        )
    if p_value is None:
        return Promotion(False, "The champion stays: the paired test is missing, and missing evidence fails.")
    if not 0.0 <= p_value <= 1.0:
        raise ContractError(f"{p_value} is no p-value: run the paired block bootstrap again")
    gain = float(np.mean(challenger_daily - champion_daily)) * 1e4
    days = len(challenger_daily)
    found = f"by {gain:+.2f} bps a day over {days} paired days, p = {p_value:.4f} against {p_max}"
    if gain > 0 and p_value < p_max:
        return Promotion(True, f"The challenger beats the champion {found}.")
    return Promotion(False, f"The champion stays: the challenger differs {found}.")
