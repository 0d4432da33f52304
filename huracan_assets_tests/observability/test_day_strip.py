"""A strip fits into the page, and no odd minute is lost in it."""

from __future__ import annotations

import re
from urllib.parse import unquote

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.observability.day_strip import HEIGHT_PX, MINUTES_A_PIXEL, day_strip
from huracan_assets.observability.sparkline import INLINE_CHARACTERS

COLOURS = ("green", "grey", "orange", "red")


def rectangles(markdown: str) -> dict[str, list[tuple[int, int]]]:
    """colour -> (left, right) of each rectangle."""
    drawing = unquote(markdown)
    found = {}
    for colour, path in re.findall(r"<path fill='(\w+)' d='([^']*)'/>", drawing):
        pieces = re.findall(rf"M(\d+),0h(\d+)v{HEIGHT_PX}H\d+", path)
        found[colour] = [(int(left), int(left) + int(width)) for left, width in pieces]
    return found


def test_each_kind_is_drawn_where_it_was() -> None:
    codes = np.zeros(1440, np.int8)
    codes[300:600], codes[700] = 2, 3
    drawn = rectangles(day_strip(codes, COLOURS, "a day"))
    assert drawn == {"green": [(0, 480)], "orange": [(100, 200)], "red": [(233, 234)]}


@given(st.dictionaries(st.integers(0, 1439), st.integers(1, 3), max_size=300))
def test_a_strip_is_small_and_every_odd_minute_is_under_a_colour_as_grave(marked: dict[int, int]) -> None:
    codes = np.zeros(1440, np.int8)
    codes[list(marked)] = list(marked.values())
    markdown = day_strip(codes, COLOURS, "a day")
    assert len(markdown) < INLINE_CHARACTERS
    drawn = rectangles(markdown)
    for minute, code in marked.items():
        at = minute // MINUTES_A_PIXEL
        graver = [span for colour in COLOURS[code:] for span in drawn.get(colour, [])]
        assert any(left <= at < right for left, right in graver)
