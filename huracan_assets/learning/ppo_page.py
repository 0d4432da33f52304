"""What the page of the agents shows: how they learned, what their rewards were made of, and how their seeds differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from huracan_assets.learning.market_env import FLAT, LONG, SHORT
from huracan_assets.learning.ppo_context import CONTEXT
from huracan_assets.learning.ppo_curriculum import LEVELS
from huracan_assets.learning.ppo_reward import TERMS
from huracan_assets.learning.ppo_rollout import Metrics
from huracan_assets.learning.ppo_walk_forward import PPOWalkForward
from huracan_assets.observability.plots import training_curve
from huracan_assets.observability.tables import markdown_table

SHOWN = 12
CURVES = ("charts/reward", "charts/net_bps", "charts/trade_rate", "losses/entropy", "losses/explained_variance")


def ppo_page(walk: PPOWalkForward, names: Sequence[str]) -> dict[str, str]:
    """Sections of Markdown by name; means over the agents where nothing else is said.

    Args:
        names: of the features.
    """
    return {
        "seeds": markdown_table(walk.seeds.rows()),
        "shown": markdown_table(shown_rows(walk.weight, names)),
        "segments": markdown_table(_mean_over_agents(walk.tests)),
        "context": markdown_table(bias_rows(walk.bias)),
        "reward": markdown_table(reward_rows(walk.curve)),
        "curve": _curve(walk.curve),
    }


def shown_rows(weight: npt.NDArray[np.float64], names: Sequence[str]) -> list[dict[str, str | float]]:
    """The features of which the agents are shown most, the first whole."""
    most = np.argsort(-weight, kind="stable")[:SHOWN]
    return [{"feature": names[place], "shown": float(weight[place].round(3))} for place in most]


def bias_rows(bias: npt.NDArray[np.float64]) -> list[dict[str, str | float]]:
    """How far each column of the context, at 1, moves the logit of each action: mean over the agents, lowest, highest.

    Args:
        bias: (agents, actions, context).
    """
    mean, low, high = bias.mean(axis=0).round(3), bias.min(axis=0).round(3), bias.max(axis=0).round(3)
    return [
        {
            "context": name,
            "action": action,
            "mean": float(mean[place, column]),
            "lowest": float(low[place, column]),
            "highest": float(high[place, column]),
        }
        for column, name in enumerate(CONTEXT)
        for action, place in (("flat", FLAT), ("long", LONG), ("short", SHORT))
    ]


def _mean_over_agents(tests: Sequence[Metrics]) -> list[dict[str, object]]:
    folds = sorted({row["fold"] for row in tests})
    names = [name for name in tests[0] if name not in ("fold", "seed")] if tests else []
    return [
        {"fold": int(fold)}
        | {name: float(np.mean([row[name] for row in tests if row["fold"] == fold])) for name in names}
        for fold in folds
    ]


def reward_rows(curve: Sequence[Metrics]) -> list[dict[str, object]]:
    """What a bar's reward was made of, by stage and level of the curriculum: means over updates and agents."""
    groups: dict[tuple[float, float], list[Metrics]] = {}
    for row in curve:
        groups.setdefault((row["stage"], row["charts/level"]), []).append(row)
    return [
        {"stage": int(stage), "level": LEVELS[int(level)], "updates": len(rows)}
        | {name: float(np.mean([row[f"charts/reward_{name}"] for row in rows])) for name in TERMS}
        | {"reward": float(np.mean([row["charts/reward"] for row in rows]))}
        for (stage, level), rows in sorted(groups.items())
    ]


def _curve(curve: Sequence[Metrics]) -> str:
    steps = np.unique([row["global_step"] for row in curve])
    place = np.searchsorted(steps, [row["global_step"] for row in curve])
    agents = np.bincount(place)
    means = {
        name.partition("/")[2]: np.bincount(place, weights=[row[name] for row in curve]) / agents for name in CURVES
    }
    return training_curve(steps, means)
