"""Eight scenarios traded by a real Brain; what breaks a rule is unsound, what did not run is not complete."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from huracan_assets.memory.recall import RECALL_SCHEMA, recalled_at
from huracan_assets.settings import Settings, read_settings
from huracan_assets.shadow.ledger import LIMITED_SCHEMA, Traded
from huracan_assets.shadow.replay import replay
from huracan_assets.simulation.costs import Costs
from huracan_assets.validation.stress_report import (
    MISSED_FILLS,
    SCENARIOS,
    StressReport,
    StressResult,
    Subject,
    stress_report,
)
from huracan_assets_tests.decision.brains import FIRST, brain, stretch
from huracan_assets_tests.gates.evidence import scenario, stress
from huracan_assets_tests.shadow.trades import ledger, row

SETTINGS = read_settings("local")
BEGIN = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)


@pytest.fixture(scope="module")
def subject() -> Subject:
    bars = stretch().bars(SETTINGS.decision_minutes)
    nothing = recalled_at(pl.DataFrame(schema=RECALL_SCHEMA), bars["as_of"])
    return Subject(brain(), stretch(), bars, nothing, SETTINGS, Costs.of(SETTINGS.simulation), 7)


@pytest.fixture(scope="module")
def report(subject: Subject) -> StressReport:
    return stress_report(subject)


def test_all_eight_run_in_order_trade_and_are_sound(report: StressReport) -> None:
    assert tuple(result.scenario for result in report.results) == tuple(SCENARIOS)
    assert report.is_evidence()
    assert (report.days, report.unstressed_trades > 5) == (2, True)
    assert [result.scenario for result in report.results if not result.sound] == []
    assert [result.scenario for result in report.results if not result.trades] == ["6 data-feed attack"]
    assert all(math.isfinite(result.drawdown) and result.drawdown >= 0 for result in report.results)


def test_a_second_report_is_the_same(subject: Subject, report: StressReport) -> None:
    assert stress_report(subject) == report


def test_dearer_worlds_bring_less_than_the_plain_one(subject: Subject) -> None:
    plain = subject.run("plain", "as it was")
    dear = subject.run("dear", "fees", costs=subject.costs.with_fees(5.0))
    assert dear.net_bps < plain.net_bps
    ledger = traded_by(subject).ledger
    assert plain.net_bps == pytest.approx(
        float((ledger["net_bps"] * ledger["size_gbp"]).sum()) / SETTINGS.decision.position_gbp
    )


def traded_by(subject: Subject, settings: Settings = SETTINGS) -> Traded:
    return replay(brain(), stretch(), settings, subject.costs, bars=subject.bars, recalled=subject.recalled)


def test_bars_at_hand_trade_as_bars_computed_from_the_candles(subject: Subject) -> None:
    assert subject.run("x", "", stretch=subject.stretch) == subject.run("x", "")
    assert subject.unstressed.ledger.equals(traded_by(subject).ledger)
    assert subject.unstressed.ledger["as_of"].min() > BEGIN  # type: ignore[operator]


def losses(bars: pl.DataFrame) -> pl.DataFrame:
    """A memory in which all that was like any of the bars lost."""
    said: dict[str, object] = {
        "neighbours": 20, "same_regime": True, "win_rate": 0.2, "mean_net_bps": -15.0, "nearest": 1.0,
        **{f"{side}_neighbours": 10 for side in ("long", "short")},
        **{f"{side}_mean_net_bps": -15.0 for side in ("long", "short")},
        **{f"{side}_rms_net_bps": 20.0 for side in ("long", "short")},
    }  # fmt: skip
    rows = bars.select("as_of").with_columns(pl.lit(value).alias(name) for name, value in said.items())
    return rows.select(list(RECALL_SCHEMA)).cast(pl.Schema(RECALL_SCHEMA))


def test_what_the_memory_refuses_is_refused_in_every_world(subject: Subject) -> None:
    """Also where the candles are others: the memory has been asked about the bars as they were recorded."""
    warned = replace(subject, recalled=losses(subject.bars))
    found = stress_report(warned)
    assert [result.trades for result in found.results] == [0] * 8
    assert warned.unstressed.refusals["patterns"] > 20
    assert not found.is_evidence()


def test_a_bar_that_the_record_lacks_remembers_nothing(subject: Subject) -> None:
    """A world may have bars that are none of the night's; there alone it goes on as without a memory."""
    half = subject.bars.height // 2
    warned = replace(subject, recalled=losses(subject.bars).head(half))
    ledger, free = warned.unstressed.ledger, subject.unstressed.ledger
    since = subject.bars["as_of"][half]
    assert ledger["as_of"].min() >= since
    assert ledger.height > free.filter(pl.col("as_of") > since).height - 3
    other = warned.run("x", "", stretch=warned.stretch)
    assert other.trades == ledger.height < free.height


def test_an_attack_that_is_missed_is_unsound_and_named(subject: Subject) -> None:
    unbounded = {"max_return_sigmas": 1e9, "max_seam_bps": 1e9, "max_minute_return": 1e9}
    blind = SETTINGS.guards.model_copy(update=unbounded)
    careless = replace(subject, settings=SETTINGS.model_copy(update={"guards": blind}))
    result = run("6 data-feed attack", careless)
    assert not result.sound
    assert result.detail == "not quarantined: a spike of 50 %, half a day revised by 50 %"


