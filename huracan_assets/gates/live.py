"""Does the champion hold live what it promised? An interval, not a point."""

from __future__ import annotations

import math

import numpy as np

from huracan_assets.gates.seven_gates import LiveEvidence
from huracan_assets.shadow.forward import ForwardLedger
from huracan_assets.validation.sharpe import DAYS_PER_YEAR, annual_sharpe

ONE_SIDED_95 = 1.6448536269514722
LEAST_DAYS = 2


def live_evidence(forward: ForwardLedger) -> LiveEvidence:
    """The champion's live Sharpe ratio and its upper 95 % bound, SR + z sqrt((1 + SR^2 / 2) / T) per day (Lo 2002).

    A champion that has not traded long enough to have a Sharpe ratio gives none. Whether that, or a wide interval, is
    for want of days is the gate's to say.
    """
    returns = np.array([value for _, value in forward.daily])
    sharpe = upper = None
    if len(returns) >= LEAST_DAYS and returns.std() > 0.0:
        sharpe = annual_sharpe(returns)
        daily = sharpe / math.sqrt(DAYS_PER_YEAR)
        error = math.sqrt((1.0 + daily**2 / 2.0) / len(returns))
        upper = (daily + ONE_SIDED_95 * error) * math.sqrt(DAYS_PER_YEAR)
    return LiveEvidence(
        champion=forward.champion,
        note=forward.note,
        days=len(returns),
        sharpe=sharpe,
        sharpe_upper=upper,
        backtest_sharpe=forward.backtest_sharpe,
    )
