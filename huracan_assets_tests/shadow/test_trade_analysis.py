"""The whole analysis of a night: complete, repeatable, and honest about a night without trades."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from huracan_assets.errors import ContractError
from huracan_assets.resources.lake import canonical_json, content_hash
from huracan_assets.shadow.analysis_page import Markdown, analysis_page
from huracan_assets.shadow.trade_analysis import Material, TradeAnalysis, analyse, validate_analysis
from huracan_assets.simulation.costs import Costs
from huracan_assets.simulation.trade_market import TradeMarket
from huracan_assets_tests.shadow.recorded_market import SETTINGS, night


def material(seed: int = 0) -> Material:
    return night(np.random.default_rng(seed)).material


def analysed(of: Material) -> tuple[pl.DataFrame, TradeAnalysis]:
    return analyse(of, SETTINGS.analysts, SETTINGS.simulation, SETTINGS.decision)


def test_every_trade_is_analysed_once_and_the_document_counts_them_all() -> None:
    of = material()
    frame, document = analysed(of)
    validate_analysis(frame, of.ledger)
    assert document.trades == of.ledger.height
    assert sum(cause.trades for cause in (*document.losses, *document.wins)) == of.ledger.height
    lost = sum(cause.net_bps for cause in document.losses)
    assert lost == pytest.approx(float(of.ledger.filter(pl.col("net_bps") <= 0)["net_bps"].sum()))
    assert document.top_loss_cause == min(document.losses, key=lambda cause: cause.net_bps).cause
    assert [point.minutes for point in document.post_exit.holding] == list(SETTINGS.analysts.holding_minutes)
    assert {line.kind for line in document.regrets} == {"exit", "entry", "size", "no trade"}


def test_the_same_night_is_analysed_to_the_same_bits_and_the_document_comes_back() -> None:
    first, second = analysed(material()), analysed(material())
    assert content_hash(first[0]) == content_hash(second[0])
    assert canonical_json(first[1]) == canonical_json(second[1])
    assert TradeAnalysis.model_validate_json(canonical_json(first[1])) == first[1]


def test_a_night_without_trades_has_an_analysis_that_says_so() -> None:
    """A policy that accepts nothing: there is no bar at which its market would stand."""
    of = material()
    refused = of.decisions.with_columns(accepted=pl.lit(False), refused_by=pl.lit("cost"))
    bars = pl.DataFrame(schema={"as_of": pl.Datetime("us", "UTC"), "spread_bps": pl.Float32})
    costs, position = Costs.of(SETTINGS.simulation), SETTINGS.decision.position_gbp
    market = TradeMarket.of(of.grid, bars, None, costs, SETTINGS.simulation, position)
    frame, document = analysed(replace(of, ledger=of.ledger.clear(), decisions=refused, market=market))
    validate_analysis(frame, of.ledger.clear())
    assert (frame.height, document.trades, document.top_loss_cause) == (0, 0, None)
    assert document.post_exit.best_minutes is None
    answers = [line.answer for line in document.regrets] + [line.answer for line in document.sequels]
    assert all("not identified" in answer for answer in answers)
    assert [record.gate for record in document.missed] == ["cost"]
    page = analysis_page(frame, document)
    assert page["top_loss_cause"] == "none"
    assert page["root_causes"] == "_no trades_"


def test_the_page_holds_a_table_or_a_picture_of_each_answer() -> None:
    frame, document = analysed(material())
    page = analysis_page(frame, document)
    for name in ("losses", "wins", "exits", "holding_times", "missed_trades", "regret", "regret_of_size"):
        assert isinstance(page[name], Markdown)
        assert str(page[name]).startswith("| ")
    for name in ("root_causes", "holding_curve", "missed_trades_plot"):
        assert str(page[name]).startswith("![")
    assert "in-sample" in str(page["holding_times"]) or "flattered" in str(page["holding_times"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (pl.lit("bad luck").alias("cause"), "not on the list"),
        (pl.lit(None, pl.String).alias("cause"), "not on the list"),
        (pl.when(pl.col("won")).then(pl.lit("costs")).otherwise("cause").alias("cause"), "not on the list"),
        ((pl.col("net_bps") + 1.0).alias("net_bps"), "does not hold the ledger's trades"),
    ],
)
def test_an_analysis_that_breaks_its_contract_is_refused(change: pl.Expr, reason: str) -> None:
    of = material()
    frame, _ = analysed(of)
    with pytest.raises(ContractError, match=reason):
        validate_analysis(frame.with_columns(change), of.ledger)
    with pytest.raises(ContractError, match="does not hold"):
        validate_analysis(frame.head(frame.height - 1), of.ledger)
