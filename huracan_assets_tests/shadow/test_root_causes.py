"""Every trade has one root cause, each rule finds the trade that was planted for it, and says what it saw."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.settings import read_settings
from huracan_assets.shadow.root_causes import LOSSES, UNEXPLAINED, WINS, Rule, ranked, root_causes
from huracan_assets_tests.shadow.facts import LOSER, WINNER, facts

SETTINGS = read_settings("local")
PLANTED_LOSSES: dict[str, dict[str, Any]] = {
    "data_gap": {"crosses_unknown": True},
    "funding": {"gross_bps": 15.0, "cost_bps": 12.0, "funding_bps": 33.0},
    "costs": {"gross_bps": 5.0, "cost_bps": 35.0},
    "slippage": {"slippage_bps": 30.5},
    "partial_fill": {"filled_share": 0.4},
    "stopped_then_right": {"exit_reason": "stop_loss", "after_best_net_bps": 0.1},
    "gave_back": {"mfe_bps": 24.0},
    "volatility_burst": {"path_sigma": 1e-3},
    "regime_shift": {"regime_at_exit": "PANIC"},
    "against_the_sources": {"sources_against": 0.5},
    "unsure": {"confidence": 0.525},
    "wrong_from_the_start": {"mfe_bps": 5.9},
}
PLANTED_WINS: dict[str, dict[str, Any]] = {
    "data_gap": {"crosses_unknown": True},
    "funding": {"gross_bps": 12.0, "funding_bps": -4.0},
    "luck": {"under_water": 0.7},
    "volatility_burst": {"path_sigma": 1e-3},
    "quick_target": {"exit_reason": "take_profit", "minutes_held": 30.0},
    "trend": {"move_sigmas": 1.5},
    "recovered": {"mae_bps": -24.0},
    "target": {"exit_reason": "take_profit"},
    "in_time": {"gross_bps": 24.0},
}


def judged(*trades: dict[str, Any]) -> pl.DataFrame:
    return root_causes(facts(*trades), SETTINGS.analysts, SETTINGS.decision)


@pytest.mark.parametrize(
    ("rule", "base", "planted"),
    [(rule, LOSER, PLANTED_LOSSES) for rule in LOSSES] + [(rule, WINNER, PLANTED_WINS) for rule in WINS],
    ids=lambda value: value.name if isinstance(value, Rule) else "",
)
def test_each_rule_finds_its_planted_trade_and_tells_its_evidence(
    rule: Rule, base: dict[str, Any], planted: dict[str, dict[str, Any]]
) -> None:
    plain, found = judged(base, base | planted[rule.name]).iter_rows(named=True)
    assert plain["cause"] == UNEXPLAINED
    assert (plain["evidence"], plain["fired"]) == ("{}", [])
    assert found["cause"] == rule.name
    assert found["won"] == (base is WINNER)
    assert json.loads(found["evidence"]) == {name: found[name] for name in rule.evidence}


def test_the_first_rule_in_order_is_the_root_cause_and_all_that_fire_are_named() -> None:
    everything = {k: v for change in reversed(PLANTED_LOSSES.values()) for k, v in change.items()}
    (found,) = judged(
        LOSER | everything | {"crosses_unknown": False, "gross_bps": -1.0, "slippage_bps": 2.0, "filled_share": 1.0}
    ).iter_rows(named=True)
    assert found["cause"] == "stopped_then_right"
    order = [rule.name for rule in LOSSES]
    assert found["fired"] == sorted(found["fired"], key=order.index)
    assert len(found["fired"]) > 4


def test_an_unknown_figure_fires_nothing() -> None:
    unknown = dict.fromkeys(("path_sigma", "entry_sigma", "sources_against", "regime_at_exit", "after_best_net_bps"))
    (found,) = judged(LOSER | unknown | {"exit_reason": "stop_loss"}).iter_rows(named=True)
    assert found["cause"] == UNEXPLAINED


def figures(lowest: float, highest: float) -> st.SearchStrategy[float | None]:
    return st.none() | st.floats(lowest, highest)


@settings(max_examples=80)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "net_bps": st.floats(-100, 100),
                "gross_bps": st.floats(-100, 100),
                "mfe_bps": st.floats(0, 100),
                "mae_bps": st.floats(-100, 0),
                "exit_reason": st.sampled_from(["take_profit", "stop_loss", "time"]),
                "confidence": st.floats(0, 1),
                "path_sigma": figures(0, 2e-3),
                "under_water": figures(0, 1),
                "move_sigmas": figures(-3, 3),
                "minutes_held": figures(1, 120),
                "after_best_net_bps": figures(-100, 100),
                "sources_against": figures(0, 1),
                "regime_at_exit": st.sampled_from(["TREND", "RANGE", None]),
                "crosses_unknown": st.booleans(),
            }
        ),
        min_size=1,
        max_size=30,
    )
)
def test_every_trade_has_exactly_one_root_cause_of_its_side_and_the_ranking_counts_each_once(
    changes: list[dict[str, Any]],
) -> None:
    found = judged(*(LOSER | change for change in changes))
    assert found.height == len(changes)
    for line in found.iter_rows(named=True):
        rules = [rule.name for rule in (WINS if line["net_bps"] > 0.0 else LOSSES)]
        assert line["cause"] == (line["fired"][0] if line["fired"] else UNEXPLAINED)
        assert set(line["fired"]) <= set(rules)
    both = [*ranked(found, won=False), *ranked(found, won=True)]
    assert sum(int(str(line["trades"])) for line in both) == found.height
    total = sum(float(str(line["net_bps"])) for line in both)
    assert total == pytest.approx(float(found["net_bps"].sum()), abs=1e-9)


def test_the_list_is_ranked_by_what_each_cause_cost() -> None:
    found = judged(LOSER, LOSER | PLANTED_LOSSES["gave_back"] | {"net_bps": -99.0}, LOSER, WINNER)
    assert [line["cause"] for line in ranked(found, won=False)] == ["gave_back", UNEXPLAINED]
    assert [line["trades"] for line in ranked(found, won=False)] == [1, 2]


def test_a_rule_is_one_entry() -> None:
    """Somebody's own rule, before all others."""
    mine = Rule("shorts", "it was short", ("side",), lambda a, d: pl.col("side") < 0)
    found = root_causes(
        facts(LOSER, LOSER | {"side": -1}), SETTINGS.analysts, SETTINGS.decision, losses=(mine, *LOSSES)
    )
    assert found["cause"].to_list() == [UNEXPLAINED, "shorts"]
    assert found["evidence"][1] == '{"side":-1}'
