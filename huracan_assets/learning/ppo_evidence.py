"""How much of each feature PPO's agents are shown: as much as the stage's own rows hold evidence for.

A hundred features, most of them noise to the next hours, and few thousand bars: an agent that sees all of them alike
learns the past by heart, or learns nothing and stays flat. The trees and the line lean on evidence in the same way.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from huracan_assets.learning.feature_evidence import day_t_statistics, gain_multipliers
from huracan_assets.learning.market_env import Market

BLOCK_BARS = 96  # one observation: a day of quarter hours
TAILS = 3.0  # standard deviations to which returns are cut, lest few of them decide


def weigh(market: Market, prior: float, ahead: int) -> Market:
    """`market` with a weight in [0, 1] for each feature: its evidence over that of the best one.

    The evidence is that of the feature's rank for the return of the next `ahead` bars, where a run lasts so long. All
    weights are 1 where no feature has shown anything.

    Args:
        prior: the t^2 at which half of a feature counts.
        ahead: bars, at least 1.
    """
    rows = np.arange(len(market.features))
    known = np.flatnonzero(rows + ahead <= market.run_end)
    earned = np.concatenate([[0.0], np.cumsum(np.nan_to_num(market.next_return_bps))])
    returns = earned[known + ahead] - earned[known]
    if not len(returns) or np.ptp(returns) == 0.0:
        return market
    bound = TAILS * returns.std()
    _, block = np.unique(known // BLOCK_BARS, return_inverse=True)
    t = day_t_statistics(market.features[known], np.clip(returns, -bound, bound)[:, None], block)[:, 0]
    counted = gain_multipliers(t, prior)
    best = counted.max()
    return replace(market, weight=counted / best) if best > 0.0 else market
