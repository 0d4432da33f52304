"""Another policy's worth from logged decisions: true where they overlap, `not identified` where they do not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from huracan_assets.settings import read_settings
from huracan_assets.shadow.off_policy import (
    BLOCK_DAYS,
    PARTS,
    LoggedDecisions,
    _reward_model,
    off_policy,
    other_policies,
    policy_rows,
)
from huracan_assets_tests.shadow.logged_bandit import Bandit
from huracan_assets_tests.shadow.recorded_market import SETTINGS, night

ANALYSTS = read_settings("local").analysts


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    """The long version is the experiment `counterfactual_coverage`."""
    covered = []
    for seed in range(250):
        bandit = Bandit.draw(np.random.default_rng(seed))
        found = off_policy(bandit.log, bandit.target, ANALYSTS)
        assert found.low_bps is not None
        assert found.high_bps is not None
        covered.append(found.low_bps <= bandit.truth <= found.high_bps)
    assert 0.915 <= np.mean(covered) <= 0.985


def test_without_overlap_there_is_no_number() -> None:
    bandit = Bandit.draw(np.random.default_rng(1), explores=False)
    found = off_policy(bandit.log, bandit.target, ANALYSTS)
    assert found.reward_bps is found.low_bps is found.high_bps is found.error_bps is None
    assert found.answer.startswith("not identified: ")
    assert "% of its trades the log never makes" in found.why


def test_a_few_heavy_weights_are_no_overlap_either() -> None:
    bandit = Bandit.draw(np.random.default_rng(2))
    rare = np.zeros_like(bandit.target)
    rare[:, 0] = np.where(bandit.log.propensity[:, 0] < np.quantile(bandit.log.propensity[:, 0], 0.02), 1.0, 0.0)
    found = off_policy(bandit.log, rare, ANALYSTS)
    assert found.effective < ANALYSTS.least_effective
    assert "effective trades" in found.answer


def test_the_effective_number_is_kishs() -> None:
    bandit = Bandit.draw(np.random.default_rng(3))
    log = bandit.log
    weights = [
        bandit.target[i, 0 if a == 1 else 1] / log.propensity[i, 0 if a == 1 else 1]
        for i, a in enumerate(log.action)
        if a
    ]
    assert off_policy(log, bandit.target, ANALYSTS).effective == pytest.approx(
        sum(weights) ** 2 / sum(w * w for w in weights)
    )


def test_standing_aside_is_known_to_earn_nothing() -> None:
    bandit = Bandit.draw(np.random.default_rng(4))
    aside = off_policy(bandit.log, np.zeros_like(bandit.target), ANALYSTS)
    assert (aside.trades, aside.uncovered) == (0.0, 0.0)
    half = off_policy(bandit.log, bandit.target / 2.0, ANALYSTS)
    whole = off_policy(bandit.log, bandit.target, ANALYSTS)
    assert half.reward_bps is not None
    assert half.reward_bps * 2.0 == pytest.approx(whole.reward_bps)


def test_a_wrong_reward_model_costs_no_truth() -> None:
    """Doubly robust: with a context that says nothing the answer stays where it was, only wider."""
    kept = []
    for seed in range(30):
        bandit = Bandit.draw(np.random.default_rng(seed))
        log = bandit.log
        blind = LoggedDecisions(log.action, log.propensity, log.reward, np.zeros((len(log.day), 1)), log.day)
        found = off_policy(blind, bandit.target, ANALYSTS)
        assert found.reward_bps is not None
        kept.append(found.reward_bps - bandit.truth)
    assert abs(np.mean(kept)) < 3.0 * np.std(kept) / np.sqrt(len(kept))


def test_where_the_log_can_tell_it_says_what_replay_says() -> None:
    found = night(np.random.default_rng(5), share=0.3)
    answers = other_policies(found.decisions, found.outcomes, ANALYSTS, SETTINGS.decision)
    assert len(answers) == len(policy_rows(answers)) == 5
    identified = [line for line in answers if line.by_log.reward_bps is not None]
    assert {line.policy for line in identified} == {"as it is", "confidence from 0.54 on", "not in a range"}
    for line in identified:
        assert line.by_log.reward_bps == pytest.approx(line.replay_bps, rel=1e-9)
        assert line.by_log.effective == pytest.approx(line.trades)
    for line in answers:
        assert line.replay_bps is not None
        if line not in identified:
            assert "never makes" in line.by_log.answer


def test_replay_values_every_decision_by_itself() -> None:
    found = night(np.random.default_rng(6), share=0.3)
    (as_it_is, *_) = other_policies(found.decisions, found.outcomes, ANALYSTS, SETTINGS.decision)
    known = found.decisions.join(found.outcomes, on=["as_of", "side"], how="inner")
    traded = known.filter("accepted")
    assert as_it_is.trades == traded.height
    assert as_it_is.replay_bps == pytest.approx(float(traded["net_bps"].sum()) / known.height)


def test_another_confidence_leaves_the_other_gates_where_they_are() -> None:
    """A bar that fell short of the confidence and of the cost is refused with a lower confidence as well."""
    found = night(np.random.default_rng(6), share=0.3)
    stopped, limits = pl.col("refused_by") == "meta_label", SETTINGS.decision
    dear = stopped & (pl.col("as_of").dt.hour() < 12)
    decisions = found.decisions.with_columns(expected_gross_bps=pl.when(dear).then(0.0).otherwise("expected_gross_bps"))
    answers = {line.policy: line for line in other_policies(decisions, found.outcomes, ANALYSTS, limits)}
    known = decisions.join(found.outcomes, on=["as_of", "side"], how="inner")
    lower = limits.min_confidence - ANALYSTS.confidence_step
    added = known.filter(stopped & (pl.col("confidence") >= lower))
    kept = added.filter(~dear)
    assert 0 < kept.height < added.height
    line = answers[f"confidence from {lower:.3g} on"]
    assert line.trades == known.filter("accepted").height + kept.height
    brought = [*known.filter("accepted")["net_bps"], *kept["net_bps"]]
    assert line.replay_bps == pytest.approx(sum(brought) / known.height)


def test_many_unknown_minutes_leave_no_answer_by_log_or_replay() -> None:
    holes = np.zeros(20 * 1440, np.bool_)
    holes[::200] = True
    found = night(np.random.default_rng(5), share=0.3, unknown=holes)
    for line in other_policies(found.decisions, found.outcomes, ANALYSTS, SETTINGS.decision):
        assert line.replay_bps is line.by_log.reward_bps is line.by_log.high_bps is None
        assert "no known outcome" in line.by_log.answer
        assert line.unknown > 500


def test_a_week_is_foretold_by_the_other_weeks_alone() -> None:
    """Rewards of the even weeks change what is expected in the odd ones, and nothing in their own."""
    bandit = Bandit.draw(np.random.default_rng(7))
    log = bandit.log
    chosen = np.stack([log.action == 1, log.action == -1], axis=1)
    even = (log.day // BLOCK_DAYS) % PARTS == 0
    moved = LoggedDecisions(
        log.action, log.propensity, log.reward + 50.0 * even * (log.action != 0), log.context, log.day
    )
    before, after = _reward_model(log, chosen), _reward_model(moved, chosen)
    assert np.array_equal(before[even], after[even])
    assert (after[~even] > before[~even] + 40.0).all()
