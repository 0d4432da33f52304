"""No feature of the recipe knows a minute that has not closed: at any cut, every row up to it keeps all its bits."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from huracan_assets.days import DAY, midnight
from huracan_assets.features.compute import compute_features
from huracan_assets.features.recipe import FEATURE_NAMES, WARM_UP_DAYS
from huracan_assets.guards.feature_truncation import replay_at
from huracan_assets.guards.recomputation import Replay, altered_rows
from huracan_assets.guards.removed_future import FUTURES, Future, removed
from huracan_assets_tests.causality.markets import MarketDay, halted_day, made_day

CUTS, REAL_CUTS, POISONED_CUTS = 200, 60, 15


@cache
def made() -> MarketDay:
    return made_day()


def replays(subject: MarketDay, rows: list[int], future: Future) -> list[Replay]:
    return [replay_at(subject.day, subject.market, subject.features, row, future) for row in rows]


def assert_same(found: list[Replay], cuts: int) -> None:
    assert len(found) == cuts
    assert [finding.sentence for finding in altered_rows(found)] == []


def test_the_day_has_a_value_of_every_feature() -> None:
    """A feature that is null all day would pass any proof."""
    features = made().features
    assert [name for name in FEATURE_NAMES if features[name].count() < features.height / 2] == []


def test_the_cuts_are_many_and_lie_at_every_kind_of_edge() -> None:
    rows = made().cuts(CUTS, 1)
    assert len(set(rows)) == CUTS
    assert {0, 1, made().features.height - 1} <= set(rows)  # the last row is known at the midnight that ends the day
    assert len(set(rows) & set(made().edges())) >= 20


def test_nothing_changes_when_the_future_is_cut_off() -> None:
    assert_same(replays(made(), made().cuts(CUTS, 1), removed), CUTS)


@pytest.mark.parametrize("future", [future for future in FUTURES if future is not removed], ids=lambda f: f.__name__)
def test_nothing_changes_when_the_future_is_another(future: Future) -> None:
    assert_same(replays(made(), made().cuts(POISONED_CUTS, 2), future), POISONED_CUTS)


def test_a_day_is_the_same_alone_and_among_its_neighbours(shared: Path) -> None:
    """What a night heals, a single day and a range of one run hand over differ in what lies around the day."""
    for subject in (made(), halted_day(shared)):
        begins, ends = midnight(subject.day - WARM_UP_DAYS * DAY), midnight(subject.day + DAY)
        span = pl.col("ts").is_between(begins, ends, closed="left")
        own, benchmark, funding, more = subject.market
        assert benchmark is not None
        events = None if funding is None else funding.filter(span)
        alone = compute_features(subject.day, own.filter(span), benchmark.filter(span), events, more)
        assert_frame_equal(alone, subject.features, check_exact=True)


def test_nothing_changes_on_the_day_of_a_real_halt(shared: Path) -> None:
    halted = halted_day(shared)
    assert len(halted.edges()) == 6  # one gap of 80 minutes
    for number, row in enumerate(halted.cuts(REAL_CUTS, 3)):
        future = FUTURES[number % len(FUTURES)]
        assert_same(replays(halted, [row], future), 1)
