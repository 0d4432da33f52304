from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from huracan_assets.memory.similarity import MIN_NEIGHBOURS, best_case_net_bps, similarity_vote

Nets = list[float]


def recalled(longs: Nets, shorts: Nets) -> pl.DataFrame:
    """One bar whose neighbours went so."""
    row: dict[str, float | int | None] = {"neighbours": len(longs) + len(shorts)}
    for side, nets in (("long", longs), ("short", shorts)):
        row[f"{side}_neighbours"] = len(nets)
        row[f"{side}_mean_net_bps"] = float(np.mean(nets)) if nets else None
        row[f"{side}_rms_net_bps"] = float(np.sqrt(np.mean(np.square(nets)))) if nets else None
    types = {name: pl.Int32 if name.endswith("neighbours") else pl.Float64 for name in row}
    return pl.DataFrame([row], schema=types)


def vote(longs: Nets, shorts: Nets) -> float:
    return float(similarity_vote(recalled(longs, shorts))[0])


nets = st.lists(st.floats(-500, 500, allow_subnormal=False), max_size=20)


@given(longs=nets, shorts=nets)
def test_the_vote_is_bounded_and_turns_its_sign_with_the_sides(longs: Nets, shorts: Nets) -> None:
    assert -1.0 <= vote(longs, shorts) <= 1.0
    assert vote(longs, shorts) == -vote(shorts, longs)


@given(longs=nets, shorts=nets)
def test_the_vote_is_the_self_normalised_sum(longs: Nets, shorts: Nets) -> None:
    total = len(longs) + len(shorts)

    def evidence(side: Nets) -> float:
        scale = np.sqrt(total * np.sum(np.square(side))) if side else 0.0
        return max(0.0, float(np.sum(side))) / scale if scale > 0 else 0.0

    expected = evidence(longs) - evidence(shorts) if total >= MIN_NEIGHBOURS else 0.0
    assert vote(longs, shorts) == pytest.approx(expected, abs=1e-9)


def test_named_cases() -> None:
    assert vote([10.0] * 20, []) == pytest.approx(1.0)
    assert vote([], [10.0] * 20) == pytest.approx(-1.0)
    assert vote([10.0] * (MIN_NEIGHBOURS - 1), []) == 0.0
    assert vote([-10.0] * 20, []) == 0.0  # losing longs do not speak for shorts
    assert vote([10.0] * 10, [10.0] * 10) == 0.0
    assert 0.0 < vote([30.0, -10.0] * 5, [-5.0] * 10) < vote([30.0, 10.0] * 5, [-5.0] * 10)
    assert vote([0.0] * 10, []) == 0.0


@given(longs=nets, shorts=nets)
def test_the_best_case_is_the_upper_end_of_the_interval_and_needs_neighbours(longs: Nets, shorts: Nets) -> None:
    for found, side in zip(best_case_net_bps(recalled(longs, shorts))[0], (longs, shorts), strict=True):
        if len(side) < MIN_NEIGHBOURS:
            assert np.isnan(found)
        else:
            error = float(np.std(side, ddof=1)) / np.sqrt(len(side))
            expected = np.mean(side) + stats.t.ppf(0.95, len(side) - 1) * error
            assert found == pytest.approx(expected, abs=1e-4)


def test_few_or_scattered_losses_are_no_evidence_and_many_alike_are() -> None:
    def refused(side: Nets) -> bool:
        return bool(best_case_net_bps(recalled(side, []))[0, 0] <= 0.0)

    assert not refused([-50.0] * (MIN_NEIGHBOURS - 1))
    assert refused([-50.0] * MIN_NEIGHBOURS)
    assert not refused([-60.0, 40.0] * 5)
    assert refused([-60.0, -20.0] * 5)
