"""Trades that were refused: which gate refused them, and what they would have brought.

The market tells both sides of every bar, so a refused trade's result is known. Refusals overlap: of sixty trades that
the same hour decides one is evidence. So the figures are weighted by uniqueness, whose sum is the number of independent
trades (AFML 4.2), and the interval is that of so many.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from huracan_assets.settings import AnalystSettings
from huracan_assets.shadow.daily_mean import LEVEL
from huracan_assets.simulation.uniqueness import label_uniqueness

Floats = NDArray[np.float64]

KEEP, COSTS, OPEN = "earns its keep", "costs more than it saves", "cannot be told"


class GateRecord(BaseModel):
    """What one gate refused over the ledger's segments; null where it cannot be told.

    `bars` without a side, or whose minutes nobody knows, are counted and not judged; where more than
    `max_unknown_share` of those with a side are not, or too few are independent, there is no interval.
    """

    model_config = ConfigDict(frozen=True)
    gate: str
    bars: int
    judged: int
    independent: float
    would_have_won: float | None = None
    net_bps: float | None = None
    low_bps: float | None = None
    high_bps: float | None = None

    @property
    def verdict(self) -> str:
        """Whether what it refused would have lost, gained, or cannot be told."""
        if self.low_bps is None or self.high_bps is None:
            return OPEN
        if self.high_bps < 0.0:
            return KEEP
        return COSTS if self.low_bps > 0.0 else OPEN


def missed_trades(decisions: pl.DataFrame, outcomes: pl.DataFrame, analysts: AnalystSettings) -> tuple[GateRecord, ...]:
    """One record for each gate or limit that refused a bar, the one that refused most first.

    Args:
        decisions: `as_of`, `side`, `refused_by` of every decision, '' where it was traded; a bar belongs to the first
            gate that refused it.
        outcomes: `trade_outcomes` of the same bars.
    """
    known = outcomes.filter(~pl.col("crosses_unknown")).select("as_of", "side", "exit_at", "net_bps")
    refused = decisions.filter(pl.col("refused_by") != "").join(
        known, on=["as_of", "side"], how="left", maintain_order="left"
    )
    records = [
        _record(str(gate), rows, analysts) for (gate,), rows in refused.group_by("refused_by", maintain_order=True)
    ]
    return tuple(sorted(records, key=lambda record: (-record.bars, record.gate)))


def _record(gate: str, rows: pl.DataFrame, analysts: AnalystSettings) -> GateRecord:
    judged = rows.filter(pl.col("net_bps").is_not_null())
    net = judged["net_bps"].to_numpy()
    begin = judged["as_of"].to_numpy().astype("datetime64[us]")
    weight = label_uniqueness(begin, judged["exit_at"].to_numpy().astype("datetime64[us]"))
    blank = GateRecord(gate=gate, bars=rows.height, judged=len(net), independent=float(weight.sum()))
    if not len(net):
        return blank
    mean = float((weight * net).sum() / weight.sum())
    sided = int((rows["side"] != 0).sum())
    enough = weight.sum() >= analysts.least_effective and sided - len(net) <= analysts.max_unknown_share * sided
    reach = _reach(net - mean, weight) if enough else None
    return blank.model_copy(
        update={
            "would_have_won": float((weight * (net > 0.0)).sum() / weight.sum()),
            "net_bps": mean,
            "low_bps": None if reach is None else mean - reach,
            "high_bps": None if reach is None else mean + reach,
        }
    )


def _reach(residual: Floats, weight: Floats) -> float:
    """Half the width of the 95 % interval of a mean of sum(weight) independent trades."""
    from scipy.special import stdtrit

    independent = float(weight.sum())
    variance = float((weight * residual**2).sum()) / (independent - 1.0)
    return float(stdtrit(independent - 1.0, 0.5 + LEVEL / 2.0)) * float(np.sqrt(variance / independent))


def gate_rows(records: tuple[GateRecord, ...]) -> list[dict[str, object]]:
    """The records as rows of a table."""
    return [
        {
            "gate": record.gate,
            "bars": record.bars,
            "independent": record.independent,
            "would have won": record.would_have_won,
            "net bps": record.net_bps,
            "from": record.low_bps,
            "to": record.high_bps,
            "it": record.verdict,
        }
        for record in records
    ]
