"""Whatever could have been chosen by its result is another trial."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from huracan_assets.resources.tracking import Tracking
from huracan_assets.resources.trials import night_trial
from huracan_assets.settings import read_settings

DAY, SYMBOL = date(2026, 6, 1), "CHOSEN-USDT"


def tried(read: str = "a" * 64, learner: str = "policy", **overrides: Any) -> int:
    """The number of the trial."""
    tree = read_settings("local", overrides=overrides)
    sections = tree.decision, tree.simulation
    with night_trial(SYMBOL, DAY, learner, {"decisions": read}, *sections, seed=tree.seed) as trial:
        trial.finish({})
    return trial.number


def test_the_same_again_is_the_same_trial_and_a_changed_input_setting_or_seed_another(engine_home: Path) -> None:
    assert [tried(), tried(), tried(memory={"patterns": 30})] == [1, 1, 1]
    assert tried(learner="lightgbm") == 2
    assert tried(read="b" * 64) == 3
    assert tried(decision={"min_confidence": 0.6}) == 4
    assert tried(simulation={"latency_minutes": 2}) == 5
    assert tried(seed=7) == 6
    assert tried() == 1
    assert Tracking.open().trials(SYMBOL, DAY).n_distinct == 6
