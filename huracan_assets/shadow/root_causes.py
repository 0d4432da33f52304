"""Why each trade won or lost: the first of a fixed list of rules that fires, with the figures that made it fire.

A rule is one entry: a name, a sentence, an expression on the columns of `trade_paths.trade_facts`, and the columns that
are its evidence. The order is the order of judgement: first what spoils the other figures, then what the trade paid,
then what the price did, then what was known before. A null figure fires nothing. Where no rule fires the answer is
`unexplained`, and it is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from huracan_assets.settings import AnalystSettings, DecisionSettings

UNEXPLAINED = "unexplained"
Fires = Callable[[AnalystSettings, DecisionSettings], pl.Expr]


@dataclass(frozen=True)
class Rule:
    """One reason; `evidence` names the columns that `fires` looks at."""

    name: str
    sentence: str
    evidence: tuple[str, ...]
    fires: Fires


def _of_cost(column: str, multiple: float) -> pl.Expr:
    return pl.col(column) >= multiple * pl.col("cost_bps")


DATA_GAP = Rule(
    "data_gap",
    "minutes that nobody knows lie between the decision and the exit",
    ("crosses_unknown",),
    lambda a, d: pl.col("crosses_unknown"),
)

LOSSES: tuple[Rule, ...] = (
    DATA_GAP,
    Rule(
        "funding",
        "without the funding that it paid it would have won",
        ("gross_bps", "cost_bps", "funding_bps"),
        lambda a, d: pl.col("gross_bps") > pl.col("cost_bps"),
    ),
    Rule(
        "costs",
        "the call was right, and its gain smaller than its costs",
        ("gross_bps", "cost_bps"),
        lambda a, d: pl.col("gross_bps") > 0.0,
    ),
    Rule(
        "slippage",
        "without what its entry lost against the last price known at its decision it would have won",
        ("net_bps", "slippage_bps"),
        lambda a, d: pl.col("net_bps") + pl.col("slippage_bps") > 0.0,
    ),
    Rule(
        "partial_fill",
        "the minute of its entry could take only a part of it",
        ("filled_share",),
        lambda a, d: pl.col("filled_share") < 1.0,
    ),
    Rule(
        "stopped_then_right",
        "the stop was hit, and soon after the trade would have paid",
        ("exit_reason", "after_best_net_bps", "after_best_minutes"),
        lambda a, d: (pl.col("exit_reason") == "stop_loss") & (pl.col("after_best_net_bps") > 0.0),
    ),
    Rule(
        "gave_back",
        "a gain of analysts.gain_costs times the cost was there and was given back",
        ("mfe_bps", "cost_bps", "minutes_to_best"),
        lambda a, d: _of_cost("mfe_bps", a.gain_costs),
    ),
    Rule(
        "volatility_burst",
        "while it was open the price was analysts.burst_sigmas times as volatile as known at its decision",
        ("path_sigma", "entry_sigma"),
        lambda a, d: pl.col("path_sigma") >= a.burst_sigmas * pl.col("entry_sigma"),
    ),
    Rule(
        "regime_shift",
        "the regime at its exit was not that of its decision",
        ("regime", "regime_at_exit"),
        lambda a, d: pl.col("regime") != pl.col("regime_at_exit"),
    ),
    Rule(
        "against_the_sources",
        "analysts.against_share of the sources that voted were against it",
        ("sources_against", "agreement"),
        lambda a, d: pl.col("sources_against") >= a.against_share,
    ),
    Rule(
        "unsure",
        "its confidence was within analysts.confidence_margin of the least that trades",
        ("confidence",),
        lambda a, d: pl.col("confidence") < d.min_confidence + a.confidence_margin,
    ),
    Rule(
        "wrong_from_the_start",
        "it never gained analysts.wrong_costs of its cost",
        ("mfe_bps", "cost_bps"),
        lambda a, d: pl.col("mfe_bps") < a.wrong_costs * pl.col("cost_bps"),
    ),
)

WINS: tuple[Rule, ...] = (
    DATA_GAP,
    Rule(
        "funding",
        "without the funding that it received it would have lost",
        ("gross_bps", "cost_bps", "funding_bps"),
        lambda a, d: pl.col("gross_bps") <= pl.col("cost_bps"),
    ),
    Rule(
        "luck",
        "analysts.luck_share of the time that it was open it was under water",
        ("under_water", "mae_bps"),
        lambda a, d: pl.col("under_water") >= a.luck_share,
    ),
    Rule(
        "volatility_burst",
        "while it was open the price was analysts.burst_sigmas times as volatile as known at its decision",
        ("path_sigma", "entry_sigma"),
        lambda a, d: pl.col("path_sigma") >= a.burst_sigmas * pl.col("entry_sigma"),
    ),
    Rule(
        "quick_target",
        "it reached its target within analysts.quick_minutes",
        ("exit_reason", "minutes_held"),
        lambda a, d: (pl.col("exit_reason") == "take_profit") & (pl.col("minutes_held") <= a.quick_minutes),
    ),
    Rule(
        "trend",
        "the price went its way by analysts.trend_sigmas of the noise of its own path",
        ("move_sigmas", "minutes_held"),
        lambda a, d: pl.col("move_sigmas") >= a.trend_sigmas,
    ),
    Rule(
        "recovered",
        "it had lost analysts.gain_costs times its cost and came back",
        ("mae_bps", "cost_bps"),
        lambda a, d: -pl.col("mae_bps") >= a.gain_costs * pl.col("cost_bps"),
    ),
    Rule(
        "target",
        "it reached its target",
        ("exit_reason", "minutes_held"),
        lambda a, d: pl.col("exit_reason") == "take_profit",
    ),
    Rule(
        "in_time",
        "its time ended while it was ahead by analysts.gain_costs times its cost",
        ("exit_reason", "gross_bps", "cost_bps"),
        lambda a, d: (pl.col("exit_reason") == "time") & _of_cost("gross_bps", a.gain_costs),
    ),
)


def root_causes(
    facts: pl.DataFrame,
    analysts: AnalystSettings,
    decision: DecisionSettings,
    losses: Sequence[Rule] = LOSSES,
    wins: Sequence[Rule] = WINS,
) -> pl.DataFrame:
    """`facts` and for each trade: won; cause, its one root cause; evidence; fired, all rules that fired.

    Args:
        facts: rows of `trade_paths.trade_facts`. A trade that brought exactly nothing counts as lost.

    Returns:
        evidence is the JSON of the cause's figures, `{}` where it is unexplained.
    """
    won = pl.col("net_bps") > 0.0
    lost_cause, lost_evidence, lost_fired = _judge(losses, analysts, decision)
    won_cause, won_evidence, won_fired = _judge(wins, analysts, decision)
    return facts.with_columns(
        won=won,
        cause=pl.when(won).then(won_cause).otherwise(lost_cause),
        evidence=pl.when(won).then(won_evidence).otherwise(lost_evidence),
        fired=pl.when(won).then(won_fired).otherwise(lost_fired),
    )


def _judge(
    rules: Sequence[Rule], analysts: AnalystSettings, decision: DecisionSettings
) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """The name of the first rule that fires, its evidence, and the names of all that fire."""
    fires = [rule.fires(analysts, decision).fill_null(False) for rule in rules]
    names = [pl.when(fire).then(pl.lit(rule.name)) for rule, fire in zip(rules, fires, strict=True)]
    said = [
        pl.when(fire).then(pl.struct(*rule.evidence).struct.json_encode())
        for rule, fire in zip(rules, fires, strict=True)
    ]
    return (
        pl.coalesce(*names, pl.lit(UNEXPLAINED)),
        pl.coalesce(*said, pl.lit("{}")),
        pl.concat_list(names).list.drop_nulls(),
    )


def ranked(judged: pl.DataFrame, *, won: bool) -> list[dict[str, object]]:
    """The causes of the trades that won, or lost, the weightiest first: how many, and the bps they brought together."""
    of_side = judged.filter(pl.col("won") == won).select("cause", "net_bps")
    nets = {str(cause): rows["net_bps"].to_numpy() for (cause,), rows in of_side.group_by("cause", maintain_order=True)}
    order = sorted(nets, key=lambda cause: (-abs(float(nets[cause].sum())), cause))
    return [
        {
            "cause": cause,
            "trades": len(nets[cause]),
            "net_bps": float(nets[cause].sum()),
            "mean_net_bps": float(nets[cause].mean()),
        }
        for cause in order
    ]
