"""Every leak of the zoo is found by the check that must find it, and no check raises an alarm at its clean twin."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import huracan_assets_tests.leak_zoo as zoo
from huracan_assets.guards.leakage import CHECKS
from huracan_assets_tests.leak_zoo.leak import Leak

KEEPERS = ("leak", "night", "habitats", "test_leak_zoo")
LEAKS: dict[str, Leak] = {
    module.name: importlib.import_module(f"{zoo.__name__}.{module.name}").LEAK
    for module in pkgutil.iter_modules(zoo.__path__)
    if module.name not in KEEPERS
}
WANTED = {
    "shift_minus_one", "centred_window", "global_z_score", "backward_fill", "resample_right_label",
    "asof_join_forward", "same_bar_fill", "label_across_split", "scaler_on_all", "calibrator_on_test",
    "target_encoding", "regime_fitted_on_future", "memory_of_the_future", "survivorship_universe",
    "ppo_statistics_at_evaluation", "candle_not_closed",
}  # fmt: skip
LOCKS = ("contract", "check_known")


@pytest.mark.parametrize("name", sorted(LEAKS))
def test_the_leak_is_found_by_its_check(name: str) -> None:
    leak = LEAKS[name]
    found = {finding.check for finding in leak.planted()}
    assert leak.check in found, f"{leak.plants}: found by {sorted(found) or 'nothing'}"


@pytest.mark.parametrize("name", sorted(LEAKS))
def test_the_clean_twin_raises_no_alarm(name: str) -> None:
    assert [finding.sentence for finding in LEAKS[name].clean()] == []


def test_the_zoo_holds_the_sixteen_and_each_check_has_a_leak_of_its_own() -> None:
    assert set(LEAKS) >= WANTED
    assert {leak.check for leak in LEAKS.values()} == {*CHECKS, *LOCKS}
    assert all(leak.plants and leak.twin for leak in LEAKS.values())
