"""What every plot is drawn on: the page's width, colours and axes, and the way to a Markdown image."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_PX = 700
DPI = 100
COLOURS = 128

INK = "#22303c"
FAINT = "#8a97a3"
GRID = "#e4e8ec"
BLUE = "#2563ab"
ORANGE = "#d97d1e"
GREEN = "#2b8a57"
RED = "#bf3945"


def canvas(height_px: int, rows: int = 1, heights: Sequence[float] | None = None) -> tuple[Figure, Any]:
    """A figure of the page's width with `rows` panels one below the other; one panel is not in a list."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_PX / DPI, height_px / DPI), dpi=DPI, layout="constrained", facecolor="white")
    panels = figure.subplots(rows, 1, sharex=True, height_ratios=heights)
    for axes in np.ravel(panels):
        axes.set_axisbelow(True)
        axes.grid(visible=True, color=GRID, linewidth=0.8)
        axes.tick_params(labelsize=8, colors=INK, length=0)
        axes.xaxis.label.set(fontsize=9, color=INK)
        axes.yaxis.label.set(fontsize=9, color=INK)
        for side, spine in axes.spines.items():
            spine.set(visible=side in ("left", "bottom"), color=FAINT)
    return figure, panels


def legend(axes: Axes) -> None:
    """Above the panel, where it hides nothing."""
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, fontsize=8, frameon=False, labelcolor=INK)


def markdown(figure: Figure, words: str) -> str:
    """The figure as a PNG inside a Markdown image, `words` its text; the same bytes for the same numbers."""
    from PIL import Image

    rendered = io.BytesIO()
    figure.savefig(rendered, format="png", dpi=DPI, metadata={"Software": None})
    small = io.BytesIO()
    Image.open(rendered).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return f"![{words}](data:image/png;base64,{base64.b64encode(small.getvalue()).decode()})"
