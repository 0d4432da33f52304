"""The laws that every trade outcome keeps."""

from __future__ import annotations

import polars as pl

from huracan_assets.errors import ContractError
from huracan_assets.simulation.trade_outcomes import EXPIRED_REASON, OUTCOME_SCHEMA

FIGURES = ("gross_bps", "cost_bps", "funding_bps", "net_bps", "slippage_bps", "mfe_bps", "mae_bps")
EXPIRED_ROW = pl.col("exit_reason") == EXPIRED_REASON

LAWS = {
    "a fill lies after its decision": pl.col("entry_at") > pl.col("as_of"),
    "an exit is known after its entry": pl.col("exit_at") > pl.col("entry_at"),
    "prices are positive and finite": pl.all_horizontal(
        *(pl.col(name).is_finite() & (pl.col(name) > 0) for name in ("entry_price", "exit_price"))
    ),
    "figures are finite": pl.all_horizontal(*(pl.col(name).is_finite() for name in FIGURES)),
    "net is gross less cost and funding": (
        pl.col("net_bps") - (pl.col("gross_bps") - pl.col("cost_bps") - pl.col("funding_bps"))
    ).abs()
    < 1e-9,
    "the cost is the sum of its kinds": (
        pl.col("cost_bps") - pl.sum_horizontal("fee_bps", "half_spread_bps", "impact_bps")
    ).abs()
    < 1e-9,
    "of an order a part or all was filled, unless it expired": (
        pl.col("filled_share").is_between(0.0, 1.0) & ((pl.col("filled_share") == 0.0) == EXPIRED_ROW)
    ),
    "what expired brought nothing": ~EXPIRED_ROW | pl.all_horizontal(pl.col(name) == 0.0 for name in FIGURES),
    "uniqueness lies in (0, 1]": (pl.col("uniqueness") > 0) & (pl.col("uniqueness") <= 1),
    "the side is 1 or -1": pl.col("side").is_in([1, -1]),
    "it is known whether the path crosses an unknown minute": pl.col("crosses_unknown").is_not_null(),
}


def validate_outcomes(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame itself, if it keeps `OUTCOME_SCHEMA` and every law.

    Raises:
        ContractError: it does not; the message names the law and the first row that breaks it.
    """
    if dict(frame.schema) != OUTCOME_SCHEMA:
        raise ContractError(f"trade_outcomes has the schema {dict(frame.schema)}, not {OUTCOME_SCHEMA}")
    for law, holds in LAWS.items():
        broken = frame.filter(~holds.fill_null(False))
        if broken.height:
            row = broken.row(0, named=True)
            raise ContractError(
                f"trade_outcomes breaks the law that {law} in {broken.height} rows, first the {row['side']:+d} of "
                f"{row['as_of']}: materialise trade_outcomes again"
            )
    return frame
