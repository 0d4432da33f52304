"""The laws that a ledger keeps."""

from __future__ import annotations

from datetime import date

import polars as pl

from huracan_assets.days import midnight
from huracan_assets.errors import ContractError
from huracan_assets.shadow.ledger import LEDGER_SCHEMA


def laws(symbol: str, end: date, position_gbp: float) -> dict[str, pl.Expr]:
    """Each law, and the expression that holds on a trade that keeps it; arguments as `validate_ledger`."""
    waits = pl.col("as_of") >= pl.col("exit_at").shift(1, fill_value=pl.col("as_of").first())
    net = pl.col("gross_bps") - pl.col("cost_bps") - pl.col("funding_bps")
    kinds = pl.col("fee_bps") + pl.col("half_spread_bps") + pl.col("impact_bps")
    return {
        "it is of one symbol": pl.col("symbol") == symbol,
        "the side is 1 or -1": pl.col("side").is_in([1, -1]),
        "a fill lies after its decision": pl.col("entry_at") > pl.col("as_of"),
        "an exit is known after its entry": pl.col("exit_at") > pl.col("entry_at"),
        "a decision waits for the exit before it": waits,
        "everything ends within the window": pl.col("exit_at") <= midnight(end),
        "no position is larger than allowed": pl.col("size_gbp").is_between(0.0, position_gbp, closed="right"),
        "net is gross less cost and funding": (pl.col("net_bps") - net).abs() < 1e-9,
        "pounds follow from bps": (pl.col("pnl_gbp") - pl.col("net_bps") * pl.col("size_gbp") / 1e4).abs() < 1e-9,
        "a confidence is a probability": pl.col("confidence").is_between(0.0, 1.0),
        "of an order a part or all was filled": pl.col("filled_share").is_between(0.0, 1.0, closed="right"),
        "the cost is the sum of its kinds": (pl.col("cost_bps") - kinds).abs() < 1e-9,
        "the path holds its exit": pl.col("gross_bps").is_between(pl.col("mae_bps") - 1e-9, pl.col("mfe_bps") + 1e-9),
        "slippage is known": pl.col("slippage_bps").is_finite(),
    }


def validate_ledger(ledger: pl.DataFrame, symbol: str, end: date, position_gbp: float) -> pl.DataFrame:
    """The ledger itself, if it keeps its schema and its laws.

    Args:
        end: no trade is closed after 00:00 UTC of this day.

    Raises:
        ContractError: it does not; the message names the law and the trade.
    """
    if dict(ledger.schema) != LEDGER_SCHEMA:
        raise ContractError(f"the ledger of {symbol} has the schema {dict(ledger.schema)}, not {LEDGER_SCHEMA}")
    for law, holds in laws(symbol, end, position_gbp).items():
        broken = ledger.filter(~holds.fill_null(False))
        if broken.height:
            raise ContractError(
                f"the ledger of {symbol} breaks the law that {law} in {broken.height} trades, first that of "
                f"{broken['as_of'][0]}: materialise shadow_ledger again"
            )
    return ledger
