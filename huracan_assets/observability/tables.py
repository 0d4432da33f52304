"""Numbers as a Markdown table, for an asset's page and for the terminal.

Dagster's page shows Markdown below 1,000 characters in place, in a column that the window cuts where a table is too
wide for it, and longer text whole, behind a click. So a table that does not fit the column is made that long.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from numbers import Integral, Real

import numpy as np

from huracan_assets.observability.sparkline import INLINE_CHARACTERS

NOTHING = "–"
COLUMN_CHARACTERS = 52  # in sight of a window of 1,500 pixels, beside a key of 21 characters
GAP_CHARACTERS = 2  # between two columns
HEADING_WIDTH = 0.75  # of a heading's character, of a cell's

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#])")


def markdown_table(
    rows: Sequence[Mapping[str, object]], columns: Sequence[str] | Mapping[str, str] | None = None
) -> str:
    """A GitHub-flavoured Markdown table, numbers to the right.

    Args:
        rows: one mapping a line; a missing key is shown as a dash.
        columns: keys in their order, or key -> heading; where None, every key in order of appearance.
    """
    headings = _headings(rows, columns)
    if not headings:
        return "_none_"
    numeric = {key: _is_numeric([row.get(key) for row in rows]) for key in headings}
    names = [_escaped(heading) for heading in headings.values()]
    cells = [[formatted(row.get(key)) for key in headings] for row in rows]
    marks = ["---:" if numeric[key] else "---" for key in headings]
    table = "\n".join(_line(line) for line in (names, marks, *cells))
    return table if least_width(names, cells) <= COLUMN_CHARACTERS else table.ljust(INLINE_CHARACTERS)


def least_width(headings: Sequence[str], cells: Sequence[Sequence[str]]) -> float:
    """Characters across that a table needs if its texts wrap at every space.

    Args:
        cells: row by row, each as long as `headings`.
    """
    columns = zip(*cells, strict=True) if cells else [()] * len(headings)
    return sum(
        max(HEADING_WIDTH * _longest_word([heading]), _longest_word(column)) + GAP_CHARACTERS
        for heading, column in zip(headings, columns, strict=True)
    )


def _longest_word(texts: Iterable[str]) -> int:
    return max((len(word.replace("\\", "")) for text in texts for word in text.split()), default=0)


def formatted(value: object) -> str:
    """A value as a reader wants it: 4 significant digits, thousands separated, UTC times to the minute.

    Whole numbers keep all their digits; None and NaN are a dash.
    """
    if value is None:
        return NOTHING
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return f"{int(value):,}"
    if isinstance(value, Real):
        return _number(float(value))
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return ", ".join(formatted(item) for item in items) or NOTHING
    return _escaped(str(value))


def _number(value: float) -> str:
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if magnitude >= 15 or magnitude < -5:
        return f"{value:.3e}"
    text = f"{value:,.{max(0, 3 - magnitude)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _headings(
    rows: Sequence[Mapping[str, object]], columns: Sequence[str] | Mapping[str, str] | None
) -> dict[str, str]:
    if isinstance(columns, Mapping):
        return dict(columns)
    keys = columns if columns is not None else [key for row in rows for key in row]
    return {key: key.replace("_", " ") for key in keys}


def _is_numeric(values: Sequence[object]) -> bool:
    present = [value for value in values if value is not None]
    return bool(present) and all(isinstance(value, Real) and not isinstance(value, bool) for value in present)


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
