"""Permutation importance of features and of their families, for an asset's page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from huracan_assets.observability.canvas import BLUE, FAINT, INK, ORANGE, canvas, markdown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.floating[Any]]

MOST = 20


def importance_bars(names: Sequence[str], loss: Floats, families: Sequence[str], family_loss: Floats, unit: str) -> str:
    """The features and below them the families, the most important first; a line spans one standard error each way.

    Args:
        loss: (k, f) importance of each feature in each fold.
        family_loss: (k, g) the same of the families, each permuted as one.
        unit: of both.
    """
    if not len(names) or not len(loss):
        return "_no features_"
    shown = min(len(names), MOST)
    figure, (above, below) = canvas(110 + 17 * (shown + len(families)), rows=2, heights=(shown, len(families)))
    _bars(above, names, loss, shown, BLUE)
    _bars(below, families, family_loss, len(families), ORANGE)
    below.set_xlabel(unit)
    return markdown(figure, f"importance of the {shown} strongest of {len(names)} features, and of their families")


def _bars(axes: Axes, names: Sequence[str], loss: Floats, most: int, colour: str) -> None:
    mean = loss.mean(axis=0)
    error = loss.std(axis=0, ddof=1) / np.sqrt(len(loss)) if len(loss) > 1 else np.zeros(len(mean))
    order = np.argsort(-mean, kind="stable")[:most]
    places = np.arange(len(order))
    axes.barh(places, mean[order], xerr=error[order], color=colour, ecolor=INK, error_kw={"linewidth": 0.8}, height=0.7)
    axes.axvline(0, color=FAINT, linewidth=0.8)
    axes.set_yticks(places, [names[k].replace("_", " ") for k in order], fontsize=8)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
