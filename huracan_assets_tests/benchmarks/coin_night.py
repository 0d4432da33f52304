"""What the learning of one coin-night costs: 150 days of 15-minute bars, all features, the nightly's own settings.

The rows are made: autoregressive features, two of which know a little of the next hours. Each figure is of a process
of its own on one core; the memory is what it takes above one that has imported torch and nothing else.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from functools import cache

import numpy as np
from numpy.typing import NDArray

from huracan_assets_tests.benchmarks.harness import Usage, benchmark, measure_process

DAYS, BARS_A_DAY, RUNS = 150, 96, 3


@benchmark(unit="s", bound=60.0, runs=RUNS)
def rl_coin_night() -> float:
    """Wall seconds of a process that trains and asks the PPO agents of a night, fold by fold."""
    return _whole("ppo").wall_s


@benchmark(unit="MiB", bound=500.0, runs=RUNS)
def rl_coin_night_memory() -> float:
    """Peak memory of the same process above interpreter and torch."""
    return _whole("ppo").peak_rss_mib - _torch_alone()


@benchmark(unit="s", bound=90.0, runs=RUNS)
def learning_coin_night() -> float:
    """Wall seconds of LightGBM, PPO, calibrators and importance, one after the other in a process."""
    return _whole("all").wall_s


def _whole(part: str) -> Usage:
    usage = measure_process([sys.executable, "-m", __name__, part], {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"})
    if usage.exit_code != 0:
        raise RuntimeError(f"the learning of a night failed: {usage.output}")
    return usage


@cache
def _torch_alone() -> float:
    return measure_process([sys.executable, "-c", "import torch"], {"OMP_NUM_THREADS": "1"}).peak_rss_mib


def learn(everything: bool) -> None:
    """The learning room of a night, without Dagster and without the lake."""
    from huracan_assets.features.recipe import FEATURE_NAMES
    from huracan_assets.learning.ppo_context import CONTEXT_COLUMNS, CONTEXT_UNIT
    from huracan_assets.learning.ppo_walk_forward import train_walk_forward as train_ppo
    from huracan_assets.learning.training_set import TrainingSet
    from huracan_assets.learning.walk_forward import walk_forward_folds
    from huracan_assets.settings import read_settings

    settings = read_settings("local")
    rng = np.random.default_rng(1)
    n, width = DAYS * BARS_A_DAY, len(FEATURE_NAMES)
    features = _autoregressive(rng, n, width)
    returns = 0.4 * features[:, 0] + 0.4 * features[:, 1] + rng.standard_t(4, n) * 12
    ahead = np.convolve(returns, np.ones(8), "full")[7:][:n]  # of the next two hours
    gross = np.stack([ahead, -ahead], axis=1)
    step = np.timedelta64(settings.decision_minutes, "m")
    as_of = np.datetime64("2026-01-01", "us") + np.arange(1, n + 1) * step
    cost = np.full((n, 2), 24.0)
    ts = TrainingSet(
        as_of=as_of,
        label_end=as_of + 8 * step,
        features=features,
        names=FEATURE_NAMES,
        net_bps=gross - cost,
        gross_bps=gross,
        cost_bps=cost,
        uniqueness=np.full(n, 1 / 8),
        teachable=np.ones(n, np.bool_),
    )
    learning = settings.learning
    first = np.datetime64("2026-01-01", "us") + np.timedelta64(learning.first_train_days, "D")
    embargo = timedelta(minutes=learning.embargo_minutes)
    folds = walk_forward_folds(as_of, ts.label_end, first, as_of[-1], learning.folds, embargo, ts.teachable)
    odds = np.exp(features[:, 2:5])
    context = np.zeros((n, CONTEXT_COLUMNS), np.float32)
    context[:, :3] = CONTEXT_UNIT * odds / odds.sum(axis=1, keepdims=True)
    walk = train_ppo(
        features, context, returns, cost[:, 0] / 2, folds, ts.teachable, learning.ppo, settings.seed, "none"
    )
    print(f"{walk.curve[-1]['global_step']:.0f} steps of each of {len(walk.seeds.seeds)} seeds")
    if everything:
        _the_rest(ts, folds)


def _the_rest(ts, folds) -> None:  # type: ignore[no-untyped-def]
    from huracan_assets.features.recipe import RECIPE
    from huracan_assets.learning.calibration import fit_calibrators
    from huracan_assets.learning.feature_importance import measure_importance, members
    from huracan_assets.learning.lightgbm_model import train_walk_forward as train_lightgbm
    from huracan_assets.learning.walk_forward import WalkForward
    from huracan_assets.settings import read_settings

    settings = read_settings("local")
    learning, bounds = settings.learning, settings.validation
    embargo = timedelta(minutes=learning.embargo_minutes)
    models = train_lightgbm(ts, folds, learning.lightgbm, settings.seed, embargo)
    regime = np.where(np.arange(len(ts)) // 500 % 3 == 0, "RANGE", "TREND")
    fit_calibrators(WalkForward(ts, folds), models.raw, regime, learning)
    families = members([feature.family for feature in RECIPE])
    shift = bounds.permutation_min_shift_bars
    rng = np.random.default_rng(1)
    measure_importance(ts, folds, models.per_fold, families, bounds.importance_shifts, shift, rng)


def _autoregressive(rng: np.random.Generator, n: int, width: int) -> NDArray[np.float32]:
    """(n, width) with half-lives of a bar to days, unit variance."""
    keep = 1.0 - 0.5 ** (1 + np.arange(width) % 9)
    noise = rng.standard_normal((n, width)) * np.sqrt(1 - keep**2)
    for bar in range(1, n):
        noise[bar] += keep * noise[bar - 1]
    return np.asarray(noise, np.float32)


if __name__ == "__main__":
    learn(sys.argv[1] == "all")
