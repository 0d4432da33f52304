"""A line so small that Dagster's page draws it in place.

The page renders Markdown below 1,000 characters at once and longer text behind a click, so the line is a
vector picture below that length: one look at a partition's page tells how its result came about.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

WIDTH_PX = 460
HEIGHT_PX = 56
MARGIN_PX = 3
POINTS = 84
INLINE_CHARACTERS = 1000
COLOUR = "#2563ab"
ZERO_COLOUR = "#b9c3cc"


def sparkline(values: npt.NDArray[np.floating[Any]], words: str) -> str:
    """Markdown with a line through `values`, below 1,000 characters; the zero line where zero is in range.

    Args:
        values: (n,) in order; of long series every part is represented by its last value. NaN is skipped.
        words: what the line shows, for who cannot see it; at most 60 characters.
    """
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return "_no values_"
    kept = finite[np.linspace(0, len(finite) - 1, min(POINTS, len(finite))).round().astype(int)]
    low, high = float(kept.min()), float(kept.max())
    heights = _heights(kept, low, high)
    across = np.linspace(0, WIDTH_PX, len(kept)).round().astype(int)
    points = ",".join(f"{x},{y}" for x, y in zip(across, heights, strict=True))
    zero = _zero_line(low, high) if low < 0 < high else ""
    drawing = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH_PX}' height='{HEIGHT_PX}'>{zero}"
        f"<polyline points='{points}' fill='none' stroke='{COLOUR}'/></svg>"
    )
    return f"![{words[:60]}](data:image/svg+xml,{quote(drawing, safe=',=:/')})"


def _heights(values: npt.NDArray[np.floating[Any]], low: float, high: float) -> npt.NDArray[np.int64]:
    """Pixels from the top, the highest value at the margin."""
    span = high - low
    share = (values - low) / span if span > 0 else np.full(len(values), 0.5)
    return (HEIGHT_PX - MARGIN_PX - share * (HEIGHT_PX - 2 * MARGIN_PX)).round().astype(np.int64)


def _zero_line(low: float, high: float) -> str:
    height = _heights(np.zeros(1), low, high)[0]
    return f"<path d='M0,{height}H{WIDTH_PX}' stroke='{ZERO_COLOUR}'/>"
