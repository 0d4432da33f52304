"""Do our features tell more of the next hour than the field's standard set? Same learner, rows and settings.

Every 15 minutes, the direction of the next 60, on five months of recorded candles that the choice of features has not
seen: learner and features were chosen on other months (`experiments skill_validation`). The learner is the
nightly's booster beside a line (`skill_learner.py`), anew for each month on the 150 days before it, purged. The peer is
Qlib's Alpha158.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huracan_assets.days import DAY, midnight
from huracan_assets_tests.benchmarks.harness import benchmark
from huracan_assets_tests.benchmarks.skill_learner import learned, rank_ic
from huracan_assets_tests.benchmarks.skill_rows import HORIZON, TRAIN_DAYS, Rows, judged_months, rows_of, symbols

Floats = NDArray[np.float64]
CONFIDENT = 0.05
GROSS_RATIO = 1.2
# Those of the recipe that validation kept. Where a source has no takers' volume, the benchmark leads by its returns.
CHOSEN = (
    "quiet_gap", "upper_gap", "htf", "drawdown", "run_up", "ret_1", "ret_5", "ret_15", "ret_30", "ret_60", "ret_240",
    "ret_720", "ret_1440", "ret_120_yesterday", "ret_z_240", "macd", "downside_share", "wick_balance",
    "benchmark_ret_1", "benchmark_ret_15", "benchmark_ret_60", "benchmark_imbalance_60", "benchmark_correlation",
    "catch_up_15", "taker_imbalance_60", "amihud", "volume_z", "bb_width", "compression", "realised_vol_240",
    "realised_vol_1440", "minute_of_day_sin", "minute_of_day_cos",
)  # fmt: skip


def _peer_rank_ic() -> float:
    return float(np.mean([month["rank_ic"] for month in judged("peer")]))


def _details() -> dict[str, Any]:
    """What else must hold, and the figures by symbol."""
    ours, peer = judged("ours"), judged("peer")
    by_symbol = {
        symbol: {
            f"{figure}{side}": _mean(months, figure, symbol)
            for figure in ("rank_ic", "auc", "gross_bps", "net_bps")
            for side, months in (("", ours), ("_peer", peer))
        }
        for symbol in symbols()
    }
    gross, gross_peer = _mean(ours, "gross_bps"), _mean(peer, "gross_bps")
    auc_higher = all(each["auc"] > each["auc_peer"] for each in by_symbol.values())
    return {
        "ok": auc_higher and gross > 0.0 and gross >= GROSS_RATIO * gross_peer,
        "auc_higher_everywhere": auc_higher,
        "gross_bps": gross,
        "gross_bps_peer": gross_peer,
        "net_bps": _mean(ours, "net_bps"),
        "net_bps_peer": _mean(peer, "net_bps"),
        "symbols": by_symbol,
    }


@benchmark(
    unit="rank IC", bound=1.4, better="higher", runs=1, peer=("Qlib's Alpha158", _peer_rank_ic), details=_details
)
def predictive_skill() -> float:
    """Mean rank correlation of the probability and the next hour's return, over symbols and months."""
    return float(np.mean([month["rank_ic"] for month in judged("ours")]))


@cache
def judged(side: str) -> list[dict[str, Any]]:
    """Figures of each symbol and month, of our features or of the peer's."""
    return [
        {"symbol": symbol, "month": str(first)} | _judge(rows_of(symbol), _columns(side), first, last)
        for symbol in symbols()
        for first, last in judged_months()
    ]


def _columns(side: str) -> Callable[[Rows], NDArray[np.float32]]:
    if side == "peer":
        return lambda rows: rows.peer
    return lambda rows: rows.ours[:, [rows.names.index(name) for name in CHOSEN]]


def _judge(rows: Rows, columns: Callable[[Rows], NDArray[np.float32]], first: date, last: date) -> dict[str, float]:
    from sklearn.metrics import roc_auc_score

    begin, end, until = (
        np.datetime64(midnight(day).replace(tzinfo=None), "us") for day in (first - TRAIN_DAYS * DAY, first, last + DAY)
    )
    # A label that reaches into the month would show it.
    train = (rows.as_of > begin) & (rows.as_of + HORIZON <= end)
    test = (rows.as_of > end) & (rows.as_of <= until)
    features, rose = columns(rows), rows.move > 0.0
    told = learned(features[train], rose[train].astype(np.float64), features[test])
    auc = float(roc_auc_score(rose[test], told))
    return {"rank_ic": rank_ic(told, rows.move[test]), "auc": auc, **_traded(told, rows, test)}


def _traded(told: Floats, rows: Rows, test: NDArray[np.bool_]) -> dict[str, float]:
    """Mean bps of the most confident decisions, close to close, and filled late and net of all costs."""
    lean = told - np.median(told)
    chosen = np.argsort(-np.abs(lean), kind="stable")[: max(1, round(CONFIDENT * len(lean)))]
    side = np.sign(lean[chosen])
    move, filled, cost = (values[test][chosen] for values in (rows.move, rows.filled, rows.cost))
    return {"gross_bps": float(np.mean(side * move)), "net_bps": float(np.mean(side * filled - cost))}


def _mean(months: list[dict[str, Any]], figure: str, symbol: str | None = None) -> float:
    values = [month[figure] for month in months if symbol in (None, month["symbol"])]
    return float(f"{np.mean(values):.4g}")
