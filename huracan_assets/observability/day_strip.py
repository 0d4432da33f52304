"""A day as one strip of colour, so small that Dagster's page draws it in place (see `sparkline.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from huracan_assets.observability.sparkline import INLINE_CHARACTERS

MINUTES_A_PIXEL = 3
HEIGHT_PX = 28
COARSER = (1, 2, 4, 8, 16, 32)  # pixels that are drawn as one, until the picture is small enough


def day_strip(codes: npt.NDArray[np.int8], colours: Sequence[str], words: str) -> str:
    """Markdown with a strip of one day, below 1,000 characters.

    Where several minutes share a pixel the highest code is drawn, so that a single odd minute is seen.

    Args:
        codes: (1440,) what each minute is, an index into `colours`, the rarest kind the highest.
        colours: of each code; code 0 is the ground.
        words: what the strip shows, for who cannot see it; at most 120 characters.
    """
    for pixels in COARSER:
        width = MINUTES_A_PIXEL * pixels
        drawn = _picture(codes.reshape(-1, width).max(axis=1), pixels, colours)
        markdown = f"![{words[:120]}](data:image/svg+xml,{quote(drawn, safe=',=:/')})"
        if len(markdown) < INLINE_CHARACTERS:
            break
    return markdown


def _picture(cells: npt.NDArray[np.int8], pixels: int, colours: Sequence[str]) -> str:
    width = len(cells) * pixels
    paths: Mapping[int, list[str]] = {code: [] for code in range(1, len(colours))}
    starts = np.flatnonzero(np.concatenate([[True], np.diff(cells) != 0]))
    for start, stop in zip(starts, np.append(starts[1:], len(cells)), strict=True):
        if cells[start]:
            paths[int(cells[start])].append(
                f"M{start * pixels},0h{(stop - start) * pixels}v{HEIGHT_PX}H{start * pixels}"
            )
    marks = "".join(f"<path fill='{colours[code]}' d='{''.join(path)}'/>" for code, path in paths.items() if path)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{HEIGHT_PX}'>"
        f"<path fill='{colours[0]}' d='M0,0h{width}v{HEIGHT_PX}H0'/>{marks}</svg>"
    )
