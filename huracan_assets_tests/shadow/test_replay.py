"""A Brain that was trained on other features trades nothing: not in a replay, and not as the champion of a night."""

from __future__ import annotations

import polars as pl
import pytest

from huracan_assets.errors import FeatureSetMismatch
from huracan_assets.features.feature_sets import engine_set
from huracan_assets.memory.set_ups import TIME
from huracan_assets.settings import read_settings
from huracan_assets.shadow.replay import replay
from huracan_assets.simulation.costs import Costs
from huracan_assets_tests.decision.brains import brain_of_an_older_recipe, stretch

SETTINGS = read_settings("local")


def test_a_replay_refuses_a_brain_of_another_recipe_and_names_both() -> None:
    older, bars = brain_of_an_older_recipe(), pl.DataFrame(schema={"as_of": TIME})
    with pytest.raises(FeatureSetMismatch, match="the Brain that is to trade ETH-USDT was trained on") as refused:
        replay(older, stretch(), SETTINGS, Costs.of(SETTINGS.simulation), bars=bars, recalled=bars)
    assert older.feature_set.short in str(refused.value)
    assert engine_set().short in str(refused.value)
