"""The page of the agents: every term of the reward, every seed, a plot."""

from __future__ import annotations

import pytest

from huracan_assets.learning.ppo_context import CONTEXT
from huracan_assets.learning.ppo_page import ppo_page, reward_rows
from huracan_assets.learning.ppo_reward import TERMS
from huracan_assets_tests.learning.test_ppo_walk_forward import data, walk


def test_terms_are_means_by_stage_and_level() -> None:
    def row(stage: int, level: int, net: float) -> dict[str, float]:
        terms = {f"charts/reward_{name}": -1.0 for name in TERMS} | {"charts/reward_net": net}
        return {"stage": float(stage), "charts/level": float(level), "charts/reward": net - 4} | terms

    lines = reward_rows([row(0, 0, 2.0), row(1, 2, 5.0), row(0, 0, 4.0)])
    assert [(line["stage"], line["level"], line["updates"]) for line in lines] == [(0, "easy", 2), (1, "hard", 1)]
    assert lines[0]["net"] == pytest.approx(3.0) and lines[0]["reward"] == pytest.approx(-1.0)
    assert all(lines[1][name] == (5.0 if name == "net" else -1.0) for name in TERMS)


def test_a_walk_has_a_page() -> None:
    page = ppo_page(walk(*data()), ["a", "b", "c", "d", "e"])
    assert page["shown"].splitlines()[2].endswith("| 1 |") and page["shown"].count("\n") == 1 + 5
    assert page["seeds"].count("\n") == 7 and "seed 4" in page["seeds"] and "IQM" in page["seeds"]
    assert page["segments"].count("\n") == 5
    assert all(name.split("_")[0] in page["reward"] for name in TERMS)
    assert page["context"].count("\n") == 1 + 3 * len(CONTEXT) and all(name in page["context"] for name in CONTEXT)
    assert "data:image" in page["curve"]
