"""Was every limit kept? Told from the trades alone, by other code than that which had to keep it."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from huracan_assets.settings import DecisionSettings
from huracan_assets.shadow.ledger import INSTANT

ROUNDING_BPS = 1e-6  # sums are taken in another order here


def broken_rules(ledger: pl.DataFrame, limits: DecisionSettings) -> list[str]:
    """Names of the limits that some trade breaks.

    A loss limit is no promise of a loss no larger: the trade that reaches it was open. None may be entered after.

    Args:
        ledger: trades by decision.
    """
    position = limits.position_gbp
    brought, day = 1e4 * pl.col("pnl_gbp") / position, (pl.col("exit_at") - INSTANT).dt.date()
    before = pl.col("equity").shift(1, fill_value=0.0)
    booked = ledger.with_columns(day=day, equity=brought.cum_sum(), of_day=brought.cum_sum().over(day)).with_columns(
        fallen=before.cum_max() - before,
        lost=pl.when(pl.col("day").shift(1) == pl.col("as_of").dt.date()).then(-pl.col("of_day").shift(1)),
    )
    freed = pl.col("exit_at").shift(1)
    cool_down = timedelta(minutes=limits.cool_down_minutes)
    rules = {
        "two positions at once": pl.col("as_of") < freed,
        "a position too large": pl.col("size_gbp") > position,
        "an entry within the cool-down": (pl.col("pnl_gbp").shift(1) < 0.0) & (pl.col("as_of") < freed + cool_down),
        "an entry after the day's loss": pl.col("lost") >= limits.max_daily_loss_bps + ROUNDING_BPS,
        "an entry after the drawdown": pl.col("fallen") >= limits.max_drawdown_bps + ROUNDING_BPS,
    }
    return [rule for rule, broken in rules.items() if booked.select(broken.any()).item()]
