"""A Brain decides the same from its files, bar by bar, and with other bars around."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import orjson
import polars as pl
import pytest

from huracan_assets.decision.brain import BRAIN_FILES, Brain, evidence_of, feature_matrix
from huracan_assets.engines.consensus import alpha_signals
from huracan_assets.errors import ContractError, FeatureSetMismatch
from huracan_assets.features.feature_sets import engine_set
from huracan_assets.learning.linear_model import LinearModel
from huracan_assets.learning.market_env import LONG
from huracan_assets.learning.ppo_checkpoint import load, save
from huracan_assets.learning.ppo_context import CONTEXT
from huracan_assets.memory.recall import RECALL_SCHEMA, recalled_at
from huracan_assets.regimes.regimes import classify
from huracan_assets.resources.lake import canonical_json
from huracan_assets.settings import read_settings
from huracan_assets.simulation.conditions import trade_conditions
from huracan_assets.simulation.costs import Costs
from huracan_assets_tests.decision.brains import agent, brain, brain_of_an_older_recipe, stretch

SETTINGS = read_settings("local")


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    return stretch().bars(SETTINGS.decision_minutes)


def decided(by: Brain, bars: pl.DataFrame, recalled: pl.DataFrame | None = None) -> pl.DataFrame:
    regimes = classify(bars)
    conditions = trade_conditions(stretch().grid(), bars, Costs.of(SETTINGS.simulation), SETTINGS.simulation, 1000.0)
    known = recalled_at(pl.DataFrame(schema=RECALL_SCHEMA), bars["as_of"]) if recalled is None else recalled
    return by.decisions(bars, regimes, alpha_signals(bars, regimes), conditions, known)


def test_a_brain_read_back_from_its_files_decides_the_same_to_the_bit(bars: pl.DataFrame) -> None:
    files = brain().files()
    assert tuple(files) == BRAIN_FILES
    back = Brain.from_files(files, engine_set())
    assert back == brain()
    assert decided(back, bars).equals(decided(brain(), bars))


@pytest.mark.parametrize("absent", BRAIN_FILES)
def test_a_missing_file_is_named(absent: str) -> None:
    files = {name: data for name, data in brain().files().items() if name != absent}
    with pytest.raises(ContractError, match=absent):
        Brain.from_files(files, engine_set())


def test_a_brain_of_another_recipe_or_other_features_is_refused_and_both_sets_are_named() -> None:
    older = brain_of_an_older_recipe()
    with pytest.raises(FeatureSetMismatch, match="the Brain was trained on") as refused:
        Brain.from_files(older.files(), engine_set())
    assert older.feature_set.short in str(refused.value)
    assert engine_set().short in str(refused.value)
    assert Brain.from_files(older.files(), older.feature_set) == older
    fewer = engine_set().model_copy(update={"names": engine_set().names[1:]})
    with pytest.raises(FeatureSetMismatch):
        Brain.from_files(brain().files(), fewer)


def test_files_of_different_brains_are_refused() -> None:
    files = brain().files()
    pinned = orjson.loads(files["features.json"])
    assert pinned["feature_set"] == engine_set().reference
    for change in ({"recipe_sha256": "0" * 64}, {"names": pinned["names"][::-1]}, {"feature_set": "baseline@0"}):
        with pytest.raises(ContractError, match="pins the feature set baseline@"):
            Brain.from_files(files | {"features.json": canonical_json(pinned | change)}, engine_set())
    old_fashioned = {name: value for name, value in pinned.items() if name != "feature_set"}
    with pytest.raises(ContractError, match="pins the feature set none"):
        Brain.from_files(files | {"features.json": canonical_json(old_fashioned)}, engine_set())


def test_models_of_other_features_make_no_brain() -> None:
    """Features of the same width in another order are others."""
    own, models = engine_set(), brain().models
    turned = own.model_copy(update={"names": own.names[::-1]})
    older = own.model_copy(update={"recipe_sha256": "0" * 64})
    for other in (turned, older):
        with pytest.raises(ContractError, match="PPO checkpoint pins the feature set baseline@"):
            replace(brain(), agent=agent(other))
    text = models.short.booster.replace(f"feature_names={own.names[0]} ", "feature_names=another ", 1)
    renamed = models.model_copy(update={"short": models.short.model_copy(update={"booster": text})})
    with pytest.raises(ContractError, match="boosters or lines were trained on other features"):
        replace(brain(), models=renamed)
    line = models.long.linear
    narrow = LinearModel.model_validate({name: part[:5] if isinstance(part, tuple) else part for name, part in line})
    narrower = models.model_copy(update={"long": models.long.model_copy(update={"linear": narrow})})
    with pytest.raises(ContractError, match="lines were trained on other features"):
        replace(brain(), models=narrower)


def test_a_bar_is_decided_alike_alone_and_among_others(bars: pl.DataFrame) -> None:
    whole = decided(brain(), bars)
    assert whole["accepted"].sum() > 20
    for row in (0, 1, 17, bars.height - 1):
        assert decided(brain(), bars[row : row + 1]).equals(whole[row : row + 1])
    assert decided(brain(), bars[40:57]).equals(whole[40:57])


def test_features_are_taken_by_name_in_the_models_order_and_nulls_are_nan(bars: pl.DataFrame) -> None:
    names = ("rsi", "adx")
    frame = pl.DataFrame({"adx": [1.0, None], "as_of": [0, 1], "rsi": [None, 2.0]})
    found = feature_matrix(frame, names)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[np.nan, 1.0], [2.0, np.nan]])
    with pytest.raises(ContractError, match="lack rsi"):
        feature_matrix(frame.drop("rsi"), names)
    shuffled = bars.select("as_of", *reversed(bars.columns[1:]))
    assert decided(brain(), shuffled).equals(decided(brain(), bars))


def biased(column: str) -> Brain:
    """The Brain, its agent a friend of longs wherever this column of the context is high."""
    (learner,) = load(brain().agent)
    weights = learner.network.named(learner.network.weights)["actor.context"]
    weights[LONG, CONTEXT.index(column)] = 1.0
    return replace(brain(), agent=save([learner], engine_set().reference))


def won(bars: pl.DataFrame) -> pl.DataFrame:
    """A memory of twenty longs that all brought the same, at every bar."""
    sides = {"long": (20, 10.0), "short": (0, None)}
    figures = {"mean_net_bps": pl.Float64(), "rms_net_bps": pl.Float64()}
    counts = {f"{side}_neighbours": pl.lit(count) for side, (count, _) in sides.items()}
    brought = {f"{side}_{name}": pl.lit(net, of) for side, (_, net) in sides.items() for name, of in figures.items()}
    return bars.select("as_of", neighbours=pl.lit(20), **counts, **brought)


def test_the_agent_is_told_of_the_regime_and_of_the_memory(bars: pl.DataFrame) -> None:
    plain, trend, memory = (decided(by, bars) for by in (brain(), biased("odds of TREND"), biased("similar longs")))
    assert not trend.equals(plain)
    assert memory.equals(plain)  # there was no memory to tell of
    assert not decided(biased("similar longs"), bars, won(bars)).equals(decided(brain(), bars, won(bars)))


@pytest.mark.parametrize("which", ["regimes", "signals", "recalled"])
def test_evidence_of_other_bars_is_refused(which: str, bars: pl.DataFrame) -> None:
    regimes = classify(bars)
    signals = alpha_signals(bars, regimes)
    conditions = trade_conditions(stretch().grid(), bars, Costs.of(SETTINGS.simulation), SETTINGS.simulation, 1000.0)
    zeros = np.zeros(bars.height)
    recalled = bars.select(
        "as_of",
        neighbours=pl.lit(0),
        **{f"{side}_neighbours": pl.lit(0) for side in ("long", "short")},
        **{
            f"{side}_{kind}_net_bps": pl.lit(None, pl.Float64) for side in ("long", "short") for kind in ("mean", "rms")
        },
    )
    parts = {"regimes": regimes, "signals": signals, "recalled": recalled}
    raw = np.full((bars.height, 2), 0.5)
    evidence_of(bars, conditions=conditions, raw=raw, lean=zeros, agent_vote=zeros, **parts)
    late = {
        name: part.with_columns(pl.col("as_of").dt.offset_by("15m")) if name == which else part
        for name, part in parts.items()
    }
    with pytest.raises(ContractError, match=which):
        evidence_of(bars, conditions=conditions, raw=raw, lean=zeros, agent_vote=zeros, **late)


def test_a_changed_policy_is_another_brain() -> None:
    limits = brain().policy.limits.model_copy(update={"position_gbp": 1.0})
    other = replace(brain(), policy=brain().policy.model_copy(update={"limits": limits}))
    assert other.files()["policy.json"] != brain().files()["policy.json"]
