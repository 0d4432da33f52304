"""A Brain decides the same from its files, bar by bar, and with other bars around."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from huracan_assets.decision.brain import BRAIN_FILES, Brain, evidence_of, feature_matrix
from huracan_assets.engines.consensus import alpha_signals
from huracan_assets.errors import ContractError
from huracan_assets.regimes.regimes import classify
from huracan_assets.settings import read_settings
from huracan_assets.simulation.conditions import trade_conditions
from huracan_assets.simulation.costs import Costs
from huracan_assets_tests.decision.brains import brain, stretch

SETTINGS = read_settings("local")


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    return stretch().bars(SETTINGS.decision_minutes)


def decided(by: Brain, bars: pl.DataFrame) -> pl.DataFrame:
    regimes = classify(bars)
    conditions = trade_conditions(stretch().grid(), bars, Costs.of(SETTINGS.simulation), SETTINGS.simulation, 1000.0)
    return by.decisions(bars, regimes, alpha_signals(bars, regimes), conditions, None)


def test_a_brain_read_back_from_its_files_decides_the_same_to_the_bit(bars: pl.DataFrame) -> None:
    files = brain().files()
    assert tuple(files) == BRAIN_FILES
    back = Brain.from_files(files)
    assert back == brain()
    assert decided(back, bars).equals(decided(brain(), bars))


@pytest.mark.parametrize("absent", BRAIN_FILES)
def test_a_missing_file_is_named(absent: str) -> None:
    files = {name: data for name, data in brain().files().items() if name != absent}
    with pytest.raises(ContractError, match=absent):
        Brain.from_files(files)


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
    evidence_of(bars, conditions=conditions, raw=raw, agent_vote=zeros, **parts)
    late = {
        name: part.with_columns(pl.col("as_of").dt.offset_by("15m")) if name == which else part
        for name, part in parts.items()
    }
    with pytest.raises(ContractError, match=which):
        evidence_of(bars, conditions=conditions, raw=raw, agent_vote=zeros, **late)


def test_a_changed_policy_is_another_brain() -> None:
    limits = brain().policy.limits.model_copy(update={"position_gbp": 1.0})
    other = replace(brain(), policy=brain().policy.model_copy(update={"limits": limits}))
    assert other.files()["policy.json"] != brain().files()["policy.json"]
