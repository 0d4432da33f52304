"""The leak zoo: each planted leak is caught, its clean twin is not."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from huracan_assets.errors import ContractError
from huracan_assets.features.compute import compute_features, decision_bars
from huracan_assets.guards.leakage import (
    CHECKS,
    Fit,
    Order,
    Split,
    fit_on_test,
    future_correlation,
    label_overlap,
    leakage_report,
    pipeline_orders,
    target_proxy,
    timestamp_alignment,
)
from huracan_assets.market.contract import to_candles

Array = NDArray[np.float64]
N, CORRELATION_MAX, MINUTE = 6000, 0.25, np.timedelta64(60_000_000, "us")
AS_OF = np.datetime64("2024-01-01", "us") + 15 * MINUTE * np.arange(1, N + 1)


def walk(seed: int) -> Array:
    """Log price of a market without any edge, with volatility that clusters."""
    rng = np.random.default_rng(seed)
    calm = np.exp(0.5 * np.sin(np.arange(N) / 150.0))
    return np.cumsum(2e-3 * calm * rng.standard_t(4, N))


def trailing(price: Array, bars: int) -> Array:
    return np.concatenate([np.full(bars, np.nan), price[bars:] - price[:-bars]])


def ahead(x: Array, bars: int) -> Array:
    return np.concatenate([x[bars:], np.full(bars, np.nan)])


def average(x: Array, bars: int) -> Array:
    return np.convolve(np.nan_to_num(x), np.ones(bars) / bars, "full")[: x.size]


PRICE = walk(1)
CLEAN = {
    "return": trailing(PRICE, 1),
    "momentum": trailing(PRICE, 8),
    "slow": trailing(PRICE, 96),
    "distance": PRICE - average(PRICE, 20),
    "volatility": average(np.abs(trailing(PRICE, 1)), 16),
    "clock": np.sin(np.arange(N) * 2 * np.pi / 96),
    "noise": np.random.default_rng(3).standard_normal(N),
    "global z": (trailing(PRICE, 8) - np.nanmean(trailing(PRICE, 8))) / np.nanstd(trailing(PRICE, 8)),
    "dead": np.full(N, np.nan),
}
LEAKS = {
    "shift -1": ahead(trailing(PRICE, 1), 1),
    "shift -1 of momentum": ahead(trailing(PRICE, 8), 1),
    "centred window": ahead(PRICE, 4) - PRICE + trailing(PRICE, 4),
    "as-of join forward": np.where(np.arange(N) % 4 == 0, trailing(PRICE, 4), np.nan),
    "label itself": ahead(PRICE, 8) - PRICE,
}
# Each row takes the next row of the coarse series that has a value, instead of the last.
JOINED = LEAKS["as-of join forward"]
LEAKS["as-of join forward"] = JOINED[np.minimum(-(-np.arange(N) // 4) * 4, N - 1)]


def caught(columns: dict[str, Array], price: Array = PRICE) -> set[str]:
    names, values = list(columns), np.stack(list(columns.values()), axis=1)
    forward = ahead(price, 8) - price
    found = future_correlation(names, values, AS_OF, price, CORRELATION_MAX)
    found += target_proxy(names, values, forward, 8, CORRELATION_MAX)
    assert all(finding.figure > finding.bound and finding.subject in finding.sentence for finding in found)
    return {finding.subject for finding in found}


def test_every_planted_leak_is_caught_and_no_clean_twin() -> None:
    assert caught(CLEAN) == set()
    assert caught(LEAKS) == set(LEAKS)


def test_noise_raises_no_alarm_in_a_hundred_markets_of_any_length() -> None:
    for seed in range(100):
        rng = np.random.default_rng(seed)
        slow = np.cumsum(rng.standard_normal((N, 3)), axis=0)
        fast = rng.standard_normal((N, 3))
        price = walk(seed + 1000)
        n = int(rng.integers(50, N))
        names = [f"feature {k}" for k in range(6)]
        values = np.concatenate([slow, fast], axis=1)[:n]
        forward = ahead(price[:n], 8) - price[:n]
        assert future_correlation(names, values, AS_OF[:n], price[:n], CORRELATION_MAX) == []
        assert target_proxy(names, values, forward, 8, CORRELATION_MAX) == []


def test_an_honest_weak_edge_is_no_leak() -> None:
    rng = np.random.default_rng(8)
    flow = np.empty(N)
    flow[0] = 0.0
    for i in range(1, N):
        flow[i] = 0.9 * flow[i - 1] + np.sqrt(1 - 0.81) * rng.standard_normal()
    price = np.cumsum(2e-3 * (0.08 * np.concatenate([[0.0], flow[:-1]]) + rng.standard_normal(N)))
    assert caught({"flow": flow}, price) == set()


def test_real_features_are_clean_and_their_shifted_twins_are_not(shared: Path) -> None:
    last, days = date(2023, 2, 28), 40
    span = pl.col("ts").dt.date().is_between(last - timedelta(days=days + 3), last)
    folder = shared / "data" / "candles_1m_2023"
    coin, benchmark = (
        to_candles(pl.scan_parquet(folder / f"{name}-USDT.parquet").filter(span).collect().sort("ts"))
        for name in ("SOL", "BTC")
    )
    frames = [compute_features(last - timedelta(days=back), coin, benchmark, None) for back in range(days)[::-1]]
    bars = decision_bars(pl.concat(frames), 15)
    close = coin.select(pl.col("known_at").alias("as_of"), price=pl.col("close").log())
    price = bars.join(close, on="as_of", how="left", maintain_order="left")["price"].to_numpy()
    as_of = bars["as_of"].dt.replace_time_zone(None).to_numpy()
    names = bars.columns[1:]
    values = bars.select(names).cast(pl.Float64).fill_null(np.nan).to_numpy()
    forward = ahead(price, 8) - price
    assert future_correlation(names, values, as_of, price, CORRELATION_MAX) == []
    assert target_proxy(names, values, forward, 8, CORRELATION_MAX) == []
    shifted = np.concatenate([values[1:], values[-1:]])
    found = {finding.subject for finding in future_correlation(names, shifted, as_of, price, CORRELATION_MAX)}
    assert found >= {
        "ret_1",
        "ret_15",
        "ret_60",
        "rsi_14",
        "macd",
        "bb_position",
        "mean_rev",
        "vwap_distance",
        "micro",
    }


@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=80)
def test_label_overlap_counts_what_comparing_every_pair_counts(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    start = np.datetime64("2024-01-01", "us")

    def intervals(count: int) -> tuple[NDArray[np.datetime64], NDArray[np.datetime64]]:
        begin = rng.integers(0, 300, count)
        return start + begin * MINUTE, start + (begin + rng.integers(0, 12, count)) * MINUTE

    (a0, a1), (b0, b1) = intervals(n), intervals(m)
    direct = sum(bool(((b0 <= a1[i]) & (b1 >= a0[i])).any()) for i in range(n))
    found = label_overlap([Split("fold 3", a0, a1, b0, b1)])
    assert [finding.figure for finding in found] == ([float(direct)] if direct else [])


def test_unpurged_folds_are_found_and_purged_ones_are_not() -> None:
    end = AS_OF + 120 * MINUTE
    train, test = np.arange(100), np.arange(100, 200)
    purged = train[end[train] <= AS_OF[99]]
    splits = [
        Split(name, AS_OF[rows], end[rows], AS_OF[test], end[test])
        for name, rows in (("raw", train), ("purged", purged))
    ]
    (finding,) = label_overlap(splits)
    assert (finding.subject, finding.figure) == ("raw", 8.0)


def test_a_fit_on_what_judges_it_is_found() -> None:
    honest = Fit("scaler", AS_OF[10], AS_OF[10])
    (finding,) = fit_on_test([honest, Fit("calibrator", AS_OF[12], AS_OF[10])])
    assert (finding.subject, finding.figure) == ("calibrator", 30.0)


def test_each_broken_law_of_time_is_found() -> None:
    ts = AS_OF[:50]
    lawful = {
        "ts": ts, "known_at": ts + MINUTE, "as_of": ts + MINUTE, "used_known_at": ts + MINUTE,
        "decided_at": ts, "entry_at": ts + MINUTE, "exit_at": ts + 9 * MINUTE,
    }  # fmt: skip
    assert timestamp_alignment(pipeline_orders(**lawful)) == []
    broken = {
        "known_at": ("features known_at", ts),
        "ts": ("rising order", ts[::-1]),
        "used_known_at": ("as_of at or after", ts + 2 * MINUTE),
        "entry_at": ("entry after the decision", ts),
        "exit_at": ("exit at or after", ts),
    }
    for name, (what, times) in broken.items():
        found = timestamp_alignment(pipeline_orders(**{**lawful, name: times}))
        assert any(what in finding.subject for finding in found), name
    with pytest.raises(ContractError, match="align them first"):
        timestamp_alignment([Order("x after y", ts, ts[1:], 0.0)])


def test_the_report_lists_every_check_and_refuses_to_leave_one_out() -> None:
    finding = fit_on_test([Fit("scaler", AS_OF[12], AS_OF[10])])
    report = leakage_report({**dict.fromkeys(CHECKS, ()), "fit_on_test": finding})
    document = report.as_document()
    assert not report.clean and document["clean"] is False
    assert [check["check"] for check in document["checks"]] == list(CHECKS)  # type: ignore[attr-defined]
    assert leakage_report(dict.fromkeys(CHECKS, ())).clean
    with pytest.raises(ContractError, match="needs exactly the checks"):
        leakage_report({"fit_on_test": []})
