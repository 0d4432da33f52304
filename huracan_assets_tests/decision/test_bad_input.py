"""Markets that teach nothing, files that are broken: a clear error or the base rate, never a policy of no numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import orjson
import polars as pl
import pytest
from numpy.typing import NDArray

from huracan_assets.decision.brain import BRAIN_FILES, Brain
from huracan_assets.decision.policy import DecisionPolicy, Evidence, PastBars, decide, fit_policy
from huracan_assets.errors import ContractError, FeatureSetMismatch
from huracan_assets.features.feature_sets import engine_set
from huracan_assets.learning.calibration import fit_calibrators
from huracan_assets.learning.training_set import TrainingSet
from huracan_assets.learning.walk_forward import Fold, WalkForward, walk_forward_folds
from huracan_assets.resources.lake import canonical_json
from huracan_assets.settings import read_settings
from huracan_assets_tests.decision.brains import brain, brain_of_an_older_recipe
from huracan_assets_tests.decision.evidence import calibrators, evidence, limits, past_bars, policy

Floats = NDArray[np.float64]
SETTINGS = read_settings("local")
EMBARGO = timedelta(minutes=SETTINGS.learning.embargo_minutes)
ORIGIN, QUARTER = np.datetime64("2026-01-01", "us"), np.timedelta64(15, "m")


def market(net_bps: Floats) -> tuple[TrainingSet, list[Fold]]:
    """Bars with these outcomes (n, 2), labels of 8 bars, and three folds after the first half."""
    n = len(net_bps)
    t0 = ORIGIN + np.arange(1, n + 1) * QUARTER
    ts = TrainingSet(
        as_of=t0, label_end=t0 + 8 * QUARTER, features=np.zeros((n, 1), np.float32), names=("x",), net_bps=net_bps,
        gross_bps=net_bps, cost_bps=net_bps, uniqueness=np.full(n, 0.125), teachable=np.ones(n, np.bool_),
    )  # fmt: skip
    return ts, walk_forward_folds(t0, ts.label_end, t0[n // 2], t0[-1], 3, EMBARGO)


def asked(ts: TrainingSet, raw: Floats, regime: NDArray[np.str_]) -> Evidence:
    """Evidence that every gate but those of the models lets through."""
    known = evidence(len(ts), 1, holes=False)
    calm = np.full(len(ts), 1.0)
    return replace(known, as_of=ts.as_of, raw=raw, lean=raw[:, 0] - raw[:, 1], regime=regime, cost_bps=8.0 * calm,
                   stop_bps=calm, spread_bps=calm, minute_volatility=1e-4 * calm,
                   similar_net_bps=np.full((len(ts), 2), np.nan))  # fmt: skip


@pytest.mark.parametrize("won", [False, True])
def test_a_market_of_one_class_alone_gives_finite_shrunk_answers(won: bool) -> None:
    rng = np.random.default_rng(5)
    ts, folds = market(np.where(won, 1.0, -1.0) * rng.uniform(5.0, 50.0, (1200, 2)))
    raw, regime = np.full((1200, 2), 0.02) + rng.normal(0, 1e-4, (1200, 2)), np.full(1200, "RANGE")
    said = asked(ts, raw, regime)
    pair = fit_calibrators(WalkForward(ts, folds), raw, regime, SETTINGS.learning).final
    rows = np.concatenate([fold.test for fold in folds])
    made = fit_policy(PastBars.of(said, ts, rows), pair, SETTINGS.decision)
    decisions = decide(made, said)
    confidence = decisions["confidence"].to_numpy()
    assert ((confidence > 0.0) & (confidence < 1.0)).all()
    assert ((confidence > 0.5) == won).all()
    assert np.isfinite(decisions["expected_net_bps"].to_numpy()).all()
    if not won:
        assert not decisions["accepted"].any()
    assert DecisionPolicy.model_validate_json(canonical_json(made)) == made


def test_a_regime_that_never_taught_is_answered_by_the_map_of_all() -> None:
    rng = np.random.default_rng(6)
    raw = rng.uniform(0.2, 0.8, (6000, 2))
    ts, folds = market(300.0 * (raw - 0.5) + rng.normal(0, 20.0, (6000, 2)))
    regime = rng.choice(["RANGE", "TREND"], 6000)
    pair = fit_calibrators(WalkForward(ts, folds), raw, regime, SETTINGS.learning).final
    assert not pair[0].rejected
    assert "PANIC" not in pair[0].regimes
    made = fit_policy(PastBars.of(asked(ts, raw, regime), ts, folds[0].test), pair, SETTINGS.decision)
    decisions = decide(made, asked(ts, raw, np.full(6000, "PANIC")))
    side = np.where(decisions["side"].to_numpy() < 0, 1, 0)
    expected = np.where(side == 1, pair[1].whole(raw[:, 1]), pair[0].whole(raw[:, 0]))
    np.testing.assert_array_equal(decisions["confidence"].to_numpy(), expected)


def test_three_days_of_history_are_refused_or_answered_by_the_base_rate() -> None:
    rng = np.random.default_rng(7)
    with pytest.raises(ContractError, match="no training row"):
        market(rng.normal(0, 10, (12, 2)))
    ts, folds = market(rng.normal(-2, 10, (3 * 96, 2)))
    raw, regime = rng.uniform(0.3, 0.7, (288, 2)), np.full(288, "TREND")
    found = fit_calibrators(WalkForward(ts, folds), raw, regime, SETTINGS.learning)
    assert found.per_fold[1] is not None
    for side in found.per_fold[1]:
        assert side.rejected
        assert side.trial is None  # 4 independent labels choose nothing
    rows = np.intersect1d(folds[0].test, folds[1].train)
    made = fit_policy(PastBars.of(asked(ts, raw, regime), ts, rows), found.per_fold[1], SETTINGS.decision)
    decisions = decide(made, asked(ts, raw, regime))
    assert set(decisions["refused_by"]) <= {"meta_label", "no_side"}


def test_no_bar_at_all_gives_no_decision_and_teaches_no_policy() -> None:
    nothing = decide(policy(1), evidence(5).at(np.empty(0, np.int64)))
    assert nothing.height == 0
    assert nothing.schema == decide(policy(1), evidence(5)).schema
    past = past_bars(1)
    with pytest.raises(ContractError, match="no bar has an outcome"):
        fit_policy(past.at(np.zeros(400, np.bool_)), calibrators(past), limits())


@pytest.mark.parametrize("column", ["lean", "net_bps", "cost_bps", "uniqueness"])
@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_a_record_that_is_not_finite_makes_no_policy(column: str, broken: float) -> None:
    past = past_bars(2)
    pair, spoilt = calibrators(past), getattr(past, column).copy()
    spoilt[17] = broken
    with pytest.raises(ContractError, match=f"{column} that is not finite"):
        fit_policy(replace(past, **{column: spoilt}), pair, limits())


def test_features_that_are_not_finite_are_answered_with_numbers() -> None:
    features = np.zeros((4, len(brain().names)), np.float32)
    features[0], features[1], features[2] = np.nan, np.inf, -np.inf
    for side in brain().models.sides:
        said = side.predict(features)
        assert ((said > 0.0) & (said < 1.0)).all()


def spoilt(document: bytes, *path: str | int, value: Any) -> bytes:
    tree = orjson.loads(document)
    at = tree
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return orjson.dumps(tree)


POLICY, LINES = "policy.json", "linear.json"
FAULTS: dict[str, tuple[str, tuple[str | int, ...], Any]] = {
    "a slope of no number": (POLICY, ("edge", "slope"), None),  # as NaN is written in JSON
    "a slope of words": (POLICY, ("edge", "slope"), "NaN"),
    "a slope that falls": (POLICY, ("edge", "slope"), -1.0),
    "a certain base rate": (POLICY, ("calibrators", 0, "whole"), {"method": "base_rate", "rate": 1.0}),
    "falling knots": (POLICY, ("calibrators", 1, "regimes", "TREND", "map", "y"), [0.6, 0.4]),
    "an unknown map": (POLICY, ("calibrators", 1, "whole", "method"), "prophecy"),
    "a source too few": (POLICY, ("ensemble", "sources"), {}),
    "a source's record of no number": (POLICY, ("ensemble", "sources", "rl_agent", "right"), None),
    "another engine's field": (POLICY, ("weights",), {"rl_agent": 1.0}),
    "fewer coefficients than features": (LINES, ("long", "coefficient"), [0.1] * 5),
    "a scale of zero": (LINES, ("short", "scale", 3), 0.0),
    "a scale below zero": (LINES, ("short", "scale", 3), -1.0),
    "no usual lean": (LINES, ("usual_lean",), 0.0),
    "a usual lean below zero": (LINES, ("usual_lean",), -1.0),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_corrupted_document_is_refused_and_the_fault_is_named(fault: str) -> None:
    name, path, value = FAULTS[fault]
    files = brain().files()
    broken = files | {name: spoilt(files[name], *path, value=value)}
    with pytest.raises(ContractError, match=f"{re.escape(name)} of the Brain cannot be read") as refused:
        Brain.from_files(broken, engine_set())
    assert str(path[0]) in str(refused.value)


def numbers(tree: Any, *path: str | int) -> Iterator[tuple[str | int, ...]]:
    """The paths of a document's numbers, of each list its last item alone."""
    if isinstance(tree, float):
        yield path
    elif isinstance(tree, dict):
        for name, part in tree.items():
            yield from numbers(part, *path, name)
    elif isinstance(tree, list) and tree:
        yield from numbers(tree[-1], *path, len(tree) - 1)


