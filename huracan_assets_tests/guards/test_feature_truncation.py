"""The probe of a night: cuts at both edges and between, seeded; a leak of one minute is found, honest code is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from huracan_assets.features import compute
from huracan_assets.features.recipe import RECIPE
from huracan_assets.guards.feature_truncation import Market, cut_rows, truncated_features
from huracan_assets.guards.recomputation import altered_rows, proven_columns
from huracan_assets.settings import read_settings
from huracan_assets_tests.features.random_market import DAY_OF_TEST, candles, funding

MARKET = Market(candles(3), candles(99), funding())


def made(expression: pl.Expr) -> Any:
    def make(day: date, own: pl.DataFrame, *_: Any) -> pl.DataFrame:
        return own.filter(pl.col("ts").dt.date() == day).select("ts", "known_at", x=expression)

    return make


def test_the_cuts_are_the_edges_and_seeded_draws_without_repetition() -> None:
    rows = cut_rows(1440, 12, "2024-03-10|ETH-USDT")
    assert rows[:2] == [0, 1438]
    assert len(set(rows)) == 12 and max(rows) <= 1438
    assert rows == cut_rows(1440, 12, "2024-03-10|ETH-USDT") != cut_rows(1440, 12, "2024-03-11|ETH-USDT")
    assert cut_rows(4, 12, "x") == [0, 2, 1] and cut_rows(2, 12, "x") == []


@pytest.mark.parametrize(
    "expression",
    [
        pl.col("close").shift(-1),
        pl.col("close").rolling_mean(3, center=True),
        pl.col("close") / pl.col("close").mean(),
        pl.col("close").backward_fill() - pl.col("close").last(),
        pl.col("volume").max(),
    ],
)
def test_code_that_looks_ahead_is_found(expression: pl.Expr) -> None:
    replays = truncated_features(DAY_OF_TEST, MARKET, 5, "seed", made(expression))
    assert [finding.subject for finding in altered_rows(replays)] == ["x"]
    assert proven_columns(replays) == frozenset()


def test_the_recipe_is_proven() -> None:
    replays = truncated_features(DAY_OF_TEST, MARKET, 5, "seed")
    assert altered_rows(replays) == []
    assert len(replays) == 5
    assert len(proven_columns(replays)) > 60


def test_a_leaky_feature_added_to_the_recipe_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the nightly runs, on a recipe into which somebody has put the close of the next minute."""
    leaky = replace(RECIPE[0], name="next_close", compute=lambda window: np.append(window.returns[1:], np.nan))
    monkeypatch.setattr(compute, "RECIPE", (*RECIPE, leaky))
    cuts = read_settings("local").guards.leakage_cuts
    found = altered_rows(truncated_features(DAY_OF_TEST, MARKET, cuts, "2024-03-10|ETH-USDT"))
    assert [finding.subject for finding in found] == ["next_close"]
    assert found[0].figure >= cuts - 2  # the last row before each cut


def test_a_day_without_candles_has_nothing_to_replay() -> None:
    assert truncated_features(date(2020, 1, 1), MARKET, 5, "seed") == ()
