"""Regimes: told by plain evidence, summing to one, knowing nothing of other bars."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.errors import ContractError
from huracan_assets.regimes.regimes import EVIDENCE_NEEDED, REGIMES, classify, summary

QUIET = {
    "trend_str": 0.05, "efficiency_ratio": 0.01, "adx": 15.0, "htf": 0.5, "mean_rev": 0.1,
    "variance_ratio": 0.5, "compression": 0.8, "vol_ratio": 0.7, "vol_regime": 0.2,
    "drawdown_speed": 0.3, "vol_acceleration": 0.8,
}  # fmt: skip
TRENDING = {
    **QUIET, "trend_str": -0.5, "efficiency_ratio": 0.3, "adx": 55.0, "htf": 0.05, "mean_rev": -0.9,
    "variance_ratio": 1.6, "compression": 0.3,
}  # fmt: skip
CRASHING = {
    **TRENDING, "trend_str": -0.2, "efficiency_ratio": 0.1, "adx": 30.0, "vol_ratio": 4.0, "vol_regime": 1.0,
    "drawdown_speed": 6.0, "vol_acceleration": 3.0,
}  # fmt: skip


def bars(*rows: Mapping[str, float | None]) -> pl.DataFrame:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    as_of = pl.Series("as_of", [start + timedelta(minutes=15 * i) for i in range(len(rows))], pl.Datetime("us", "UTC"))
    values = pl.DataFrame(list(rows), schema=dict.fromkeys(EVIDENCE_NEEDED, pl.Float32()))
    return values.insert_column(0, as_of)


def random_bars(seed: int, n: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    scale = {
        "adx": 100.0,
        "vol_ratio": 5.0,
        "drawdown_speed": 8.0,
        "vol_acceleration": 5.0,
        "variance_ratio": 3.0,
    }
    rows = [
        {name: None if rng.random() < 0.2 else float(rng.random() * scale.get(name, 1.0)) for name in EVIDENCE_NEEDED}
        for _ in range(n)
    ]
    return bars(*rows)


def test_plain_evidence_is_told_by_its_name() -> None:
    made = classify(bars(QUIET, TRENDING, CRASHING))
    assert made["regime"].to_list() == ["RANGE", "TREND", "PANIC"]
    assert made.columns == ["as_of", "regime", "p_trend", "p_range", "p_panic", "early_warning"]
    assert (made["early_warning"][0] < 0.1) and (made["early_warning"][2] > 0.9)


def test_a_bar_without_evidence_is_a_warned_panic_of_equal_odds() -> None:
    row = classify(bars(dict.fromkeys(EVIDENCE_NEEDED))).row(0, named=True)
    assert row["regime"] == "PANIC" and row["early_warning"] == 1.0
    assert row["p_trend"] == row["p_range"] == row["p_panic"] == pytest.approx(1 / 3)


@given(st.integers(0, 10_000), st.integers(1, 10))
@settings(max_examples=30)
def test_each_bar_is_told_by_itself_and_probabilities_sum_to_one(seed: int, n: int) -> None:
    frame = random_bars(seed, n)
    made = classify(frame)
    for i in range(n):
        assert classify(frame[i : i + 1]).equals(made[i : i + 1])
    odds = made.select("p_trend", "p_range", "p_panic").to_numpy()
    np.testing.assert_allclose(odds.sum(axis=1), 1.0, atol=1e-12)
    assert (odds > 0).all() and made["early_warning"].is_between(0, 1).all()
    told = [REGIMES.index(name) for name in made["regime"]]
    assert (odds[np.arange(n), told] == odds.max(axis=1)).all()


def test_an_absent_feature_is_named() -> None:
    with pytest.raises(ContractError, match="bars lack adx"):
        classify(bars(QUIET).drop("adx"))


def test_summary_counts_shares_and_spells() -> None:
    made = summary(classify(bars(QUIET, QUIET, TRENDING, QUIET)))
    assert made.rows() == [("TREND", 1, 0.25, 1, 1.0), ("RANGE", 3, 0.75, 2, 1.5), ("PANIC", 0, 0.0, 0, None)]
    assert summary(classify(bars(QUIET)[:0]))["bars"].to_list() == [0, 0, 0]
