from __future__ import annotations

import numpy as np
import pytest

from huracan_assets.errors import ContractError
from huracan_assets.registry.champion import Promotion
from huracan_assets.registry.champion import promotion as decide

CHAMPION = np.array([0.001, -0.002, 0.003, 0.0])
BETTER = CHAMPION + 0.001
P_MAX = 0.02


def promotion(approved: bool, challenger: np.ndarray, champion: np.ndarray | None, p_value: float | None) -> Promotion:
    return decide(approved, challenger, champion, p_value, P_MAX)


def test_nothing_replaces_a_champion_without_the_gates() -> None:
    assert not promotion(False, BETTER, CHAMPION, 0.0).promote
    assert not promotion(False, BETTER, None, None).promote


def test_a_first_approved_model_needs_no_test() -> None:
    assert promotion(True, BETTER, None, None).promote


def test_a_better_challenger_needs_a_small_p_and_a_tie_keeps_the_champion() -> None:
    assert promotion(True, BETTER, CHAMPION, P_MAX - 1e-9).promote
    assert not promotion(True, BETTER, CHAMPION, P_MAX).promote
    assert not promotion(True, BETTER, CHAMPION, None).promote


def test_a_worse_or_equal_challenger_never_wins_whatever_its_p() -> None:
    assert not promotion(True, CHAMPION, BETTER, 0.0).promote
    assert not promotion(True, CHAMPION, CHAMPION, 0.0).promote


def test_without_common_days_the_champion_stays() -> None:
    nothing = np.array([])
    assert not promotion(True, nothing, nothing, None).promote
    assert not promotion(True, nothing, nothing, 0.0).promote
    assert not promotion(True, nothing, None, None).promote


def test_the_reason_names_the_figures() -> None:
    reason = promotion(True, BETTER, CHAMPION, 0.01).reason
    assert "+10.00 bps" in reason
    assert "4 paired days" in reason
    assert "0.0100 against 0.02" in reason


@pytest.mark.parametrize(
    ("challenger", "champion", "p_value"),
    [
        (np.array([np.nan] * 4), CHAMPION, 0.01),
        (BETTER, CHAMPION[:3], 0.01),
        (BETTER, np.array([np.inf] * 4), 0.01),
        (BETTER, CHAMPION, 1.5),
        (BETTER, CHAMPION, float("nan")),
    ],
)
def test_evidence_that_cannot_be_paired_is_an_error(
    challenger: np.ndarray, champion: np.ndarray, p_value: float
) -> None:
    with pytest.raises(ContractError):
        promotion(True, challenger, champion, p_value)
