"""All that the analysts say of a night's trades, in one document."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from huracan_assets.errors import ContractError
from huracan_assets.settings import AnalystSettings, DecisionSettings, SimulationSettings
from huracan_assets.shadow.counterfactuals import Entries, Regret, held_for, regrets
from huracan_assets.shadow.missed_trades import GateRecord, missed_trades
from huracan_assets.shadow.off_policy import PolicyAnswer, other_policies
from huracan_assets.shadow.other_entry import FillRecord, fill_record
from huracan_assets.shadow.post_exit import PostExit, exit_verdicts, post_exit
from huracan_assets.shadow.root_causes import LOSSES, UNEXPLAINED, WINS, ranked, root_causes
from huracan_assets.shadow.sequels import Replayer, Sequel, sequels
from huracan_assets.shadow.trade_paths import trade_facts
from huracan_assets.simulation.trade_market import TradeMarket
from huracan_assets.simulation.trade_outcomes import EXPIRED_REASON

if TYPE_CHECKING:
    from huracan_assets.market.grid import MinuteGrid


class Cause(BaseModel):
    """How often one root cause decided a trade, and what those trades brought together."""

    model_config = ConfigDict(frozen=True)
    cause: str
    trades: int
    net_bps: float
    mean_net_bps: float


class TradeAnalysis(BaseModel):
    """The document beside the frame of `trade_analysis`; causes are ranked by their bps."""

    model_config = ConfigDict(frozen=True)
    trades: int
    losses: tuple[Cause, ...]
    wins: tuple[Cause, ...]
    post_exit: PostExit
    missed: tuple[GateRecord, ...]
    regrets: tuple[Regret, ...]
    limits: FillRecord
    sequels: tuple[Sequel, ...]
    policies: tuple[PolicyAnswer, ...]

    @property
    def top_loss_cause(self) -> str | None:
        """The root cause that cost most; None where nothing was lost."""
        return self.losses[0].cause if self.losses else None


@dataclass(frozen=True)
class Material:
    """What the analysts read: the ledger, its decisions with what refused each, and the market.

    `market` stands at the bars of the accepted decisions at least, those of the ledger among them; `unknown` are the
    minutes of `grid` of which nobody knows what happened.
    """

    ledger: pl.DataFrame
    decisions: pl.DataFrame
    outcomes: pl.DataFrame
    regimes: pl.DataFrame
    grid: MinuteGrid
    unknown: NDArray[np.bool_]
    market: TradeMarket
    last: date


def analyse(
    material: Material, analysts: AnalystSettings, simulation: SimulationSettings, decision: DecisionSettings
) -> tuple[pl.DataFrame, TradeAnalysis]:
    """One row a trade with its cause and what came after it, and the document of the whole."""
    ledger, market = material.ledger, material.market
    expired = material.decisions.filter(pl.col("refused_by") == EXPIRED_REASON)
    entries = Entries(ledger, market, simulation, material.unknown, expired)
    sigma = market.conditions.sigma[entries.rows]
    facts = trade_facts(ledger, material.grid, material.unknown, sigma, material.regimes, analysts)
    judged = exit_verdicts(root_causes(facts, analysts, decision), analysts)
    accepted = material.decisions.filter("accepted")
    begin = material.decisions["as_of"].min()
    first = begin.date() if isinstance(begin, datetime) else material.last
    replayer = Replayer(accepted, entries, decision, first, material.last)
    return judged, TradeAnalysis(
        trades=judged.height,
        losses=tuple(Cause.model_validate(row) for row in ranked(judged, won=False)),
        wins=tuple(Cause.model_validate(row) for row in ranked(judged, won=True)),
        post_exit=post_exit(judged, held_for(entries, analysts.holding_minutes), entries.day, analysts),
        missed=missed_trades(material.decisions, material.outcomes, analysts),
        regrets=regrets(entries, analysts),
        limits=fill_record(entries.sent, analysts),
        sequels=sequels(replayer, analysts),
        policies=other_policies(material.decisions, material.outcomes, analysts, decision),
    )


def validate_analysis(analysis: pl.DataFrame, ledger: pl.DataFrame) -> pl.DataFrame:
    """The analysis itself, if it holds the ledger's trades, each once, with a root cause from the list.

    Raises:
        ContractError: it does not; the message names the first trade at fault.
    """
    if not analysis.select(ledger.columns).equals(ledger):
        raise ContractError("trade_analysis does not hold the ledger's trades: materialise it again")
    causes = {won: [rule.name for rule in rules] + [UNEXPLAINED] for won, rules in ((True, WINS), (False, LOSSES))}
    right = pl.when(pl.col("net_bps") > 0.0).then(pl.col("cause").is_in(causes[True]))
    broken = analysis.filter(~right.otherwise(pl.col("cause").is_in(causes[False])).fill_null(False))
    if broken.height:
        raise ContractError(
            f"the trade of {broken['as_of'][0]} has the root cause {broken['cause'][0]}, which is not on the list of "
            "shadow/root_causes.py: materialise trade_analysis again"
        )
    return analysis
