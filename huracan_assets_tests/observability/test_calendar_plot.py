"""One cell a day, told apart by lightness and by mark as well as by colour."""

from __future__ import annotations

import base64
import io
from datetime import date, timedelta

import numpy as np
import pytest
from PIL import Image, ImageColor

from huracan_assets.observability.calendar_plot import MARKS, status_calendar
from huracan_assets.observability.canvas import WIDTH_PX

FIRST = date(2025, 11, 20)


def days(count: int, **other: str) -> dict[date, str]:
    """Trusted days, but for the named places."""
    named = {int(place.removeprefix("day_")): status for place, status in other.items()}
    return {FIRST + timedelta(days=place): named.get(place, "trusted") for place in range(count)}


def pixels(markdown: str) -> np.ndarray:
    image = Image.open(io.BytesIO(base64.b64decode(markdown.split("base64,")[1].removesuffix(")"))))
    return np.asarray(image.convert("RGB"))


def area(image: np.ndarray, status: str) -> int:
    """Pixels of about a status's colour."""
    colour = np.array(ImageColor.getrgb(MARKS[status].colour))
    return int((np.abs(image.astype(int) - colour).max(axis=2) <= 6).sum())


@pytest.mark.parametrize("count", [1, 40, 150, 400])
def test_every_day_has_a_cell_of_the_same_size(count: int) -> None:
    image = pixels(status_calendar(days(count)))
    assert image.shape[1] == WIDTH_PX
    cell = area(image, "trusted") / (count + 1)  # and one in the legend
    assert 30 < cell < 800


def test_each_status_is_drawn_in_its_colour_and_counted_in_words() -> None:
    plain = status_calendar(days(150))
    marked = status_calendar(days(150, day_3="imperfect", day_80="quarantined", day_81="quarantined"))
    assert "calendar of 150 days: 147 trusted, 1 imperfect, 2 quarantined" in marked
    assert area(pixels(marked), "trusted") < area(pixels(plain), "trusted")
    assert area(pixels(marked), "quarantined") > 2 * area(pixels(plain), "quarantined")
    assert area(pixels(marked), "imperfect") > 1.5 * area(pixels(plain), "imperfect")


def test_the_statuses_differ_in_lightness_for_those_who_see_no_hue() -> None:
    def lightness(colour: str) -> float:
        return float(np.array(ImageColor.getrgb(colour)) @ [0.299, 0.587, 0.114])

    levels = sorted(lightness(mark.colour) for mark in MARKS.values())
    assert min(np.diff(levels)) > 25
    assert len({mark.sign for mark in MARKS.values()}) == len(MARKS)


def test_the_same_days_give_the_same_bytes_and_none_give_words() -> None:
    assert status_calendar(days(30)) == status_calendar(dict(reversed(days(30).items())))
    assert status_calendar({}) == "_no days_"
