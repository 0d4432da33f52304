"""What is known of a bar beside its features: the odds of the regimes, and how similar past trades went.

Context biases the agents' actions: each logit gets a weighted sum of these columns beside the network's output, and so
does the critic's value, since a regime that pays more whatever is done is no merit of an action. The weights begin at
0 and are learned with the rest. All of it is known at the bar: regimes are functions of its features, and the memory
answers with trades whose result was known by then.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from huracan_assets.errors import ContractError
from huracan_assets.memory.similarity import side_evidence
from huracan_assets.regimes.regimes import REGIMES

Singles = npt.NDArray[np.float32]
Times = npt.NDArray[np.datetime64]

CONTEXT = (*(f"odds of {regime}" for regime in REGIMES), "similar longs", "similar shorts", "remembered")
CONTEXT_COLUMNS = len(CONTEXT)
CONTEXT_UNIT = 8.0
"""What a column is multiplied by. Adam moves every weight alike, and the one weight of a column stands beside the
network's 64 units: at a unit of 1 or 4 the network has settled before a planted regime is learned, at 8 it is."""


def no_context(bars: int) -> Singles:
    """(bars, CONTEXT_COLUMNS) zeros: nothing is known but the features."""
    return np.zeros((bars, CONTEXT_COLUMNS), np.float32)


def bar_context(as_of: Times, regimes: pl.DataFrame, recalled: pl.DataFrame) -> Singles:
    """The context of some bars, (n, CONTEXT_COLUMNS) in the order of `CONTEXT`, each within +-CONTEXT_UNIT.

    Similar longs and shorts are their self-normalised sums (`memory/similarity.py: side_evidence`), 0 where too few
    are remembered to say anything; `remembered` is 1 where they are enough.

    Args:
        as_of: (n,) the bars, UTC.
        regimes: the regimes of these bars at least.
        recalled: what the pattern memory answers at these bars at least.

    Raises:
        ContractError: regimes or memories lack a bar.
    """
    bars = pl.Series("as_of", as_of.astype("datetime64[us]")).dt.replace_time_zone("UTC").to_frame()
    context = no_context(len(as_of))
    odds = _at(bars, regimes, "regimes").select(f"p_{regime.lower()}" for regime in REGIMES)
    context[:, : len(REGIMES)] = odds.to_numpy()
    context[:, len(REGIMES) : -1], context[:, -1] = side_evidence(_at(bars, recalled, "recalled"))
    return context * np.float32(CONTEXT_UNIT)


def refuse_strange_context(context: Singles, bars: int) -> None:
    """Refuse what is no context of so many bars.

    Raises:
        ContractError: the shape is another, or a number is not finite.
    """
    if context.shape != (bars, CONTEXT_COLUMNS) or not np.isfinite(context).all():
        raise ContractError(
            f"a context of shape {context.shape} is not finite or not of {bars} bars and {CONTEXT_COLUMNS} columns: "
            "make it with bar_context"
        )


def _at(bars: pl.DataFrame, frame: pl.DataFrame, what: str) -> pl.DataFrame:
    found = bars.join(frame, on="as_of", how="inner", maintain_order="left")
    if not found["as_of"].equals(bars["as_of"]):
        raise ContractError(f"{what} and bars differ in as_of: make them of these very bars")
    return found
