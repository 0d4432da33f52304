"""TREND, RANGE or PANIC at each decision bar, with probabilities, and an early warning.

Each regime has a score in 0..1, the mean of its pieces of evidence; a softmax of the scores gives the
probabilities. A bar's regime is a function of the features known at that bar and of nothing else, so it
cannot see the future and needs no fitting. The constants below are units of evidence, not fits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.errors import ContractError

Array = NDArray[np.float64]

REGIMES = ("TREND", "RANGE", "PANIC")
# The most cautious first: it wins a tie, and a bar without any evidence is one.
CAUTION = ("PANIC", "RANGE", "TREND")
EVIDENCE_NEEDED = (
    "trend_str",
    "efficiency_ratio",
    "adx",
    "htf",
    "mean_rev",
    "variance_ratio",
    "compression",
    "vol_ratio",
    "vol_regime",
    "drawdown_speed",
    "vol_acceleration",
)
SHARPNESS = 5.0  # scores 0.1 apart: odds of e^0.5
WARNING_MIDPOINT = np.log(1.5)  # the quarter hour half again as volatile as the four hours
WARNING_STEEPNESS = 4.0


def ramp(x: Array, start: float, stop: float) -> Array:
    """0 up to `start`, 1 from `stop`, a straight line between; NaN stays NaN."""
    return np.clip((x - start) / (stop - start), 0.0, 1.0)


def mean_of_known(pieces: Sequence[Array]) -> Array:
    """Row-wise mean of the pieces that are not NaN; 0 where there is none."""
    table = np.stack(list(pieces))
    known = ~np.isnan(table)
    mean: Array = np.where(known, table, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return mean


def trend_score(column: dict[str, Array]) -> Array:
    """Evidence of a trend: efficient, directional, agreed on by the higher time frames.

    A random walk of n steps has efficiency about 1/sqrt(n), so both ratios are read in that unit: 1 is
    chance, 2.5 is full evidence.
    """
    return mean_of_known(
        [
            ramp(np.abs(column["trend_str"]) * np.sqrt(60.0), 1.0, 2.5),
            ramp(column["efficiency_ratio"] * np.sqrt(240.0), 1.0, 2.5),
            ramp(column["adx"], 20.0, 50.0),
            ramp(np.abs(column["htf"] - 0.5), 0.1, 0.4),
        ]
    )


def range_score(column: dict[str, Array]) -> Array:
    """Evidence of a range: inefficient, reverting, quiet, near its mean.

    A random walk has about half of it and a quarter of a trend's, so without a sign of either it is a range.
    """
    return mean_of_known(
        [
            1.0 - ramp(column["efficiency_ratio"] * np.sqrt(240.0), 0.25, 1.25),
            1.0 - ramp(column["variance_ratio"], 0.5, 1.25),
            1.0 - ramp(np.abs(column["mean_rev"]), 0.3, 0.8),
            column["compression"],
        ]
    )


def panic_score(column: dict[str, Array]) -> Array:
    """Evidence of a panic: volatility far above the day's, at its top, and a fall too fast for the day."""
    return mean_of_known(
        [
            ramp(column["vol_ratio"], 1.25, 2.5),
            ramp(column["vol_regime"], 0.9, 1.0),
            ramp(column["drawdown_speed"], 1.5, 4.0),
        ]
    )


def early_warning(column: dict[str, Array]) -> Array:
    """0..1, a logistic of ln(vol_acceleration): 0.5 where the quarter hour is half again as volatile as
    usual.

    1 where the acceleration is not known: who cannot see is warned.
    """
    quick = column["vol_acceleration"]
    grown = np.log(np.maximum(quick, 1e-6))
    logistic = 1.0 / (1.0 + np.exp(-WARNING_STEEPNESS * (grown - WARNING_MIDPOINT)))
    return np.where(np.isnan(quick), 1.0, logistic)


def classify(bars: pl.DataFrame) -> pl.DataFrame:
    """The regimes frame: `as_of, regime, p_trend, p_range, p_panic, early_warning`, one row a bar.

    A missing feature drops its piece of evidence from the mean; a score without any piece is 0. Without any
    evidence at all the probabilities are equal and the regime is PANIC.

    Args:
        bars: `as_of` and at least the columns of `EVIDENCE_NEEDED`, null where undefined.

    Raises:
        ContractError: a column of `EVIDENCE_NEEDED` is absent.
    """
    absent = [name for name in EVIDENCE_NEEDED if name not in bars.columns]
    if absent:
        raise ContractError(f"bars lack {', '.join(absent)}: take them from features of the current recipe")
    column = {name: bars[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in EVIDENCE_NEEDED}
    scores = np.stack([trend_score(column), range_score(column), panic_score(column)])
    odds = np.exp(SHARPNESS * (scores - scores.max(axis=0)))
    probability = odds / odds.sum(axis=0)
    by_caution = np.stack([probability[REGIMES.index(name)] for name in CAUTION])
    regime = np.array(CAUTION)[np.argmax(by_caution, axis=0)]
    return pl.DataFrame(
        {
            "as_of": bars["as_of"],
            "regime": pl.Series(regime, dtype=pl.String),
            "p_trend": probability[0],
            "p_range": probability[1],
            "p_panic": probability[2],
            "early_warning": early_warning(column),
        }
    )


def summary(regimes: pl.DataFrame) -> pl.DataFrame:
    """For display: `regime, bars, share, spells, mean_bars` (mean length of a spell), one row a regime.

    A spell is a run of equal regimes over consecutive rows. A regime that never occurred has zeros and a null
    length.
    """
    spells = regimes.select("regime", spell=pl.col("regime").rle_id())
    counted = spells.group_by("regime").agg(bars=pl.len(), spells=pl.col("spell").n_unique())
    every = pl.DataFrame({"regime": REGIMES}, schema={"regime": pl.String})
    table = every.join(counted, on="regime", how="left", maintain_order="left").with_columns(
        pl.col("bars", "spells").fill_null(0).cast(pl.Int64)
    )
    return table.select(
        "regime",
        "bars",
        share=pl.col("bars") / max(regimes.height, 1),
        spells="spells",
        mean_bars=pl.when(pl.col("spells") > 0).then(pl.col("bars") / pl.col("spells")),
    )
