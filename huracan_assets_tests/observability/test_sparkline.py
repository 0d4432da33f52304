"""The line stays short enough to be drawn in place, and goes through its values."""

from __future__ import annotations

import re
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.observability.sparkline import (
    HEIGHT_PX,
    INLINE_CHARACTERS,
    MARGIN_PX,
    WIDTH_PX,
    sparkline,
)


def points(markdown: str) -> np.ndarray:
    found = re.fullmatch(r"!\[[^\]]*\]\(data:image/svg\+xml,([^\s()]+)\)", markdown)
    assert found, markdown
    line = ElementTree.fromstring(unquote(found[1])).find("{http://www.w3.org/2000/svg}polyline")
    assert line is not None
    return np.array(line.attrib["points"].split(","), dtype=int).reshape(-1, 2)


finite = st.floats(-1e6, 1e6)


@given(st.lists(finite, min_size=1, max_size=400))
def test_any_series_is_drawn_in_place_and_within_its_frame(values: list[float]) -> None:
    markdown = sparkline(np.array(values), "x" * 200)
    assert len(markdown) < INLINE_CHARACTERS
    line = points(markdown)
    assert (line >= 0).all()
    assert (line <= [WIDTH_PX, HEIGHT_PX]).all()


@given(st.lists(finite, min_size=2, max_size=84, unique=True))
def test_the_highest_value_is_drawn_highest(values: list[float]) -> None:
    line = points(sparkline(np.array(values), "equity"))
    assert line[np.argmax(values), 1] == MARGIN_PX
    assert line[np.argmin(values), 1] == HEIGHT_PX - MARGIN_PX
    assert len(line) == len(values)


def test_first_and_last_value_are_always_kept() -> None:
    values = np.zeros(5000)
    values[-1] = 1.0
    line = points(sparkline(values, "equity"))
    assert line[0, 1] == HEIGHT_PX - MARGIN_PX
    assert line[-1].tolist() == [WIDTH_PX, MARGIN_PX]


def test_the_zero_line_is_drawn_where_zero_is_in_range() -> None:
    assert "%3Cpath" in sparkline(np.array([-1.0, 3.0]), "equity")
    assert "%3Cpath" not in sparkline(np.array([1.0, 3.0]), "equity")


def test_gaps_are_skipped_and_nothing_is_said() -> None:
    assert len(points(sparkline(np.array([1.0, np.nan, 2.0]), "equity"))) == 2
    assert sparkline(np.array([np.nan]), "equity") == "_no values_"
