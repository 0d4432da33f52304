"""The universe of a day as a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from huracan_assets.observability.canvas import BLUE, FAINT, canvas, markdown


def volume_dots(symbols: Sequence[str], volume: npt.NDArray[np.float64], picked: Sequence[bool]) -> str:
    """Median daily quote volume by candidate; those without a Brain are grey.

    Dots, since the axis is logarithmic: it has no zero for a bar to start from.

    Args:
        symbols: (n,) in the order of the rows.
        volume: (n,) in the quote coin, NaN where it is not known.
        picked: (n,).
    """
    if len(symbols) == 0 or not np.any(volume > 0):
        return "_no candidate traded_"
    from matplotlib.ticker import LogLocator, NullLocator

    figure, axes = canvas(90 + 16 * len(symbols))
    rows = np.arange(len(symbols))
    axes.scatter(volume, rows, color=[BLUE if one else FAINT for one in picked], s=28)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1e6:,g}")
    axes.set_yticks(rows, symbols, fontsize=8)
    axes.set_ylim(len(symbols) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("median volume a day, millions of the quote coin; picked in blue, left out in grey")
    return markdown(figure, f"quote volume of {len(symbols)} candidates")
