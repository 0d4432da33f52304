"""How many rounds: boosted on the earlier training rows, judged on the newest ones, with a purge between them.

Both sides share one number, chosen where the mean of their losses is least: a common curve is less noisy than each.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from huracan_assets.errors import ContractError
from huracan_assets.learning.training_set import TrainingSet

if TYPE_CHECKING:
    import lightgbm

Ints = NDArray[np.int64]


def split_newest(ts: TrainingSet, rows: Ints, share: float, embargo: timedelta) -> tuple[Ints, Ints]:
    """The training rows that may teach the choice of rounds, and the newest `share` of the rows, which judge it.

    As between folds (AFML 7.4.1), a row teaches only if its label was known an embargo before the first judge.

    Args:
        rows: training rows, ascending; the judges' labels are known as all of theirs are.

    Raises:
        ContractError: either part would be empty.
    """
    begin = ts.as_of[rows[int(len(rows) * (1.0 - share))]]
    earlier = rows[ts.label_end[rows] + np.timedelta64(embargo) <= begin]
    newest = rows[ts.as_of[rows] >= begin]
    if len(earlier) == 0 or len(newest) == 0:
        span = ts.as_of[rows[-1]] - ts.as_of[rows[0]]
        raise ContractError(
            f"{len(rows)} training rows over {span.astype('timedelta64[h]')} leave none to choose the number of rounds "
            "on: this symbol's history is too short to learn from. Wait until it is longer, or leave the symbol out of "
            "market.symbols"
        )
    return earlier, newest


def best_round(boosters: Sequence[lightgbm.Booster], fewest: int, most: int, patience: int) -> int:
    """Boost until the mean loss of all boosters on their judges has not fallen for `patience` rounds.

    Args:
        boosters: not begun, each with one validation set and one metric, a loss.
        fewest, most: rounds; the loss hardly falls where an edge is small, and the least of a flat curve is chance.

    Returns:
        the round with the least mean loss, within fewest..most; the first of equals.
    """
    best, least = fewest, np.inf
    for done in range(1, most + 1):
        for booster in boosters:
            booster.update()
        loss = float(np.mean([booster.eval_valid()[0][2] for booster in boosters]))
        if done >= fewest and loss < least:
            best, least = done, loss
        elif done - best >= patience:
            break
    return best
