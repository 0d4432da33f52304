"""What learns in the benchmark of skill: the nightly's booster beside a ridge-penalised line, asked together.

Chosen by `experiments skill_validation`: on spot before August 2023 its answers rank the next hour better than those of
LightGBM as it comes, with our features (0.117 for 0.080) and with Alpha158 (0.079 for 0.063), and so do they in the two
other stretches but for Alpha158 on perpetuals. The penalty is the middle of a flat range: from 10 to 1000 the mean of
both changes by less than its error, while small ones suit our few features and large ones, or a scale by evidence,
Alpha158's many.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huracan_assets.guards.rank_correlation import ranks
from huracan_assets.learning.lightgbm_model import lightgbm_parameters
from huracan_assets.learning.linear_model import fit_linear
from huracan_assets.learning.side_model import together
from huracan_assets.settings import LightGBMSettings, read_settings
from huracan_assets_tests.benchmarks.skill_rows import HORIZON

Floats = NDArray[np.float64]
Features = NDArray[np.float32]
SEED = 1
REPEATABLE = {"deterministic": True, "force_row_wise": True, "num_threads": 1}
PLAIN = {"objective": "binary", "seed": SEED, "verbosity": -1} | REPEATABLE
PLAIN_ROUNDS = 100
PENALTY = 100.0  # independent labels


def learned(features: Features, rose: Floats, asked: Features) -> Floats:
    """Probabilities of a rise (m,) in the rows asked about (m, f), told by rows (n, f) with labels (n,)."""
    return together(trees(features, rose, asked), line(features, rose, asked, PENALTY))


def trees(features: Features, rose: Floats, asked: Features) -> Floats:
    """LightGBM with the nightly's settings, all its rounds."""
    return _boosted(features, rose, asked, lightgbm_parameters(_settings(), SEED), _settings().rounds)


def plain(features: Features, rose: Floats, asked: Features) -> Floats:
    """LightGBM as it comes: 100 rounds of 31 leaves, learning rate 0.1."""
    return _boosted(features, rose, asked, PLAIN, PLAIN_ROUNDS)


def line(features: Features, rose: Floats, asked: Features, penalty: float, evidence: Floats | None = None) -> Floats:
    """The ridge-penalised line; the features weigh alike without `evidence` (f,)."""
    overlapping = HORIZON / np.timedelta64(read_settings().decision_minutes, "m")
    worth = np.full(len(rose), 1.0 / overlapping)
    alike = np.ones(features.shape[1])
    return fit_linear(features, rose, worth, alike if evidence is None else evidence, penalty).predict(asked)


def rank_ic(told: Floats, move: Floats) -> float:
    """Spearman's correlation of what was told (m,) and what came (m,)."""
    return float(np.atleast_2d(np.corrcoef(ranks(np.column_stack([told, move])), rowvar=False))[0, 1])


@cache
def _settings() -> LightGBMSettings:
    return read_settings().learning.lightgbm


def _boosted(features: Features, rose: Floats, asked: Features, parameters: dict[str, Any], rounds: int) -> Floats:
    import lightgbm

    data = lightgbm.Dataset(features, rose, params=parameters)
    return np.asarray(lightgbm.train(parameters, data, rounds).predict(asked, num_threads=1))
