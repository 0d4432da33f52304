"""What similar set-ups say: which side they paid, and how much a side may bring at most."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

MIN_NEIGHBOURS = 5
"""With fewer remembered trades than this the past has nothing to say."""

CONFIDENCE = 0.95


def similarity_vote(recalled: pl.DataFrame) -> NDArray[np.float64]:
    """The vote of the pattern memory on each bar, (n,) in [-1, 1]; positive is long.

    A side's evidence is its self-normalised sum max(0, S) / sqrt(n Q): S the sum and Q the sum of squares of
    its neighbours' net bps, n the number of all neighbours. By Cauchy-Schwarz it is at most 1, and 1 only if
    all n were of that side and won alike. The vote is long's evidence less short's. A side that lost net of
    costs says nothing for the other one: both would have paid the costs.

    Args:
        recalled: what `recall` returns.
    """
    won = np.maximum(side_evidence(recalled)[0], 0.0)
    vote: NDArray[np.float64] = won[:, 0] - won[:, 1]
    return vote


def side_evidence(recalled: pl.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What similar longs and shorts brought, (n, 2) in [-1, 1], and whether enough is remembered to say so, (n,).

    A side's figure is its self-normalised sum S / sqrt(n Q), with the sign of S; 0 where fewer than `MIN_NEIGHBOURS`
    trades of both sides are remembered.

    Args:
        recalled: what `recall` returns.
    """
    neighbours = recalled["neighbours"].to_numpy().astype(np.float64)
    heard = neighbours >= MIN_NEIGHBOURS
    sides = np.stack([_evidence(recalled, side, neighbours) for side in ("long", "short")], axis=1)
    return np.where(heard[:, None], sides, 0.0), heard


def best_case_net_bps(recalled: pl.DataFrame) -> NDArray[np.float64]:
    """The most that the record of each side allows, (n, 2): the upper end of the one-sided 95 % interval of its mean.

    Student's t on the neighbours of that side, which do not overlap in time. NaN where fewer than `MIN_NEIGHBOURS` of
    them are remembered: the mean of two neighbours is no evidence.

    Args:
        recalled: what `recall` returns.
    """
    from scipy.special import stdtrit

    best = np.full((recalled.height, 2), np.nan)
    for column, side in enumerate(("long", "short")):
        count = recalled[f"{side}_neighbours"].to_numpy().astype(np.float64)
        heard = count >= MIN_NEIGHBOURS
        mean, rms = (recalled[f"{side}_{figure}_net_bps"].to_numpy()[heard] for figure in ("mean", "rms"))
        freedom = count[heard] - 1.0
        error = np.sqrt(np.maximum(rms**2 - mean**2, 0.0) / freedom)
        best[heard, column] = mean + stdtrit(freedom, CONFIDENCE) * error
    return best


def _evidence(recalled: pl.DataFrame, side: str, neighbours: NDArray[np.float64]) -> NDArray[np.float64]:
    count = recalled[f"{side}_neighbours"].to_numpy().astype(np.float64)
    mean = recalled[f"{side}_mean_net_bps"].fill_null(0.0).to_numpy()
    rms = recalled[f"{side}_rms_net_bps"].fill_null(0.0).to_numpy()
    # S / sqrt(n Q) = count * mean / sqrt(n * count * rms^2)
    scale = np.sqrt(neighbours * count) * rms
    evidence = np.divide(count * mean, scale, out=np.zeros(len(recalled)), where=scale > 0)
    bounded: NDArray[np.float64] = np.clip(evidence, -1.0, 1.0)  # rounding may pass 1 by an ulp
    return bounded
