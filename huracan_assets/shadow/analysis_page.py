"""The page of `trade_analysis`: ranked tables and three pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from huracan_assets.observability.analysis_plots import cause_bars, holding_curve, refusal_intervals
from huracan_assets.observability.tables import markdown_table
from huracan_assets.shadow.counterfactuals import regret_rows
from huracan_assets.shadow.missed_trades import GateRecord, gate_rows
from huracan_assets.shadow.off_policy import policy_rows
from huracan_assets.shadow.other_entry import fill_rows
from huracan_assets.shadow.post_exit import HoldingTime, holding_rows
from huracan_assets.shadow.root_causes import LOSSES, UNEXPLAINED, WINS, Rule
from huracan_assets.shadow.sequels import sequel_rows
from huracan_assets.shadow.trade_analysis import Cause, TradeAnalysis

Floats = NDArray[np.float64]


class Markdown(str):
    """Text that the page is to render."""


def analysis_page(judged: pl.DataFrame, document: TradeAnalysis) -> dict[str, object]:
    """Figures by name, and tables and pictures as `Markdown`."""
    both = [*document.losses, *document.wins]
    curve = document.post_exit.holding
    actual = float(judged["net_bps"].to_numpy().mean()) if judged.height else 0.0
    told = sum(line.regret_bps is not None for line in document.regrets)
    return {
        "trades": document.trades,
        "top_loss_cause": document.top_loss_cause or "none",
        "unexplained": int((judged["cause"] == UNEXPLAINED).sum()),
        "losses": Markdown(_causes(document.losses, LOSSES)),
        "wins": Markdown(_causes(document.wins, WINS)),
        "root_causes": Markdown(
            cause_bars([c.cause for c in both], [c.net_bps for c in both], [c.trades for c in both])
        ),
        "exits": Markdown(
            markdown_table([{"exit": name, "share": s} for name, s in document.post_exit.shares.items()])
        ),
        "holding_times": Markdown(markdown_table(holding_rows(curve)) + f"\n\n{document.post_exit.note}"),
        "holding_curve": Markdown(holding_curve([p.minutes for p in curve], *_intervals(curve), actual)),
        "missed_trades": Markdown(markdown_table(gate_rows(document.missed))),
        "missed_trades_plot": Markdown(
            refusal_intervals(
                [record.gate for record in document.missed],
                *_intervals(document.missed),
                np.array([record.independent for record in document.missed], np.float64),
            )
        ),
        "regret": Markdown(
            markdown_table(regret_rows(document.regrets, ("exit", "no trade")))
            + f"\n\nThe same entries with a whole position each; {told} alternatives are judged together (Holm, 5 %)."
        ),
        "regret_of_entry": Markdown(
            markdown_table(regret_rows(document.regrets, ("entry",)))
            + "\n\nIn bps of a whole position: an order that nothing fills brings nothing.\n\n"
            + markdown_table(fill_rows([document.limits]))
            + "\n\nMoves are what market orders of the same decisions brought before costs, in bps."
        ),
        "whole_ledger": Markdown(
            markdown_table(sequel_rows(document.sequels))
            + "\n\nThe same decisions walk through the same limits: a later exit blocks entries."
        ),
        "regret_of_size": Markdown(
            markdown_table(regret_rows(document.regrets, ("size",)))
            + "\n\nOne size for all trades against the sizes that they had, in bps of a whole position."
        ),
        "other_policies": Markdown(markdown_table(policy_rows(document.policies))),
    }


def _causes(causes: Sequence[Cause], rules: Sequence[Rule]) -> str:
    said = {rule.name: rule.sentence for rule in rules} | {UNEXPLAINED: "no rule fires"}
    return markdown_table([cause.model_dump() | {"because": said[cause.cause]} for cause in causes])


def _intervals(told: Sequence[HoldingTime | GateRecord]) -> tuple[Floats, Floats, Floats]:
    """Mean, lower and upper end of each (n,); NaN where not known."""
    rows = [[one.net_bps, one.low_bps, one.high_bps] for one in told]
    mean, low, high = np.array(rows, np.float64).reshape(len(rows), 3).T
    return mean, low, high
