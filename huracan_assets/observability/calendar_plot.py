"""A calendar of days, one cell each, coloured by status: weeks from left to right, weekdays from top to bottom.

The statuses differ in lightness and in their mark as well as in hue (Okabe & Ito 2008), so that the calendar reads
without colour vision and in print.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from huracan_assets.observability.canvas import INK, canvas, legend, markdown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
CELL = 0.86  # of a day's square; the rest is the gap between days
MONTH_WEEKS = 3  # a shorter stump of a month at either end has no room for its name


@dataclass(frozen=True)
class Mark:
    """How a status is drawn: its colour, and the sign in its cells."""

    colour: str
    sign: str


MARKS = {
    "trusted": Mark("#a6cee3", ""),
    "imperfect": Mark("#e69f00", "•"),
    "quarantined": Mark("#7a1f00", "×"),
}


def status_calendar(status: Mapping[date, str], marks: Mapping[str, Mark] = MARKS) -> str:
    """The calendar of `status`, in Markdown.

    Args:
        status: of each day, one of `marks`; a day without one has no cell.
        marks: in the order of the legend.
    """
    if not status:
        return "_no days_"
    days = sorted(status)
    monday = days[0] - timedelta(days=days[0].weekday())
    weeks = (days[-1] - monday).days // 7 + 1
    figure, axes = canvas(240)
    for day in days:
        _cell(axes, (day - monday).days // 7, day.weekday(), marks[status[day]])
    for name, mark in marks.items():
        count = sum(kind == name for kind in status.values())
        axes.plot([], [], "s", color=mark.colour, markersize=9, label=f"{name}: {count} {mark.sign}".rstrip())
    axes.set_xlim(-0.6, max(weeks, 12) - 0.4)
    axes.set_ylim(6.6, -0.6)
    axes.set_aspect("equal")
    axes.set_yticks(range(7), WEEKDAYS)
    axes.set_xticks(*_months(days, monday))
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    legend(axes)
    told = ", ".join(f"{sum(kind == name for kind in status.values())} {name}" for name in marks)
    return markdown(figure, f"calendar of {len(days)} days: {told}")


def _cell(axes: Axes, week: int, weekday: int, mark: Mark) -> None:
    from matplotlib.patches import Rectangle

    corner = (week - CELL / 2, weekday - CELL / 2)
    axes.add_patch(Rectangle(corner, CELL, CELL, facecolor=mark.colour, linewidth=0))
    if mark.sign:
        ink = "white" if mark.sign == "×" else INK
        axes.text(week, weekday, mark.sign, ha="center", va="center", fontsize=9, color=ink)


def _months(days: Sequence[date], monday: date) -> tuple[list[float], list[str]]:
    """Where each month begins, in weeks, and its name; the year where it is the first or a new one."""
    firsts = [days[0], *(day for day in days[1:] if day.day == 1)]
    places = [(day - monday).days / 7 for day in firsts]
    if len(firsts) > 1 and places[1] - places[0] < MONTH_WEEKS:
        firsts, places = firsts[1:], places[1:]
    names = [
        f"{day:%b %Y}" if place == 0 or day.year != firsts[place - 1].year else f"{day:%b}"
        for place, day in enumerate(firsts)
    ]
    return places, names
