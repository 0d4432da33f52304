"""The small profile of the end-to-end tests: a whole night, every asset and every code path of it, in 20 CPU seconds.

What is smaller than in `deploy/config/base.yaml`: 24 days in place of 150, three folds in place of eight, a tenth of
the boosting rounds, a hundredth of PPO's steps, the fewest bootstrap paths that the settings allow. Nothing is turned
off. The figures of such a night mean nothing; that its artifacts are made, equal, whole and refused does.
"""

from __future__ import annotations

from datetime import date

SMALL = {
    "HURACAN_LOOK_BACK_DAYS": "24",
    "HURACAN_LEARNING__FIRST_TRAIN_DAYS": "8",
    "HURACAN_LEARNING__FOLDS": "3",
    "HURACAN_LEARNING__LIGHTGBM__ROUNDS": "15",
    "HURACAN_LEARNING__LIGHTGBM__FEWEST_ROUNDS": "5",
    "HURACAN_LEARNING__PPO__SEEDS": "2",
    "HURACAN_LEARNING__PPO__ENVIRONMENTS": "8",
    "HURACAN_LEARNING__PPO__ROLLOUT_BARS": "32",
    "HURACAN_LEARNING__PPO__FIRST_STEPS": "1024",
    "HURACAN_LEARNING__PPO__FOLD_STEPS": "256",
    "HURACAN_LEARNING__PPO__MINIBATCH": "128",
    "HURACAN_LEARNING__PPO__HIDDEN": "16",
    "HURACAN_VALIDATION__BOOTSTRAP_PATHS": "100",
    "HURACAN_VALIDATION__BOOTSTRAP_BLOCK_DAYS": "2",
    "HURACAN_VALIDATION__STRESS_DAYS": "3",
}

# Two weeks are too short for an honest approval, so the approved path is forced: a large planted edge, and bounds that
# any figure passes. The bounds that are not settings (all eight scenarios sound, drift within its own null) still hold.
APPROVING = {
    "HURACAN_MARKET__SYNTHETIC__EDGE": "0.6",
    "HURACAN_GATES__SHARPE_MIN": "-1000",
    "HURACAN_GATES__WIN_RATE_MIN": "0",
    "HURACAN_GATES__PROFIT_FACTOR_MIN": "0",
    "HURACAN_GATES__TRADES_MIN": "1",
    "HURACAN_GATES__DEFLATED_SHARPE_MIN": "0",
    "HURACAN_GATES__PERMUTATION_P_MAX": "1",
    "HURACAN_GATES__SEEDS_EARNING_MIN": "-1",
    "HURACAN_GATES__DRAWDOWN_MAX": "10",
    "HURACAN_GATES__VOLATILITY_MAX": "100",
    "HURACAN_GATES__EXCESS_LOSING_RUN_MAX": "1000",
    "HURACAN_GATES__BRIER_MAX": "1",
    "HURACAN_GATES__ECE_MAX": "1",
    "HURACAN_GATES__PSI_MAX": "100",
    "HURACAN_GATES__CRITICAL_GAIN_SHARE": "0.01",
}

# The rooms up to the labels alone, over few days: what needs no learner.
SHORT = SMALL | {
    "HURACAN_LOOK_BACK_DAYS": "6",
    "HURACAN_LEARNING__FIRST_TRAIN_DAYS": "2",
    "HURACAN_LEARNING__FOLDS": "2",
}

SYMBOL, BENCHMARK = "ETH-USDT", "BTC-USDT"
NIGHT = date(2021, 2, 10)
"""Near the synthetic market's first day, from which every path is drawn."""
