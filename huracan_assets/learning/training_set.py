"""Features and outcomes of the decision bars, side by side, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.errors import ContractError

Floats = NDArray[np.float64]
Times = NDArray[np.datetime64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class TrainingSet:
    """One row a decision bar, ascending; the columns of the (n, 2) arrays are long, short.

    A bar whose trades were refused, or whose end the window does not hold, has no label: `label_end` is NaT, its
    figures are NaN, its uniqueness is 0, and it is never teachable.
    """

    as_of: Times  # (n,)
    label_end: Times  # (n,), when the later side's outcome is known
    features: NDArray[np.float32]  # (n, f), NaN where undefined
    names: tuple[str, ...]
    net_bps: Floats  # (n, 2)
    gross_bps: Floats  # (n, 2)
    cost_bps: Floats  # (n, 2), fees, spread and impact, without funding
    uniqueness: Floats  # (n,)
    teachable: Bools  # (n,), false where the path crosses a minute that nobody knows: judged, never taught

    def __len__(self) -> int:
        return len(self.as_of)

    @property
    def labelled(self) -> Bools:
        """Which bars have an outcome of both sides, (n,)."""
        return ~np.isnat(self.label_end)

    @property
    def won(self) -> Bools:
        """Whether each side's trade paid, net of everything, (n, 2); without a label false."""
        return np.asarray(self.net_bps > 0)


def training_set(bars: pl.DataFrame, outcomes: pl.DataFrame) -> TrainingSet:
    """Every bar in order, with both of its outcomes where it has them.

    Args:
        bars: `as_of` and numeric feature columns, null where undefined.
        outcomes: the `trade_outcomes` frame.

    Raises:
        ContractError: a bar or an outcome stands twice, a feature is not numeric, or no bar has both
            outcomes.
    """
    names = tuple(name for name in bars.columns if name != "as_of")
    odd = [name for name in names if not bars.schema[name].is_numeric()]
    if odd:
        raise ContractError(f"decision bars carry columns that are no features: {odd}. Drop or encode them first")
    if bars["as_of"].is_duplicated().any() or outcomes.select("as_of", "side").is_duplicated().any():
        raise ContractError("a decision bar or an outcome stands twice: materialize bars and trade_outcomes again")
    figures = ["exit_at", "net_bps", "gross_bps", "cost_bps", "crosses_unknown"]
    long, short = (
        outcomes.filter(pl.col("side") == side).select(
            "as_of",
            pl.col("uniqueness").alias(f"uniqueness_{side}"),
            *(pl.col(f).alias(f"{f}_{side}") for f in figures),
        )
        for side in (1, -1)
    )
    both = long.join(short, on="as_of").with_columns(
        label_end=pl.max_horizontal("exit_at_1", "exit_at_-1"),
        teachable=~(pl.col("crosses_unknown_1") | pl.col("crosses_unknown_-1")),
    )
    if set(names) & set(both.columns):
        raise ContractError("a feature bears the name of an outcome column: rename it in the feature recipe")
    joined = bars.join(both, on="as_of", how="left").sort("as_of")
    if joined["label_end"].null_count() == len(joined):
        raise ContractError(
            "no decision bar has the outcome of a long and of a short: the market refused every order (read "
            "orders_refused of trade_outcomes), or the window is shorter than the horizon"
        )
    return TrainingSet(
        as_of=_times(joined["as_of"]),
        label_end=_times(joined["label_end"]),
        features=_matrix(joined, names),
        names=names,
        net_bps=_pair(joined, "net_bps"),
        gross_bps=_pair(joined, "gross_bps"),
        cost_bps=_pair(joined, "cost_bps"),
        uniqueness=joined["uniqueness_1"].fill_null(0.0).to_numpy(),
        teachable=joined["teachable"].fill_null(value=False).to_numpy(),
    )


def _matrix(frame: pl.DataFrame, names: tuple[str, ...]) -> NDArray[np.float32]:
    columns = [frame[name].cast(pl.Float32).to_numpy() for name in names]
    return np.ascontiguousarray(np.column_stack(columns)) if columns else np.empty((len(frame), 0), np.float32)


def _pair(frame: pl.DataFrame, name: str) -> Floats:
    return np.column_stack([frame[f"{name}_1"].to_numpy(), frame[f"{name}_-1"].to_numpy()])


def _times(series: pl.Series) -> Times:
    return np.asarray(series.to_numpy(), "datetime64[us]")
