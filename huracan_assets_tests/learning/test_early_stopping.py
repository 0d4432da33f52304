"""The rounds are chosen on rows that no booster of the choice has seen, and where the loss is least."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.errors import ContractError
from huracan_assets.learning.early_stopping import best_round, split_newest
from huracan_assets.learning.lightgbm_model import bin_rows, fit_pair
from huracan_assets_tests.learning.test_lightgbm_model import EMBARGO, MINUTE, SETTINGS, planted

TS = planted(600)


class Scripted:
    """A booster whose validation losses are written down."""

    def __init__(self, losses: list[float]) -> None:
        self.losses, self.done = losses, 0

    def update(self) -> None:
        self.done += 1

    def eval_valid(self) -> list[tuple[str, str, float, bool]]:
        return [("judges", "binary_logloss", self.losses[self.done - 1], False)]


def scripted(*losses: list[float]) -> list[Any]:
    return [Scripted(each) for each in losses]


@given(
    share=st.floats(0.05, 0.6),
    embargo=st.integers(0, 600),
    holding=st.integers(15, 900),
    first=st.integers(0, 100),
    step=st.integers(1, 3),
)
def test_no_label_of_the_earlier_rows_reaches_into_the_newest_ones(
    share: float, embargo: int, holding: int, first: int, step: int
) -> None:
    ts = replace(TS, label_end=TS.as_of + holding * MINUTE)
    rows = np.arange(first, len(ts), step)
    earlier, newest = split_newest(ts, rows, share, timedelta(minutes=embargo))
    begin = ts.as_of[newest].min()
    assert (ts.label_end[earlier] + embargo * MINUTE <= begin).all()
    assert np.isin(earlier, rows).all() and newest.tolist() == rows[-len(newest) :].tolist()
    # Purged away is only what had to be.
    left = np.setdiff1d(rows, np.concatenate([earlier, newest]))
    assert (ts.label_end[left] + embargo * MINUTE > begin).all()
    assert abs(len(newest) - share * len(rows)) <= 1


def test_too_short_a_history_is_refused_by_name() -> None:
    with pytest.raises(ContractError, match="too short to learn from"):
        split_newest(TS, np.arange(12), 0.2, timedelta(hours=12))


def test_the_round_with_the_least_mean_loss_is_taken_and_patience_ends_the_search() -> None:
    one, other = [5.0, 3.0, 4.0, 2.0, 9.0, 9.0, 9.0, 0.0], [5.0, 2.0, 4.0, 4.0, 9.0, 9.0, 9.0, 0.0]
    boosters = scripted(one, other)
    assert best_round(boosters, 1, 8, patience=3) == 2
    assert boosters[0].done == boosters[1].done == 5
    assert best_round(scripted(one, other), 1, 8, patience=6) == 8
    assert best_round(scripted(one, other), 3, 5, patience=6) == 4


def test_the_chosen_rounds_are_those_of_boosters_that_never_saw_the_newest_rows() -> None:
    """Other labels on the newest rows change the choice, never the boosters that are judged by it."""
    ts = planted(1600)
    rows = np.arange(len(ts))
    patient = SETTINGS.model_copy(update={"rounds": 60, "fewest_rounds": 1, "patience": 60})
    honest = fit_pair(ts, rows, patient, 11, EMBARGO, bin_rows(ts, rows, patient, 11))
    assert honest.long.rounds == honest.short.rounds
    net = ts.net_bps.copy()
    newest = slice(int(len(ts) * 0.8), None)
    net[newest] = net[newest][:, ::-1]
    turned = replace(ts, net_bps=net)
    opposite = fit_pair(turned, rows, patient, 11, EMBARGO, bin_rows(turned, rows, patient, 11))
    assert opposite.long.rounds < honest.long.rounds
    assert opposite.long.rounds <= 3
