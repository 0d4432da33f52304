"""The data of five walk-forward folds for LightGBM: bins made once with the first fold's edges, against binning anew.

216,000 rows of 80 features, one thread; the folds are taught by what came before them, as in a night.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from huracan_assets.learning.binned_rows import BinnedRows
from huracan_assets.learning.lightgbm_model import lightgbm_parameters
from huracan_assets.resources.lake import content_hash
from huracan_assets.settings import read_settings
from huracan_assets_tests.benchmarks.harness import benchmark, seconds

ROWS, FEATURES, FOLDS = 216_000, 80, 5
NAMES = [f"feature_{k}" for k in range(FEATURES)]
ENDS = [ROWS * (fold + 1) // (FOLDS + 1) for fold in range(FOLDS)]  # of the rows that teach each fold
THREADS = (1, 2, 4)
ROUNDS = 10
PARAMETERS = lightgbm_parameters(read_settings().learning.lightgbm, 1)


def _anew() -> float:
    import lightgbm

    features, label = _market()

    def prepare() -> None:
        for end in ENDS:
            weight = np.ones(end)
            lightgbm.Dataset(
                features[:end], label[:end], weight=weight, feature_name=NAMES, params=dict(PARAMETERS)
            ).construct()

    return seconds(prepare)


@benchmark(unit="s", bound=5.0, runs=3, peer=("LightGBM, binned anew in each fold", _anew))
def lightgbm_folds() -> float:
    """Wall seconds until the data of all folds is ready; the models are the same for any number of threads."""
    features, label = _market()
    _same_models()

    def prepare() -> None:
        binned = BinnedRows(features[: ENDS[-1]], NAMES, np.arange(ENDS[0]), PARAMETERS)
        for end in ENDS:
            binned.dataset(np.arange(end), label[:end], np.ones(end))

    return seconds(prepare)


@cache
def _same_models() -> None:
    """Trees on shared bins: with any number of threads the same, and those of the first fold as if it stood alone."""
    import lightgbm

    features, label = _market()
    texts = {}
    for threads in THREADS:
        parameters = {**PARAMETERS, "num_threads": threads}
        binned = BinnedRows(features, NAMES, np.arange(ENDS[0]), parameters)
        for place, end in enumerate((ENDS[0], ENDS[-1])):
            data = binned.dataset(np.arange(end), label[:end], np.ones(end))
            texts[threads, place] = _trees(lightgbm.train(parameters, data, ROUNDS).model_to_string())
    for place in range(2):
        hashes = {content_hash(texts[threads, place].encode()) for threads in THREADS}
        assert len(hashes) == 1, f"the trees depend on the number of threads: {sorted(hashes)}"
    end = ENDS[0]
    alone = lightgbm.Dataset(
        features[:end], label[:end], weight=np.ones(end), feature_name=NAMES, params=dict(PARAMETERS)
    )
    assert _trees(lightgbm.train(dict(PARAMETERS), alone, ROUNDS).model_to_string()) == texts[1, 0]


def _trees(text: str) -> str:
    """A model's text without the parameters it repeats."""
    return text.partition("\nparameters:")[0]


@cache
def _market() -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    rng = np.random.default_rng(7)
    features = rng.standard_normal((ROWS, FEATURES)).astype(np.float32)
    return features, (features[:, 0] + 3.0 * rng.standard_normal(ROWS) > 0.0).astype(np.float64)