@pytest.mark.parametrize("name", ["policy.json", "linear.json"])
def test_no_number_of_a_document_may_be_none(name: str) -> None:
    files = brain().files()
    places = list(numbers(orjson.loads(files[name])))
    assert len(places) > 8
    for place in places:
        marked = spoilt(files[name], *place, value="HERE")
        for token in (b"NaN", b"Infinity", b"-Infinity"):
            with pytest.raises(ContractError, match=f"{name} of the Brain cannot be read"):
                Brain.from_files(files | {name: marked.replace(b'"HERE"', token)}, engine_set())


@pytest.mark.parametrize("name", [name for name in BRAIN_FILES if name != "features.json"])
def test_a_file_that_is_not_the_brains_own_is_refused_before_anything_is_asked(name: str) -> None:
    files, own = brain().files(), brain().files()[name]
    turned = bytearray(own)
    turned[len(own) // 3] ^= 1
    for broken in (b"", own[: len(own) // 2], own[:-900], own[:-1], b"\xff\xfe" + own, bytes(turned)):
        with pytest.raises(ContractError, match=re.escape(name)):
            Brain.from_files(files | {name: broken}, engine_set())


def test_files_of_two_brains_of_one_recipe_make_none() -> None:
    swapped = brain().models.model_copy(update={"long": brain().models.short, "short": brain().models.long})
    files, others = brain().files(), replace(brain(), policy=policy(7), models=swapped).files()
    for name in ("policy.json", "linear.json", "lightgbm_long.txt"):
        with pytest.raises(ContractError, match=re.escape(name)):
            Brain.from_files(files | {name: others[name]}, engine_set())


@pytest.mark.parametrize("text", ["", "tree\nversion=v4\n"])
def test_a_booster_that_is_none_makes_no_brain(text: str) -> None:
    models = brain().models
    spoilt_pair = models.model_copy(update={"short": models.short.model_copy(update={"booster": text})})
    with pytest.raises(ContractError, match="booster cannot be read"):
        replace(brain(), models=spoilt_pair)


def test_agents_that_are_not_whole_make_no_brain() -> None:
    for agents in (b"", brain().agent[:-100]):
        with pytest.raises(ContractError, match="PPO checkpoint"):
            replace(brain(), agent=agents)


def test_models_that_answer_with_no_number_are_refused_and_not_left_to_the_gates() -> None:
    models = brain().models
    # As long as before: LightGBM counts a tree's characters.
    silent = re.sub(
        "leaf_value=.*", lambda found: "leaf_value=nan nan nan nan".ljust(len(found[0])), models.long.booster
    )
    pair = models.model_copy(update={"long": models.long.model_copy(update={"booster": silent})})
    with pytest.raises(ContractError, match="no number on 3 of 3"):
        pair.predict(np.zeros((3, len(brain().names)), np.float32))


@pytest.mark.parametrize("name", ["policy.json", "features.json", "linear.json"])
def test_a_truncated_document_is_refused_by_name(name: str) -> None:
    files = brain().files()
    with pytest.raises(ContractError, match=f"{name} of the Brain cannot be read"):
        Brain.from_files(files | {name: files[name][:-20]}, engine_set())


def test_a_policy_of_numbers_that_are_none_cannot_be_made() -> None:
    good = policy(3)
    for change in ({"level": float("nan")}, {"slope": float("inf")}, {"slope": -1.0}, {"slope_error": -1.0}):
        with pytest.raises(ValueError, match=next(iter(change))):
            DecisionPolicy.model_validate(good.model_dump() | {"edge": good.edge.model_dump() | change})


def test_a_brain_reads_back_its_ensemble_and_its_calibrators_to_the_bit() -> None:
    back = Brain.from_files(brain().files(), engine_set()).policy
    assert canonical_json(back) == canonical_json(brain().policy)
    assert back.ensemble.weights == brain().policy.ensemble.weights
    assert len(set(back.ensemble.weights.values())) > 1
    past = past_bars(9)
    later = replace(past, known_at=past.known_at + np.timedelta64(30, "D"))
    one, other = (fit_policy(later, calibrators(later), limits(), before=of) for of in (back, brain().policy))
    assert canonical_json(one) == canonical_json(other)
    assert one.ensemble.known_at is not None and back.ensemble.known_at is not None
    assert one.ensemble.known_at > back.ensemble.known_at
    assert pl.Series([own.votes for own in one.ensemble.sources.values()]).min() == 800


def test_a_brain_of_an_older_recipe_is_refused_for_that_even_where_its_policy_is_written_in_an_older_form() -> None:
    older = brain_of_an_older_recipe().files() | {"policy.json": b'{"weights": {}}'}
    with pytest.raises(FeatureSetMismatch):
        Brain.from_files(older, engine_set())
    with pytest.raises(ContractError, match=r"policy\.json"):
        Brain.from_files(brain().files() | {"policy.json": b'{"weights": {}}'}, engine_set())
