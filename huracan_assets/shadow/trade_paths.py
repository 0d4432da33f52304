"""What happened while each trade was open, and after it: the figures that its analysts judge.

All of it is read off the minutes of the window. A figure that needs a minute which nobody knows, or one after the
window, is null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.decision.ensemble import SOURCES
from huracan_assets.resources.compiled import njit
from huracan_assets.settings import AnalystSettings
from huracan_assets.simulation.conditions import minute_rows

if TYPE_CHECKING:
    from huracan_assets.market.grid import MinuteGrid

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

HELD = ("minutes_held", "path_sigma", "move_sigmas", "under_water", "minutes_to_best")
AFTER = (
    "after_best_bps",
    "after_best_minutes",
    "after_worst_bps",
    "after_worst_minutes",
    "after_end_bps",
    "after_first",
)


def trade_facts(
    ledger: pl.DataFrame,
    grid: MinuteGrid,
    unknown: Bools,
    entry_sigma: Floats,
    regimes: pl.DataFrame,
    analysts: AnalystSettings,
) -> pl.DataFrame:
    """The ledger with what its analysts need beside it, one row a trade.

    Args:
        ledger: m trades, as `shadow.ledger`.
        grid: the minutes of the window, and no other.
        unknown: minutes of the grid of which nobody knows what happened, (n,).
        entry_sigma: volatility of a minute known at each decision, a fraction, (m,).
        regimes: `as_of` ascending, `regime`.

    Returns:
        The ledger and: minutes_held; path_sigma and entry_sigma, of a minute; move_sigmas, the trade's log return over
        path_sigma sqrt(steps); under_water, share of the closes that were against it; minutes_to_best; crosses_unknown;
        regime_at_exit; sources_against, a share of those that voted; of the `post_exit_minutes` after the exit their
        best, worst and end, in the trade's favour and in bps of the exit price, with the minutes until then;
        after_first, 1 where they gained `gain_costs` times the trade's cost before they lost it, -1 where they lost it
        first or in the same minute, 0 where neither came; after_best_net_bps, the net result had the trade been closed
        at their best.
    """
    entry = minute_rows(grid, ledger["entry_at"].to_numpy())
    last = minute_rows(grid, ledger["exit_at"].to_numpy()) - 1
    side = ledger["side"].to_numpy().astype(np.float64)
    prices = ledger["entry_price"].to_numpy(), ledger["exit_price"].to_numpy()
    before = np.concatenate([[0], np.cumsum(unknown)])
    held = _held(grid.high, grid.low, grid.close, grid.present, entry, last, side, *prices)
    worth = analysts.gain_costs * ledger["cost_bps"].to_numpy()
    watched = analysts.post_exit_minutes
    after = _after(grid.high, grid.low, grid.close, grid.present, before, last, side, prices[1], worth, watched)
    decided = minute_rows(grid, ledger["as_of"].to_numpy())
    columns = {name: held[:, k] for k, name in enumerate(HELD)} | {name: after[:, k] for k, name in enumerate(AFTER)}
    frame = ledger.with_columns(
        **{name: pl.Series(values).fill_nan(None) for name, values in columns.items()},
        entry_sigma=pl.Series(entry_sigma).fill_nan(None),
        crosses_unknown=pl.Series(before[last + 1] > before[decided]),
        sources_against=_against(ledger),
    )
    further = pl.col("after_best_bps") * pl.col("exit_price") / pl.col("entry_price")
    return frame.with_columns(after_best_net_bps=pl.col("net_bps") + further).join_asof(
        regimes.select(pl.col("as_of").alias("exit_at"), pl.col("regime").alias("regime_at_exit")),
        on="exit_at",
        strategy="backward",
    )


def _against(ledger: pl.DataFrame) -> pl.Expr:
    """Share of the sources that voted which voted for the other side; null where none did."""
    votes = [pl.col(source).fill_nan(0.0).sign() for source in SOURCES]
    voting = pl.sum_horizontal((vote != 0.0).cast(pl.Int32) for vote in votes)
    against = pl.sum_horizontal((vote == -pl.col("side")).cast(pl.Int32) for vote in votes)
    return pl.when(voting > 0).then(against / voting)


@njit()
def _held(
    high: Any, low: Any, close: Any, present: Any, entry: Any, last: Any, side: Any, entry_price: Any, exit_price: Any
) -> Any:
    """Figures of the open trade, (m, len(HELD)); of the exit minute only the fill counts."""
    found = np.full((len(entry), 5), np.nan)
    for t in range(len(entry)):
        squared, steps, wet, price = 0.0, 0, 0, entry_price[t]
        best, best_at = 0.0, 0
        for j in range(entry[t], last[t] + 1):
            ending = j == last[t]
            if not (present[j] or ending):
                continue
            now = exit_price[t] if ending else close[j]
            top = now if ending else (high[j] if side[t] > 0 else low[j])
            squared += np.log(now / price) ** 2
            steps += 1
            wet += side[t] * (now - entry_price[t]) < 0
            price = now
            if side[t] * (top - entry_price[t]) > best:
                best, best_at = side[t] * (top - entry_price[t]), j - entry[t] + 1
        sigma = np.sqrt(squared / steps)
        move = side[t] * np.log(exit_price[t] / entry_price[t])
        found[t, 0], found[t, 1] = last[t] - entry[t] + 1, sigma
        found[t, 2] = move / (sigma * np.sqrt(steps)) if sigma > 0 else 0.0
        found[t, 3], found[t, 4] = wet / steps, best_at
    return found


@njit()
def _after(
    high: Any,
    low: Any,
    close: Any,
    present: Any,
    unknown_before: Any,
    last: Any,
    side: Any,
    exit_price: Any,
    worth: Any,
    minutes: Any,
) -> Any:
    """What the `minutes` after each exit offered, (m, len(AFTER)); NaN where they are not all known."""
    found = np.full((len(last), 6), np.nan)
    for t in range(len(last)):
        begin, end = last[t] + 1, last[t] + 1 + minutes
        if end > len(close) or unknown_before[end] > unknown_before[begin]:
            continue
        for j in range(begin, end):
            if not present[j]:
                continue
            up = side[t] * ((high[j] if side[t] > 0 else low[j]) / exit_price[t] - 1.0) * 1e4
            down = side[t] * ((low[j] if side[t] > 0 else high[j]) / exit_price[t] - 1.0) * 1e4
            if np.isnan(found[t, 0]) or up > found[t, 0]:
                found[t, 0], found[t, 1] = up, j - last[t]
            if np.isnan(found[t, 2]) or down < found[t, 2]:
                found[t, 2], found[t, 3] = down, j - last[t]
            if np.isnan(found[t, 5]) or found[t, 5] == 0.0:
                found[t, 5] = -1.0 if -down >= worth[t] else (1.0 if up >= worth[t] else 0.0)
            found[t, 4] = side[t] * (close[j] / exit_price[t] - 1.0) * 1e4
    return found
