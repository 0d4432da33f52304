"""Markdown tables, read back by a Markdown parser of our own kind of strictness: rich's markdown-it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from huracan_assets.observability.sparkline import INLINE_CHARACTERS
from huracan_assets.observability.tables import COLUMN_CHARACTERS, formatted, least_width, markdown_table


def cells(markdown: str) -> list[list[str]]:
    """The texts of a table's cells, row by row, as a Markdown reader sees them."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        if token.type == "inline":
            rows[-1].append("".join(child.content for child in token.children or []))
    return rows


def test_numbers_stand_right_and_missing_ones_are_dashes() -> None:
    table = markdown_table([{"gate": "sharpe", "value": 1.23456}, {"gate": "trades", "value": None}])
    assert table.splitlines() == [
        "| gate | value |",
        "| --- | ---: |",
        "| sharpe | 1.235 |",
        "| trades | – |",
    ]


def test_columns_choose_order_and_headings() -> None:
    rows = [{"a": 1, "b": 2, "c": 3}]
    assert cells(markdown_table(rows, ["c", "a"])) == [["c", "a"], ["3", "1"]]
    assert cells(markdown_table(rows, {"b": "net, bps"})) == [["net, bps"], ["2"]]


def test_a_column_that_only_some_rows_have_is_shown() -> None:
    assert cells(markdown_table([{"a": 1}, {"b": 2}])) == [["a", "b"], ["1", "–"], ["–", "2"]]


def test_no_rows_and_no_columns_are_said() -> None:
    assert markdown_table([]) == "_none_"
    assert cells(markdown_table([], ["a"])) == [["a"]]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1234567, "1,234,567"),
        (np.int64(1234), "1,234"),
        (np.float32(0.25), "0.25"),
        (123456.789, "123,457"),
        (-0.000123456, "-0.0001235"),
        (1.0, "1"),
        (99.995, "100"),
        (1e-9, "1.000e-09"),
        (float("nan"), "–"),
        (float("-inf"), "−∞"),
        (True, "yes"),
        (np.bool_(False), "no"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 0, 15, tzinfo=UTC), "2026-01-02 00:15"),
        ((), "–"),
        ([1, 2.5], "1, 2.5"),
        ({"b", "a"}, "a, b"),
    ],
)
def test_values_are_formatted_for_a_reader(value: object, text: str) -> None:
    assert formatted(value) == text


@given(st.text(alphabet=st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=1, max_size=30))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    assert cells(markdown_table([{"text": text}], ["text"]))[1] == [text]


@given(st.floats(min_value=-1e300, max_value=1e300, allow_subnormal=False))
def test_a_number_keeps_four_significant_digits(value: float) -> None:
    back = float(formatted(value).replace(",", ""))
    assert back == pytest.approx(value, rel=5.01e-4, abs=0)


def test_line_breaks_do_not_break_the_table() -> None:
    assert len(re.findall(r"\n", markdown_table([{"text": "one\ntwo\r\nthree"}]))) == 2


@given(st.lists(st.lists(st.text(alphabet="ab_ ", max_size=20), min_size=3, max_size=3), min_size=1, max_size=4))
@example([["a" * 20, "b " * 20, "a" * 20], ["_"] * 3])
@example([["a" * 20, "b " * 20, "b" * 20], ["_" * 7] * 3])
def test_a_table_stands_in_place_only_where_its_longest_words_fit_side_by_side(rows: list[list[str]]) -> None:
    table = markdown_table([dict(zip("xyz", row, strict=True)) for row in rows])
    read = cells(table)
    longest = [max(len(word) for row in read for word in [*row[column].split(), ""]) for column in range(3)]
    assert (len(table) < INLINE_CHARACTERS) == (sum(longest) + 3 * 2 <= COLUMN_CHARACTERS)
    assert read[1:] == [[" ".join(text.split()) for text in row] for row in rows]


def test_a_heading_takes_less_room_than_a_cell() -> None:
    assert least_width(["eight by", "x" * 8], []) == 0.75 * (5 + 8) + 2 * 2
    assert least_width(["x" * 8], [["y" * 7]]) == 7 + 2
