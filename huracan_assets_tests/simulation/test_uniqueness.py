"""Label uniqueness against the double sum of AFML 4.2."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.errors import ContractError
from huracan_assets.simulation.uniqueness import label_uniqueness

ORIGIN = np.datetime64("2025-01-01T00:15", "us")
MINUTE = np.timedelta64(1, "m")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 50)), min_size=1, max_size=25))
def test_uniqueness_is_the_mean_of_one_over_concurrency_counted_by_hand(spans: list[tuple[int, int]]) -> None:
    sets = [set(range(first, first + length)) for first, length in spans]
    expected = [np.mean([1 / sum(t in other for other in sets) for t in own]) for own in sets]
    start = np.array([ORIGIN + first * MINUTE for first, _ in spans])
    end = np.array([ORIGIN + (first + length) * MINUTE for first, length in spans])
    np.testing.assert_allclose(label_uniqueness(start, end), expected, rtol=1e-12)


def test_evenly_overlapping_labels_share_evenly() -> None:
    start = ORIGIN + np.arange(200) * 15 * MINUTE
    unique = label_uniqueness(start, start + 120 * MINUTE)
    np.testing.assert_allclose(unique[20:-20], 1 / 8, rtol=1e-12)


@pytest.mark.parametrize("lead", range(20, 120))
def test_a_label_alone_is_exactly_one_whatever_came_before(lead: int) -> None:
    """A difference of running sums is not, where the sum passes a power of two: 1 + 8e-15 fails the contract."""
    start = ORIGIN + np.array([0, 0, 0, lead]) * MINUTE
    end = ORIGIN + np.array([lead, lead, lead, lead + 64]) * MINUTE
    assert label_uniqueness(start, end)[-1] == 1.0


def test_labels_that_only_meet_are_fully_unique() -> None:
    start = ORIGIN + np.arange(5) * 60 * MINUTE
    assert label_uniqueness(start, start + 60 * MINUTE).tolist() == [1.0] * 5


def test_a_label_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ContractError, match="ends before"):
        label_uniqueness(np.array([ORIGIN]), np.array([ORIGIN]))
