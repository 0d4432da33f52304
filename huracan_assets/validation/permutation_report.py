"""Would the same trades, taken at other times, have earned as much?"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from huracan_assets.errors import ContractError
from huracan_assets.validation.permutation import circular_shift_test

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


class PermutationReport(BaseModel):
    """The circular-shift test of the ledger's positions; `p_value` None where nothing was traded."""

    model_config = ConfigDict(frozen=True)
    p_value: float | None
    observed_bps: float
    shifts: int
    n_eff: float
    null_quantiles: dict[str, float]
    null_histogram: tuple[tuple[float, int], ...]


def permutation_report(
    ledger: pl.DataFrame,
    as_of: NDArray[np.datetime64],
    net_bps: NDArray[np.float64],
    position_gbp: float,
    min_shift: int,
) -> PermutationReport:
    """Test the ledger against all circular shifts of its own positions.

    A bar without an outcome is left out, and with it the trade that was taken there: no shift could revalue it.

    Args:
        as_of: the out-of-sample bars (n,), ascending.
        net_bps: (n, 2) outcomes of long and short at those bars, NaN where there is none.

    Raises:
        ContractError: a trade was decided at none of the bars, or they leave no shift.
    """
    positions = np.zeros(len(as_of))
    decided = ledger["as_of"].to_numpy().astype(as_of.dtype)
    stray = ~np.isin(decided, as_of)
    if stray.any():
        raise ContractError(
            f"the trade of {decided[stray][0]} was decided at no out-of-sample bar: materialise shadow_ledger again"
        )
    rows = np.searchsorted(as_of, decided)
    positions[rows] = (ledger["side"] * ledger["size_gbp"] / position_gbp).to_numpy()
    told = np.asarray(np.isfinite(net_bps).all(axis=1))
    found = circular_shift_test(positions[told], net_bps[told], min_shift)
    trades = int(told[rows].sum())
    counts, edges = np.histogram(found.null, bins=40)
    return PermutationReport(
        p_value=found.p_value if trades else None,
        observed_bps=found.observed_bps,
        shifts=found.shifts,
        n_eff=float(trades),
        null_quantiles={f"{share:.2f}": float(np.quantile(found.null, share)) for share in QUANTILES},
        null_histogram=tuple((float(edge), int(count)) for edge, count in zip(edges[:-1], counts, strict=True)),
    )
