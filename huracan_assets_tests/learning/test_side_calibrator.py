"""The choice among the maps: on the past alone, the simplest that ties, and the base rate where nothing is better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from huracan_assets.errors import ContractError
from huracan_assets.learning.probability_maps import base_rate, isotonic_map, log_odds, platt_map, temperature_map
from huracan_assets.learning.side_calibrator import (
    METHODS,
    Record,
    SideCalibrator,
    fit_side_calibrator,
    judged_parts,
)
from huracan_assets.resources.lake import canonical_json
from huracan_assets.settings import read_settings

Floats = NDArray[np.float64]
SETTINGS = read_settings("local").learning.calibration
EMBARGO = timedelta(minutes=120)
ORIGIN, BAR = np.datetime64("2026-01-01", "us"), np.timedelta64(120, "m")
NAMES = np.array(["PANIC", "RANGE", "TREND"])


def logistic(z: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-z)))


def record(raw: Floats, won: Floats, regime: NDArray[np.str_] | None = None, weight: float = 1.0) -> Record:
    """Bars two hours apart whose outcomes are known as the next one begins."""
    times = ORIGIN + BAR * np.arange(1, len(raw) + 1)
    names = np.full(len(raw), "TREND") if regime is None else regime
    return Record(times, times + BAR, raw, won, np.full(len(raw), weight), names)


def drawn(seed: int, n: int, slope: float, shift: float = 0.0, regimes: float = 0.0) -> tuple[Record, Floats]:
    """A record whose truth is a line of the log odds, moved in each regime by `regimes` deviations, and that truth."""
    rng = np.random.default_rng(seed)
    raw, place = logistic(-0.15 + 0.25 * rng.standard_normal(n)), rng.choice(3, n, p=(0.15, 0.5, 0.35))
    moved = regimes * rng.standard_normal(3)
    truth = logistic(slope * log_odds(raw) + shift + (moved - moved @ (0.15, 0.5, 0.35))[place])
    return record(raw, (rng.random(n) < truth).astype(np.float64), NAMES[place]), truth


def fit(of: Record, **changes: Any) -> SideCalibrator:
    return fit_side_calibrator(of, SETTINGS.model_copy(update=changes), EMBARGO)


def miss(said: Floats, truth: Floats) -> float:
    return float(np.sqrt(((said - truth) ** 2).mean()))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 120), parts=st.integers(2, 6), overlap=st.integers(0, 5))
def test_what_judges_a_map_came_after_what_fitted_it(seed: int, n: int, parts: int, overlap: int) -> None:
    rng = np.random.default_rng(seed)
    of = record(rng.random(n), rng.choice([0.0, 1.0], n))
    of = replace(of, known_at=of.as_of + overlap * BAR, weights=rng.uniform(0.1, 1.0, n))
    pairs = judged_parts(of, parts, EMBARGO)
    later = [row for _, rows in pairs for row in rows.tolist()]
    assert later == sorted(set(later))
    for known, rows in pairs:
        assert (of.known_at[known] + np.timedelta64(EMBARGO) <= of.as_of[rows].min()).all()
        assert len(known) == np.count_nonzero(of.known_at + np.timedelta64(EMBARGO) <= of.as_of[rows].min())
    if n > 60:
        assert len(pairs) == parts - 1
        share = [of.weights[rows].sum() / of.weights.sum() for _, rows in pairs]
        np.testing.assert_allclose(share, 1.0 / parts, atol=2.0 / n + 0.02)


def test_the_trial_is_the_briers_of_the_maps_fitted_before_each_part() -> None:
    """Row by row, against the library of maps."""
    of, _ = drawn(1, 450, 1.0, regimes=0.3)
    fitters: dict[str, Any] = {
        "temperature": temperature_map,
        "platt": platt_map,
        "isotonic": lambda raw, won, mass: isotonic_map(raw, won, mass, SETTINGS.isotonic_prior_labels),
    }
    error: dict[str, list[float]] = {name: [] for name in ("base_rate", *METHODS)}
    for known, later in judged_parts(of, 3, EMBARGO):
        past = of.at(known)
        for row in later:
            own = past.at(past.regime == of.regime[row])
            share = len(own.raw) / (len(own.raw) + SETTINGS.regime_prior_labels)
            score, won = of.raw[row : row + 1], of.won[row]
            error["base_rate"].append((base_rate(past.won, past.weights) - won) ** 2)
            for name, fitter in fitters.items():
                whole, part = (fitter(one.raw, one.won, one.weights)(score)[0] for one in (past, own))
                error[name].append(((1 - share) * whole + share * part - won) ** 2)
    trial = fit(of, parts=3).trial
    assert trial is not None
    assert trial.n_eff == len(error["platt"])
    assert trial.base_rate_brier == pytest.approx(np.mean(error["base_rate"]), abs=1e-12)
    assert trial.brier == pytest.approx({name: np.mean(error[name]) for name in METHODS}, abs=1e-12)


@pytest.mark.parametrize(("slope", "shift", "n"), [(1.0, 0.0, 3000), (2.0, 0.0, 3000), (1.0, -0.5, 3000)])
def test_the_simplest_that_ties_is_taken_and_none_that_is_worse(slope: float, shift: float, n: int) -> None:
    chosen: list[str] = [fit(drawn(seed, n, slope, shift)[0]).whole.method for seed in range(8)]
    # A temperature cannot move a score of one half; a shifted truth asks for the line.
    wanted = "temperature" if shift == 0.0 else "platt"
    assert chosen.count(wanted) >= 6
    assert "base_rate" not in chosen


def test_steps_are_taken_where_no_line_is_near() -> None:
    rng = np.random.default_rng(2)
    raw = rng.uniform(0.2, 0.8, 6000)
    truth = np.where(raw < 0.45, 0.3, np.where(raw < 0.5, 0.7, 0.72))
    assert fit(record(raw, (rng.random(6000) < truth).astype(np.float64))).whole.method == "isotonic"


def test_noise_and_the_opposite_of_knowledge_are_rejected_for_the_base_rate() -> None:
    for seed in range(5):
        of, _ = drawn(seed, 1500, -1.5)
        opposite = fit(of)
        assert opposite.rejected
        np.testing.assert_array_equal(opposite(of.raw, of.regime), np.full(1500, base_rate(of.won, of.weights)))
    noise = [(fit(of), of, truth) for of, truth in (drawn(seed, 1500, 0.0, -0.2) for seed in range(20))]
    worse = [
        found for found, _, _ in noise if found.trial and min(found.trial.brier.values()) >= found.trial.base_rate_brier
    ]
    assert len(worse) >= 7
    assert all(found.rejected for found in worse)
    assert sum(found.rejected for found, _, _ in noise) >= 10
    assert np.mean([miss(found(of.raw, of.regime), truth) for found, of, truth in noise]) < 0.03
    assert np.mean([miss(of.raw, truth) for _, of, truth in noise]) > 0.05


@pytest.mark.parametrize(("n", "slope", "regimes"), [(180, 0.25, 0.1), (700, 0.5, 0.15), (1500, 0.5, 0.3)])
def test_it_comes_nearer_the_truth_than_the_scores_and_than_unshrunk_maps_of_the_regimes(
    n: int, slope: float, regimes: float
) -> None:
    missed: dict[str, list[float]] = {"raw": [], "chosen": [], "unshrunk": [], "of all": []}
    for seed in range(20):
        of, truth = drawn(seed, n, slope, -0.2, regimes)
        missed["raw"].append(miss(of.raw, truth))
        missed["chosen"].append(miss(fit(of)(of.raw, of.regime), truth))
        missed["unshrunk"].append(miss(fit(of, regime_prior_labels=1e-6)(of.raw, of.regime), truth))
        missed["of all"].append(miss(fit(of, regime_prior_labels=1e9)(of.raw, of.regime), truth))
    mean = {name: float(np.mean(values)) for name, values in missed.items()}
    assert mean["chosen"] < mean["raw"]
    if n < 1000:
        assert mean["chosen"] < mean["unshrunk"]
    else:
        assert mean["chosen"] < 0.8 * mean["of all"]


def turned(seed: int, n: int = 2000, panic: float = 0.2, shift: float = -0.3) -> Record:
    """A record in whose TREND the scores know something, while in PANIC the truth is their opposite, and `shift`ed."""
    rng = np.random.default_rng(seed)
    raw = logistic(-0.15 + 0.4 * rng.standard_normal(n))
    regime = rng.choice(["TREND", "PANIC"], n, p=(1 - panic, panic))
    truth = np.where(regime == "TREND", logistic(2.0 * log_odds(raw)), logistic(-2.0 * log_odds(raw) + shift))
    return record(raw, (rng.random(n) < truth).astype(np.float64), regime)


def moved_to_all(of: Record, name: str, figure: Callable[[Record], Any]) -> Any:
    """A figure of a regime, moved towards that of all as its labels ask for."""
    own = of.at(of.regime == name)
    share = own.weights.sum() / (own.weights.sum() + SETTINGS.regime_prior_labels)
    return (1 - share) * figure(of) + share * (figure(own) if len(own.raw) else 0.0)


def rate_of(of: Record) -> float:
    return base_rate(of.won, of.weights)


def test_a_regime_where_the_map_is_worse_falls_to_its_base_rate_and_the_others_keep_theirs() -> None:
    asked = np.linspace(0.2, 0.8, 7)
    for seed in range(10):
        of, later = turned(seed), turned(100 + seed, 20_000)
        found, panic = fit(of), later.regime == "PANIC"
        assert not found.rejected
        assert {name: own.rejected for name, own in found.regimes.items()} == {"PANIC": True, "TREND": False}
        rate = moved_to_all(of, "PANIC", rate_of)
        np.testing.assert_allclose(found(asked, np.full(7, "PANIC")), rate, rtol=1e-12)
        assert (np.diff(found(asked, np.full(7, "TREND"))) > 0).all()
        brier = (found(later.raw, later.regime)[panic] - later.won[panic]) ** 2
        assert brier.mean() <= ((rate - later.won[panic]) ** 2).mean() + 1e-12


def test_a_regime_falls_by_the_errors_of_the_parts_that_came_after() -> None:
    """By the library of maps: each part by what was known before it, and the mean excess against its standard error."""
    fitters: dict[str, Any] = {
        "temperature": temperature_map,
        "platt": platt_map,
        "isotonic": lambda raw, won, mass: isotonic_map(raw, won, mass, SETTINGS.isotonic_prior_labels),
    }
    verdicts: list[bool] = []
    for seed in range(8):
        of = turned(seed, 900, 0.5, -1.5)
        of = replace(of, weights=np.random.default_rng(seed).uniform(0.2, 1.0, 900))
        found = fit(of, parts=3)
        for name, own in found.regimes.items():
            mass, excess = [], []
            for known, later in judged_parts(of, 3, EMBARGO):
                past, here = of.at(known), of.at(later[of.regime[later] == name])

                def mapped(one: Record, raw: Floats = here.raw, method: str = found.whole.method) -> Any:
                    return fitters[method](one.raw, one.won, one.weights)(raw)

                said, rate = moved_to_all(past, name, mapped), moved_to_all(past, name, rate_of)
                excess.append((said - here.won) ** 2 - (rate - here.won) ** 2)
                mass.append(here.weights)
            weights, errors = np.concatenate(mass), np.concatenate(excess)
            mean = np.average(errors, weights=weights)
            error = np.sqrt(np.average((errors - mean) ** 2, weights=weights) / weights.sum())
            verdicts.append(own.rejected)
            assert own.rejected == (mean > error), (seed, name, mean, error)
    assert 3 <= sum(verdicts) <= len(verdicts) - 3


def test_a_regime_that_few_labels_judge_keeps_its_map() -> None:
    of = turned(3, 1200, 0.1)
    judged = np.concatenate([later for _, later in judged_parts(of, SETTINGS.parts, EMBARGO)])
    labels = float(of.weights[judged[of.regime[judged] == "PANIC"]].sum())
    assert fit(of, least_judged_labels=labels).regimes["PANIC"].rejected
    kept = fit(of, least_judged_labels=labels + 1.0).regimes["PANIC"]
    assert not kept.rejected and kept.share < 1.0


def test_a_regime_that_is_like_the_others_hardly_ever_falls() -> None:
    found = [fit(drawn(seed, 1000, 1.0)[0]) for seed in range(20)]
    assert sum(own.rejected for one in found for own in one.regimes.values()) <= 3


def test_a_regime_counts_by_its_labels_and_one_that_never_taught_takes_the_map_of_all() -> None:
    of, _ = drawn(3, 2000, 1.0, regimes=0.4)
    found = fit(of)
    assert not found.rejected
    assert list(found.regimes) == NAMES.tolist()
    asked = np.linspace(0.3, 0.7, 9)
    for name, own in found.regimes.items():
        labels = np.count_nonzero(of.regime == name)
        assert own.n_eff == labels
        assert own.share == pytest.approx(labels / (labels + SETTINGS.regime_prior_labels))
        mixed = (1 - own.share) * found.whole(asked) + own.share * own.map(asked)
        np.testing.assert_array_equal(found(asked, np.full(9, name)), mixed)
    np.testing.assert_array_equal(found(asked, np.full(9, "NEVER SEEN")), found.whole(asked))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 400), regimes=st.floats(0.0, 1.0), slope=st.floats(-1.0, 3.0))
def test_it_rises_is_never_certain_answers_each_bar_alone_and_survives_json(
    seed: int, n: int, regimes: float, slope: float
) -> None:
    of, _ = drawn(seed, n, slope, regimes=regimes)
    found = fit(of)
    asked = np.linspace(0.0, 1.0, 101)
    for name in (*NAMES, "NEVER SEEN"):
        said = found(asked, np.full(101, name))
        assert (np.diff(said) >= 0).all()
        assert 0.0 < said.min() <= said.max() < 1.0
    whole = found(of.raw, of.regime)
    row = seed % n
    assert found(of.raw[row : row + 1], of.regime[row : row + 1])[0] == whole[row]
    assert np.isnan(found(np.array([np.nan]), np.array(["TREND"])))[0]
    back = SideCalibrator.model_validate_json(canonical_json(found))
    assert back == found
    assert back(of.raw, of.regime).tobytes() == whole.tobytes()
    assert fit(of) == found


@pytest.mark.parametrize("outcome", [0.0, 1.0])
@pytest.mark.parametrize("n", [1, 30, 2000])
def test_of_one_class_alone_it_is_shrunk_and_never_certain(outcome: float, n: int) -> None:
    of = record(np.random.default_rng(n).uniform(0.3, 0.7, n), np.full(n, outcome))
    said = fit(of)(of.raw, of.regime)
    assert ((said > 0.0) & (said < 1.0)).all()
    assert np.abs(said - outcome).max() <= 1.0 / (n + 2.0) + 1e-9


def test_a_record_of_a_day_is_too_short_to_choose_and_says_the_base_rate() -> None:
    of, _ = drawn(4, 8, 1.0)
    found = fit(of)
    assert found.rejected
    assert found.trial is None
    np.testing.assert_array_equal(found(of.raw, of.regime), np.full(8, base_rate(of.won, of.weights)))


def test_half_as_independent_labels_are_half_the_evidence() -> None:
    of, _ = drawn(5, 2000, 1.0, regimes=0.2)
    half = replace(of, weights=of.weights / 2)
    whole, lighter = fit(of), fit(half)
    assert lighter.n_eff == whole.n_eff / 2
    assert all(lighter.regimes[name].share < own.share for name, own in whole.regimes.items())


@pytest.mark.parametrize(
    ("column", "value"), [("raw", np.nan), ("raw", np.inf), ("won", np.nan), ("won", 0.5), ("weights", 0.0),
                          ("weights", np.nan)],
)  # fmt: skip
def test_a_record_that_is_no_record_is_refused(column: str, value: float) -> None:
    of, _ = drawn(6, 50, 1.0)
    spoilt = getattr(of, column).copy()
    spoilt[20] = value
    with pytest.raises(ContractError, match="finite scores"):
        fit(replace(of, **{column: spoilt}))


def test_an_empty_or_unordered_record_is_refused() -> None:
    of, _ = drawn(7, 50, 1.0)
    with pytest.raises(ContractError, match="no out-of-fold row"):
        fit(of.at(np.empty(0, np.int64)))
    with pytest.raises(ContractError, match="rising time"):
        fit(of.at(np.arange(50)[::-1]))


@pytest.mark.parametrize(
    "change",
    [{"n_eff": float("nan")}, {"n_eff": None}, {"whole": {"method": "base_rate", "rate": float("nan")}}, {"more": 1}],
)
def test_a_broken_document_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SideCalibrator.model_validate(fit(drawn(8, 300, 1.0)[0]).model_dump() | change)
