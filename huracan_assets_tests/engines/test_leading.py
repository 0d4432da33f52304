"""The engine that speaks loudest, against a loop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.engines.consensus import SIGNAL_SCHEMA
from huracan_assets.engines.leading import leading_engine

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
share = st.sampled_from([0.0, 0.2, 0.5, 1.0])
view = st.tuples(st.sampled_from([-1, 0, 1]), share, share)


@given(bars=st.lists(st.tuples(view, view, view), min_size=1, max_size=20))
def test_it_is_the_first_of_the_loudest_that_names_a_side(
    bars: list[tuple[tuple[int, float, float], ...]],
) -> None:
    names = ("trend", "range", "other")
    rows = [
        (BEGIN + timedelta(minutes=15 * bar), name, *said)
        for bar, views in enumerate(bars)
        for name, said in zip(names, views, strict=True)
    ]
    expected = []
    for views in bars:
        loud = [confidence * affinity if side else 0.0 for side, confidence, affinity in views]
        expected.append(names[loud.index(max(loud))] if max(loud) > 0 else "none")
    signals = pl.DataFrame(rows, schema=SIGNAL_SCHEMA, orient="row")
    assert leading_engine(signals).to_list() == expected


def test_no_signals_have_no_leader() -> None:
    assert leading_engine(pl.DataFrame(schema=SIGNAL_SCHEMA)).to_list() == []
