"""The learner of the skill benchmark on planted signals."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

from huracan_assets_tests.benchmarks.skill_learner import PENALTY, learned, line, rank_ic, trees

ROWS, ASKED = 6000, 2000


def _planted(seed: int) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
    """Twenty features with gaps, the first of which leans the next move; labels; moves."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((ROWS + ASKED, 20)).astype(np.float32)
    move = 0.15 * features[:, 0] + rng.standard_normal(len(features))
    features[rng.random(features.shape) < 0.05] = np.nan
    features[:, -1] = np.nan
    return features, (move > 0.0).astype(np.float64), move


@pytest.mark.parametrize("seed", [1, 2])
def test_it_finds_what_is_there_and_tells_the_same_bits_again(seed: int) -> None:
    features, rose, move = _planted(seed)
    told = learned(features[:ROWS], rose[:ROWS], features[ROWS:])
    assert rank_ic(told, move[ROWS:]) > 0.08
    assert np.array_equal(told, learned(features[:ROWS], rose[:ROWS], features[ROWS:]))


def test_it_is_the_mean_of_trees_and_line() -> None:
    features, rose, _ = _planted(3)
    taught, labels, asked = features[:ROWS], rose[:ROWS], features[ROWS:]
    mean = (trees(taught, labels, asked) + line(taught, labels, asked, PENALTY)) / 2.0
    assert np.array_equal(learned(taught, labels, asked), mean)


def test_a_row_is_answered_alike_whatever_is_asked_beside_it() -> None:
    features, rose, _ = _planted(4)
    taught, labels, asked = features[:ROWS], rose[:ROWS], features[ROWS:]
    assert np.array_equal(learned(taught, labels, asked)[:7], learned(taught, labels, asked[:7]))


def test_rank_ic_is_spearman() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.integers(0, 9, 300).astype(float), rng.standard_normal(300)
    assert rank_ic(x, y) == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