def run(scenario: str, subject: Subject) -> StressResult:
    return SCENARIOS[scenario](subject, scenario)


def measured(subject: Subject, *rows: dict[str, object]) -> StressResult:
    return subject.measure("x", "by hand", traded(*rows))


def traded(*rows: dict[str, object], **refusals: int) -> Traded:
    return Traded(ledger(*rows), refusals, pl.DataFrame(schema=LIMITED_SCHEMA))


def test_a_consensus_that_hears_a_clone_twice_is_unsound(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the clones' silence the doubled engine weighs twice, and the scenario must say so."""
    from huracan_assets.engines import consensus

    def deaf(views: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.zeros(views.shape[1:], dtype=bool)

    monkeypatch.setattr(consensus, "_clones", deaf)
    result = run("8 regime flip and blackout", subject)
    assert not result.sound
    assert "twice" in result.detail


def test_what_was_traded_is_measured_trade_by_trade(subject: Subject) -> None:
    hour = timedelta(hours=1)
    half = row(BEGIN + 5 * hour, 40.0, size_gbp=500.0, mae_bps=-88.0)
    found = measured(subject, row(BEGIN + hour, -100.0), half, row(BEGIN + 30 * hour, -80.0))
    assert (found.trades, found.sound) == (3, True)
    assert found.net_bps == pytest.approx(-160.0)
    assert found.drawdown == pytest.approx(0.016)
    assert measured(subject, row(BEGIN + hour, -50.0), half).drawdown == pytest.approx(0.005 + 0.01 / 2)


def test_a_book_that_goes_on_after_its_limits_is_not_sound_and_says_which(subject: Subject) -> None:
    """2,000 bps in a day are no fault of who could not know, but the next entry is."""
    loss, next_ = row(BEGIN + timedelta(hours=1), -2000.0), row(BEGIN + timedelta(hours=4), 5.0)
    assert measured(subject, loss).sound
    found = measured(subject, loss, next_)
    assert not found.sound
    assert found.detail == "by hand; an entry after the day's loss; an entry after the drawdown"


def test_silence_is_no_evidence_where_the_scenario_does_not_explain_it(subject: Subject) -> None:
    """Dearer worlds end trading at the gate of costs; that alone is what they explain."""
    trades = subject.unstressed.ledger.height
    plain = subject.unstressed.refusals.get("cost", 0)
    for refused, explained in (
        (traded(), False),
        (traded(cost=plain), False),
        (traded(no_side=10_000), False),
        (traded(cost=plain + trades), True),
    ):
        found = subject.measure("x", "dear", refused, silenced_by=("cost",))
        assert found.sound == explained
        assert f"no trade in place of {trades}" in found.detail
    assert "no trade" not in subject.measure("x", "dear", subject.unstressed).detail


def test_a_brain_that_never_trades_stands_nothing(subject: Subject) -> None:
    limits = subject.brain.policy.limits.model_copy(update={"min_confidence": 1.0})
    mute = replace(subject, brain=replace(brain(), policy=subject.brain.policy.model_copy(update={"limits": limits})))
    found = stress_report(mute)
    assert [result.trades for result in found.results] == [0] * 8
    assert not found.is_evidence()
    assert found.worst() is None


def test_two_positions_at_once_or_one_too_large_are_not_sound(subject: Subject) -> None:
    one, minutes = row(BEGIN + timedelta(hours=1), 5.0), timedelta(minutes=1)
    assert not measured(subject, one, row(one["exit_at"] - minutes, 5.0)).sound
    assert measured(subject, one, row(one["exit_at"], 5.0)).sound
    assert not measured(subject, row(BEGIN + timedelta(hours=1), 5.0, size_gbp=1000.1)).sound


def test_four_orders_of_five_are_missed_the_same_ones_each_time(subject: Subject) -> None:
    """A missed order is no trade: the book is free for the decisions after it."""
    unlikely = SETTINGS.simulation.model_copy(update={"fill_probability": MISSED_FILLS})
    settings = SETTINGS.model_copy(update={"simulation": unlikely})
    plain, found = traded_by(subject), traded_by(subject, settings)
    sent = found.ledger.height + found.refusals["missed"]
    assert "missed" not in plain.refusals
    assert 0.1 < found.ledger.height / sent < 0.3
    assert sent > plain.ledger.height
    assert found.ledger.equals(traded_by(subject, settings).ledger)
    other = settings.model_copy(update={"simulation": unlikely.model_copy(update={"fill_seed": 8})})
    assert not found.ledger.equals(traded_by(subject, other).ledger)


def test_the_worst_is_the_deepest_and_one_that_is_no_number_is_worse_than_all() -> None:
    assert stress(drawdown=0.2).worst() == scenario("8 regime flip and blackout", drawdown=0.2)
    whole = stress(drawdown=0.01)
    worst = whole.worst()
    assert worst is not None
    assert worst.drawdown == 0.03
    unknown = stress(drawdown=float("nan")).worst()
    assert unknown is not None
    assert unknown.scenario == "8 regime flip and blackout"


@pytest.mark.parametrize("kept", [slice(0, 7), slice(1, 8), slice(None, None, -1), slice(0, 0)])
def test_without_all_eight_in_order_there_is_no_worst(kept: slice) -> None:
    whole = stress()
    part = whole.model_copy(update={"results": whole.results[kept]})
    assert not part.is_evidence()
    assert part.worst() is None
