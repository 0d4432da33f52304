"""What the patterns of a night brought, and whether they still work."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from huracan_assets.observability.canvas import BLUE, FAINT, GREEN, INK, ORANGE, RED, canvas, legend, markdown

Floats = npt.NDArray[np.float64]

COLOURS = {"healthy": GREEN, "fading": ORANGE, "dead": RED, "young": FAINT}


def pattern_bars(trades: npt.NDArray[np.int64], mean_bps: Floats, shrunk_bps: Floats, health: Sequence[str]) -> str:
    """Mean net result of each pattern, by its health, and what is left of it when luck is taken off.

    Args:
        trades: (k,) trades of each pattern, most first.
        mean_bps: (k,) their mean.
        shrunk_bps: (k,) the mean drawn to that of all.
        health: (k,) keys of `COLOURS`.
    """
    if len(mean_bps) == 0:
        return "_no patterns_"
    figure, axes = canvas(240)
    place = np.arange(len(mean_bps))
    for state, colour in COLOURS.items():
        own = np.array([one == state for one in health])
        if own.any():
            axes.bar(place[own], mean_bps[own], color=colour, width=0.7, label=f"{state} ({int(own.sum())})")
    axes.plot(place, shrunk_bps, color=BLUE, marker="_", linestyle="none", markersize=7, label="less luck")
    axes.axhline(0.0, color=INK, linewidth=0.8)
    axes.set_xlabel("pattern, most trades first")
    axes.set_ylabel("mean net bps")
    axes.margins(x=0.01)
    legend(axes)
    return markdown(figure, f"{len(mean_bps)} patterns of {int(trades.sum())} trades")
