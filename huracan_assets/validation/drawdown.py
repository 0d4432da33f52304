"""How deep the book was under water: trade by trade, and while each trade was open."""

from __future__ import annotations

import polars as pl

from huracan_assets.validation.sharpe import max_drawdown


def trade_drawdown(ledger: pl.DataFrame, position_gbp: float) -> float:
    """Largest fall of the book below its peak, a positive fraction of the whole position.

    Peaks are those after an exit, and the start. An open trade counts at its worst moment: at the price of its maximum
    adverse excursion, less all that it cost. By day, a loss that the same day wins back would not be seen.

    Args:
        ledger: trades by exit, one at a time.
    """
    at_worst = pl.col("net_bps") - (pl.col("gross_bps") - pl.col("mae_bps"))
    share = pl.col("size_gbp") / position_gbp / 1e4
    steps = ledger.select(down=share * at_worst, back=share * (pl.col("net_bps") - at_worst))
    return max_drawdown(steps.to_numpy().ravel())
