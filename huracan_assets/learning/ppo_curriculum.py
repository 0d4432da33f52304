"""Which stretches of a training segment an agent meets first: easy, then medium, then all of them.

The difficulty of a bar is measured on the episode that would begin there: what one trade costs over what a bar moves,
cost of a round trip / root mean square of the returns. Where costs drown the moves there is little to learn and much
to unlearn. Levels are nested and cut at the terciles of the segment's own starts, training rows alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from huracan_assets.learning.market_env import Market

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEVELS = ("easy", "medium", "hard")


def difficulty(market: Market, episode_bars: int) -> Floats:
    """(starts,) round-trip cost over the typical move of a bar, in the episode that begins at each start."""
    playable = np.zeros(len(market.features), np.bool_)
    playable[market.starts] = True
    begin = market.starts
    end = np.minimum(begin + episode_bars, market.run_end[begin])
    cost, square = (
        _sums(np.where(playable, values, 0.0), begin, end) for values in (market.cost_bps, market.next_return_bps**2)
    )
    bars = (end - begin).astype(np.float64)
    move = np.sqrt(np.maximum(square, 0.0) / bars)
    return 2.0 * cost / bars / np.maximum(move, 1e-9)


def _sums(values: Floats, begin: Ints, end: Ints) -> Floats:
    before = np.concatenate([[0.0], np.cumsum(values)])
    found: Floats = before[end] - before[begin]
    return found


def levels(market: Market, episode_bars: int) -> tuple[Ints, Ints, Ints]:
    """The starts of the easy third, of the easy and medium thirds, and all."""
    found = difficulty(market, episode_bars)
    easy, medium = np.quantile(found, [1 / 3, 2 / 3])
    return market.starts[found <= easy], market.starts[found <= medium], market.starts


def level_at(done: int, updates: int, share: float) -> int:
    """The level after `done` of `updates` updates: easy for a `share` of them, medium for as many, then hard."""
    return int(done >= share * updates) + int(done >= 2 * share * updates)
