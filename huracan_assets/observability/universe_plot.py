"""The universe of a day as a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from huracan_assets.observability.canvas import BLUE, FAINT, canvas, markdown


def volume_bars(symbols: Sequence[str], volume: npt.NDArray[np.float64], picked: Sequence[bool]) -> str:
    """Median daily quote volume by candidate, on a logarithmic axis; those without a Brain are grey.

    Args:
        symbols: (n,) in the order of the rows.
        volume: (n,) in the quote coin, NaN where it is not known.
        picked: (n,).
    """
    if len(symbols) == 0 or not np.any(volume > 0):
        return "_no candidate traded_"
    figure, axes = canvas(90 + 16 * len(symbols))
    rows = np.arange(len(symbols))
    axes.barh(rows, np.nan_to_num(volume), color=[BLUE if one else FAINT for one in picked], height=0.7)
    axes.set_xscale("log")
    axes.set_yticks(rows, symbols, fontsize=8)
    axes.set_ylim(len(symbols) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("median daily quote volume, picked in blue")
    return markdown(figure, f"quote volume of {len(symbols)} candidates")
