"""A market to play against: the decision bars of a training segment, many environments at once.

An action names the target position until the next decision bar: flat, long or short. In bps of notional

    gross = position * next_return
    cost = cost_bps * |position - position before|
    reward = (gross - cost_multiple * cost) / scale - risk_aversion / 2 * (gross / scale)^2

so the terms are net P&L, turnover (costs charged `cost_multiple` times: an edge must clear them with room to
spare, or noise that was fitted in training is traded) and a quadratic risk charge (mean-variance utility,
Markowitz 1952). `scale` is one number for a whole training, the standard deviation of the first segment's
returns, so that rewards are near one whatever the coin.

The market shows the same bars whatever is done, since an action moves no price: the rows of a rollout are
drawn first (`MarketEnv.path`) and gathered in one go, only the account (position, bars held) is stepped. An
episode never terminates. It is truncated after `episode_bars`, before a gap and at the end of the segment;
the value of the bar it was cut at is the learner's to bootstrap. The last bar of an unbroken run is only
looked at, never acted on, so no return that reaches beyond the segment is ever paid out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from huracan_assets.errors import ContractError

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

FLAT, LONG, SHORT = 0, 1, 2
TARGETS: Floats = np.array([0.0, 1.0, -1.0])  # the position an action asks for
ACTIONS = len(TARGETS)
ACCOUNT_COLUMNS = ACTIONS + 1  # one-hot position, bars in it


@dataclass(frozen=True)
class Market:
    """The decision bars of a segment.

    Attributes:
        features: (n, f) float32, NaN where a feature is undefined.
        next_return_bps: (n,) log-return of the asset from this bar's fill to the next bar's.
        cost_bps: (n,) one-way cost of a change of position by one.
        run_end: (n,) the last row of the unbroken run that the row belongs to.
        starts: rows from which at least one step can be made.
    """

    features: Singles
    next_return_bps: Floats
    cost_bps: Floats
    run_end: Ints
    starts: Ints

    def fingerprint(self) -> str:
        """SHA-256 (hex) of the content, to tell whether a training is resumed on the market it began on."""
        digest = hashlib.sha256()
        for array in (self.features, self.next_return_bps, self.cost_bps, self.run_end):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def return_scale_bps(self) -> float:
        """Standard deviation of the returns that can be earned; 1 where they do not vary."""
        scale = float(np.std(self.next_return_bps[self.starts]))
        return scale if scale > 0 else 1.0


def make_market(
    features: npt.NDArray[np.floating], next_return_bps: Floats, cost_bps: Floats, rows: Ints | None = None
) -> Market:
    """The market of `rows` (all where None), cut into unbroken runs.

    A run breaks where the next row is not the next bar (`rows` skips one), and where return or cost is not
    finite.

    Raises:
        ContractError: shapes differ, rows are not increasing, a cost is negative, or no bar can be played.
    """
    n = len(features)
    if features.ndim != 2 or next_return_bps.shape != (n,) or cost_bps.shape != (n,):
        raise ContractError(
            f"features {features.shape}, next_return_bps {next_return_bps.shape}, cost_bps {cost_bps.shape} "
            "do not describe the same bars: pass (n, f), (n,) and (n,)"
        )
    chosen = np.arange(n, dtype=np.int64) if rows is None else np.asarray(rows, dtype=np.int64)
    gaps = np.diff(chosen)
    if (gaps <= 0).any():
        raise ContractError("the rows of a training segment are not strictly increasing: sort them")
    returns, costs = next_return_bps[chosen].astype(np.float64), cost_bps[chosen].astype(np.float64)
    if (costs < 0).any():
        raise ContractError("a cost of trading is negative: check the cost model of the decision bars")
    playable = np.isfinite(returns) & np.isfinite(costs) & np.append(gaps == 1, False)
    starts = np.flatnonzero(playable)
    if not len(starts):
        raise ContractError(f"none of the {len(chosen)} bars of the segment has a known return: widen the window")
    ends = np.flatnonzero(~playable)
    run_end = ends[np.searchsorted(ends, np.arange(len(chosen)))]
    return Market(np.ascontiguousarray(features[chosen], np.float32), returns, costs, run_end, starts)


def account_columns(action: Ints, held: Ints, episode_bars: int) -> Singles:
    """What the observation says of the account, (n, ACCOUNT_COLUMNS) float32 within [0, 1].

    Args:
        action: (n,) the position held, as an action.
        held: (n,) bars spent in it; 0 when flat, so that "flat" is one state.
        episode_bars: the longest time that can be spent in it.
    """
    columns = np.zeros((len(action), ACCOUNT_COLUMNS), np.float32)
    columns[np.arange(len(action)), action] = 1.0
    columns[:, ACTIONS] = np.log1p(held) / np.log1p(episode_bars)
    return columns


def bars_held(before: Ints, held: Ints, action: Ints) -> Ints:
    """Bars spent in the position after `action`; the bar that enters is the first, flat counts none."""
    return np.where(action == FLAT, 0, np.where(action == before, held + 1, 1))


@dataclass
class EnvState:
    """Where the environments stand; all (environments,) int64.

    Attributes:
        row: the bar that is shown.
        end: the bar at which the episode will be cut.
        action: the position held, as an action.
        held: bars spent in it.
    """

    row: Ints
    end: Ints
    action: Ints
    held: Ints


@dataclass(frozen=True)
class Path:
    """The bars of a rollout, `rows` (bars + 1, environments), and whether each step cut the episode.

    Where `truncated[t]` holds, `rows[t] + 1` was the bar it was cut at and `rows[t + 1]` begins another
    episode.
    """

    rows: Ints
    truncated: Bools


@dataclass(frozen=True)
class Settlement:
    """Gross log-return and cost in bps, and the reward (module's formula), of one or many steps."""

    gross_bps: Floats
    cost_bps: Floats
    reward: Floats


class MarketEnv:
    """Environments side by side on one market; every draw comes from the generator passed in."""

    def __init__(
        self,
        market: Market,
        environments: int,
        episode_bars: int,
        scale_bps: float = 1.0,
        cost_multiple: float = 1.0,
        risk_aversion: float = 0.0,
    ) -> None:
        self.market = market
        self.environments = environments
        self.episode_bars = episode_bars
        self.scale_bps = scale_bps
        self.cost_multiple = cost_multiple
        self.risk_aversion = risk_aversion
        zeros = np.zeros(environments, np.int64)
        self.state = EnvState(zeros, zeros.copy(), zeros.copy(), zeros.copy())

    def reset(self, rng: np.random.Generator) -> None:
        """New episodes everywhere, flat; their first lengths are drawn, lest all are cut at the same step."""
        row = rng.choice(self.market.starts, self.environments)
        length = rng.integers(1, self.episode_bars, self.environments, endpoint=True)
        zeros = np.zeros(self.environments, np.int64)
        self.state = EnvState(row, np.minimum(row + length, self.market.run_end[row]), zeros, zeros.copy())

    def path(self, bars: int, rng: np.random.Generator) -> Path:
        """The next `bars` bars of every environment; `row` and `end` of the state move to their end."""
        rows = np.empty((bars + 1, self.environments), np.int64)
        truncated = np.empty((bars, self.environments), np.bool_)
        row, end = self.state.row, self.state.end
        rows[0] = row
        for t in range(bars):
            row = row + 1
            cut = row == end
            if cut.any():
                start = rng.choice(self.market.starts, int(cut.sum()))
                row[cut] = start
                end = end.copy()
                end[cut] = np.minimum(start + self.episode_bars, self.market.run_end[start])
            truncated[t], rows[t + 1] = cut, row
        self.state.row, self.state.end = row, end
        return Path(rows, truncated)

    def account(self) -> Singles:
        """`account_columns` of where the environments stand."""
        return account_columns(self.state.action, self.state.held, self.episode_bars)

    def step(self, truncated: Bools, action: Ints) -> tuple[Floats, Singles]:
        """Take the positions `action` (environments,) for one bar.

        Returns:
            |change of position| (environments,); and the account as it arrives at the next bar, before those
            that `truncated` marks begin again flat.
        """
        change = np.abs(TARGETS[action] - TARGETS[self.state.action])
        held = bars_held(self.state.action, self.state.held, action)
        arrival = account_columns(action, held, self.episode_bars)
        self.state.action = np.where(truncated, FLAT, action)
        self.state.held = np.where(truncated, 0, held)
        return change, arrival

    def settle(self, rows: Ints, action: Ints, change: Floats) -> Settlement:
        """What steps at the bars `rows` brought; any shape."""
        gross = TARGETS[action] * self.market.next_return_bps[rows]
        cost = change * self.market.cost_bps[rows]
        risk = self.risk_aversion / 2 * (gross / self.scale_bps) ** 2
        return Settlement(gross, cost, (gross - self.cost_multiple * cost) / self.scale_bps - risk)
