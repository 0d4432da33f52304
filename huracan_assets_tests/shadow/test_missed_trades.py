"""The record of each gate against a slow count, and the verdict on gates that were planted good and bad."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from huracan_assets.settings import read_settings
from huracan_assets.shadow.missed_trades import missed_trades
from huracan_assets_tests.shadow.recorded_market import BEGIN, night

ANALYSTS = read_settings("local").analysts


def planted(
    bars: int, net_bps: float, *, apart: int, held: int, seed: int = 0, refused_by: str = "cost"
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Refusals `apart` minutes apart whose trades, `held` minutes long, would have brought `net_bps` on average."""
    rng = np.random.default_rng(seed)
    as_of = [BEGIN + timedelta(minutes=apart * k) for k in range(bars)]
    decisions = pl.DataFrame(
        {"as_of": as_of, "side": pl.Series([1] * bars, dtype=pl.Int8), "refused_by": [refused_by] * bars}
    )
    outcomes = decisions.select("as_of", "side").with_columns(
        exit_at=pl.col("as_of") + timedelta(minutes=held),
        net_bps=pl.Series(net_bps + 10.0 * rng.standard_normal(bars)),
        crosses_unknown=pl.lit(False),
    )
    return decisions, outcomes


def test_a_gate_is_judged_by_what_it_refused() -> None:
    for net, verdict in ((-15.0, "earns its keep"), (15.0, "costs more than it saves"), (0.0, "cannot be told")):
        (record,) = missed_trades(*planted(200, net, apart=30, held=30), ANALYSTS)
        assert record.verdict == verdict
        assert record.net_bps is not None
        assert record.low_bps is not None
        assert record.high_bps is not None
        assert record.low_bps < record.net_bps < record.high_bps


def test_overlapping_refusals_are_as_many_as_they_are_independent() -> None:
    """Of trades that share their minutes eight at a time, an eighth counts."""
    (alone,) = missed_trades(*planted(400, 0.0, apart=120, held=120), ANALYSTS)
    (shared,) = missed_trades(*planted(400, 0.0, apart=15, held=120), ANALYSTS)
    assert alone.independent == pytest.approx(400.0)
    assert shared.independent == pytest.approx(50.0, rel=0.05)
    widths = [r.high_bps - r.low_bps for r in (alone, shared) if r.high_bps is not None and r.low_bps is not None]
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(8.0), rel=0.15)


def test_few_independent_refusals_have_no_interval_and_no_verdict() -> None:
    (record,) = missed_trades(*planted(100, -50.0, apart=1, held=60), ANALYSTS)
    assert record.independent < ANALYSTS.least_effective
    assert (record.low_bps, record.high_bps, record.verdict) == (None, None, "cannot be told")
    assert record.net_bps == pytest.approx(-50.0, abs=5.0)


def test_every_refused_bar_is_counted_and_those_without_a_known_trade_are_not_judged() -> None:
    found = night(np.random.default_rng(9))
    decisions = found.decisions.with_columns(
        refused_by=pl.when(pl.col("side") == 1).then("refused_by").otherwise(pl.lit("no_side")),
        side=pl.when(pl.col("side") == 1).then("side").otherwise(0).cast(pl.Int8),
    ).filter(pl.col("refused_by") != "")
    unknown = found.outcomes.with_columns(crosses_unknown=pl.col("as_of").dt.hour() == 5)
    records = {record.gate: record for record in missed_trades(decisions, unknown, ANALYSTS)}
    counts = dict(decisions["refused_by"].value_counts().iter_rows())
    assert {gate: record.bars for gate, record in records.items()} == counts
    assert (records["no_side"].judged, records["no_side"].net_bps) == (0, None)
    judged = decisions.join(unknown.filter(~pl.col("crosses_unknown")), on=["as_of", "side"])
    for gate in ("cost", "meta_label"):
        mine = judged.filter(pl.col("refused_by") == gate)
        assert records[gate].judged == mine.height
        assert records[gate].would_have_won == pytest.approx((mine["net_bps"] > 0).mean(), abs=0.1)
    assert missed_trades(decisions.filter(pl.col("refused_by") == "nobody"), unknown, ANALYSTS) == ()


def test_a_gate_over_many_unknown_minutes_has_no_verdict() -> None:
    decisions, outcomes = planted(300, -30.0, apart=60, held=30)
    known = {share: outcomes.with_columns(crosses_unknown=pl.int_range(300) < 300 * share) for share in (0.04, 0.06)}
    assert missed_trades(decisions, known[0.04], ANALYSTS)[0].verdict == "earns its keep"
    (record,) = missed_trades(decisions, known[0.06], ANALYSTS)
    assert (record.verdict, record.low_bps) == ("cannot be told", None)
    assert (record.bars, record.judged) == (300, 282)


def test_refusals_that_share_nothing_have_the_interval_of_students_t() -> None:
    from scipy.stats import ttest_1samp

    decisions, outcomes = planted(40, 3.0, apart=60, held=30)
    (record,) = missed_trades(decisions, outcomes, ANALYSTS)
    interval = ttest_1samp(outcomes["net_bps"].to_numpy(), 0.0).confidence_interval(0.95)
    assert record.low_bps == pytest.approx(interval.low)
    assert record.high_bps == pytest.approx(interval.high)
