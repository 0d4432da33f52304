"""Signals in long form, and a consensus that clones, order and later bars cannot move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.engines import range as range_engine
from huracan_assets.engines import trend
from huracan_assets.engines.consensus import ENGINES, SIGNAL_SCHEMA, alpha_signals, consensus
from huracan_assets.errors import ContractError

TIMES = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=15 * i) for i in range(30)]


def engine(name: str, side: list[int], confidence: list[float], affinity: list[float]) -> pl.DataFrame:
    table = {"as_of": TIMES[: len(side)], "engine": [name] * len(side), "side": side}
    return pl.DataFrame({**table, "confidence": confidence, "affinity": affinity}, schema=SIGNAL_SCHEMA)


def together(*engines: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(engines).sort("as_of", maintain_order=True)


def random_engine(name: str, rng: np.random.Generator, n: int) -> pl.DataFrame:
    side = rng.integers(-1, 2, n)
    confidence = np.where(side == 0, 0.0, np.round(rng.random(n), 1))
    return engine(name, side.tolist(), confidence.tolist(), np.round(rng.random(n), 1).tolist())


def test_vote_and_agreement_are_the_weighted_means() -> None:
    made = consensus(
        together(engine("a", [1, 1], [0.8, 0.5], [1.0, 1.0]), engine("b", [-1, 0], [0.5, 0.0], [0.4, 0.4]))
    )
    assert made["vote"].to_list() == pytest.approx([(0.8 - 0.2) / 1.4, 0.5 / 1.4])
    assert made["agreement"].to_list() == pytest.approx([0.6, 1.0])
    assert made["n_engines"].to_list() == [2, 1]


def test_silence_is_no_vote() -> None:
    made = consensus(together(engine("a", [0], [0.0], [1.0]), engine("b", [0], [0.0], [0.5])))
    assert made.select("vote", "agreement", "n_engines").row(0) == (0.0, 0.0, 0)


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 30))
@settings(max_examples=60)
def test_clones_order_and_later_bars_change_no_bit(seed: int, count: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    engines = [random_engine(f"engine {k}", rng, n) for k in range(count)]
    alone = consensus(together(*engines))
    copied = engines[int(rng.integers(count))]
    clones = [copied.with_columns(pl.lit(f"clone {k}").alias("engine")) for k in range(int(rng.integers(1, 4)))]
    crowd = [*engines, *clones]
    shuffled = [crowd[k] for k in rng.permutation(len(crowd))]
    assert consensus(together(*shuffled)).equals(alone)
    cut = int(rng.integers(1, n + 1))
    assert consensus(together(*(part[:cut] for part in engines))).equals(alone[:cut])
    assert alone["vote"].is_between(-1, 1).all() and alone["agreement"].is_between(0, 1).all()


def test_an_engine_that_departs_from_its_twin_counts_from_then_on() -> None:
    twin = engine("a", [1, 1], [0.5, 0.5], [1.0, 1.0])
    made = consensus(together(twin, engine("b", [1, -1], [0.5, 0.5], [1.0, 1.0])))
    assert made["n_engines"].to_list() == [1, 2]
    assert made["vote"].to_list() == [0.5, 0.0]


def test_a_missing_row_is_refused() -> None:
    whole = together(engine("a", [1, 1], [0.5, 0.5], [1.0, 1.0]), engine("b", [1, 1], [0.4, 0.5], [1.0, 1.0]))
    with pytest.raises(ContractError, match="not one row for each of 2 bars and 2 engines"):
        consensus(whole[:3])
    assert consensus(whole[:0]).height == 0


def test_signals_stand_in_order_with_affinity_by_regime() -> None:
    needs = sorted({*trend.NEEDS, *range_engine.NEEDS})
    bars = pl.DataFrame(
        {"as_of": TIMES[:2], **{name: [None, 0.5] for name in needs}},
        schema_overrides={"as_of": pl.Datetime("us", "UTC")},
    )
    regimes = pl.DataFrame(
        {"as_of": bars["as_of"], "p_trend": [1.0, 0.5], "p_range": [0.0, 0.5], "p_panic": [0.0, 0.0]}
    )
    signals = alpha_signals(bars, regimes)
    assert signals.schema == SIGNAL_SCHEMA
    assert signals["engine"].to_list() == ["trend", "range", "trend", "range"]
    assert signals["affinity"].to_list() == pytest.approx([1.0, 0.3, 0.65, 0.65])
    with pytest.raises(ContractError, match="differ in as_of"):
        alpha_signals(bars, regimes.reverse())
    with pytest.raises(ContractError, match="not told apart"):
        alpha_signals(bars, regimes, (ENGINES[0], ENGINES[0]))
