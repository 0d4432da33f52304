"""Bad input: a feature is null where it cannot be known, never infinite, never out of its range."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.days import MINUTE, midnight
from huracan_assets.features.compute import compute_features
from huracan_assets.features.contract import validate_features
from huracan_assets.features.day_account import null_counts
from huracan_assets.features.optional_inputs import OptionalInputs
from huracan_assets.features.recipe import FEATURE_NAMES, RECIPE
from huracan_assets_tests.causality.markets import made_day
from huracan_assets_tests.features.random_market import DAY_OF_TEST

OWN, BENCHMARK, FUNDING, MORE = made_day().market
MIDNIGHT = midnight(DAY_OF_TEST)
PRICES = ("open", "high", "low", "close")
AMOUNTS = ("volume", "quote_volume", "taker_buy_volume")
FEATURES = compute_features(DAY_OF_TEST, OWN, BENCHMARK, FUNDING, MORE)


def computed(own: pl.DataFrame, benchmark: pl.DataFrame | None = BENCHMARK) -> pl.DataFrame:
    """Features of the day, held to their contract: finite or null, and within their ranges."""
    return validate_features(compute_features(DAY_OF_TEST, own, benchmark, FUNDING, MORE), DAY_OF_TEST)


def between(begin: int, minutes: int) -> pl.Expr:
    """The minutes [begin, begin + minutes) from the day's midnight on; before it where negative."""
    first = MIDNIGHT + begin * MINUTE
    return (pl.col("ts") >= first) & (pl.col("ts") < first + minutes * MINUTE)


def planted(where: pl.Expr, columns: tuple[str, ...], change: Callable[[pl.Expr], pl.Expr]) -> pl.DataFrame:
    return OWN.with_columns(
        pl.when(where).then(change(pl.col(name))).otherwise(pl.col(name)).alias(name) for name in columns
    )


def nulls(frame: pl.DataFrame, begin: int, minutes: int) -> dict[str, float]:
    """Share of nulls of each feature among the rows of these minutes."""
    rows = frame.filter(between(begin, minutes))
    return {name: rows[name].null_count() / max(rows.height, 1) for name in FEATURE_NAMES}


UNSOUND = [float("nan"), float("inf"), float("-inf"), 0.0, -5.0, 1e300, 1e-300]


@pytest.mark.parametrize("value", UNSOUND)
@pytest.mark.parametrize("column", PRICES)
def test_a_minute_with_an_unsound_price_is_as_good_as_absent(column: str, value: float) -> None:
    where = between(600, 3)
    made = computed(planted(where, (column,), lambda _: pl.lit(value)))
    gone = computed(OWN.filter(~where))
    same = ~between(600, 3)
    assert made.filter(same).equals(gone.filter(same), null_equal=True)
    lost = nulls(made, 600, 3)
    clock = {feature.name for feature in RECIPE if feature.inputs == ("clock",)}
    assert all(lost[name] == 1.0 for name in ("ret_1", "ret_240", "bb_position", "taker_imbalance_1"))
    assert all(lost[name] == 0.0 for name in clock)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 1e300])
@pytest.mark.parametrize("column", AMOUNTS)
def test_an_unsound_amount_is_an_unknown_one(column: str, value: float) -> None:
    where = between(600, 3)
    made = computed(planted(where, (column,), lambda _: pl.lit(value)))
    untouched = [each.name for each in RECIPE if not {*AMOUNTS} & {*each.inputs}]
    assert made.select(untouched).equals(FEATURES.select(untouched), null_equal=True)
    assert made["ts"].equals(FEATURES["ts"])


def test_unsound_events_are_unknown_ones() -> None:
    assert FUNDING is not None and MORE.open_interest is not None and MORE.sentiment is not None
    for value in (float("nan"), float("inf")):
        rate = FUNDING.with_columns(rate=pl.lit(value))
        more = OptionalInputs(
            open_interest=MORE.open_interest.with_columns(open_interest=pl.lit(value)),
            sentiment=MORE.sentiment.with_columns(score=pl.lit(value)),
        )
        made = validate_features(compute_features(DAY_OF_TEST, OWN, BENCHMARK, rate, more), DAY_OF_TEST)
        names = (
            "funding_rate",
            "funding_mean",
            "funding_carry",
            "open_interest_change_60",
            "liquidation_heat",
            "sentiment",
        )
        assert all(made[name].null_count() == made.height for name in names)


def test_minutes_without_volume_have_no_price_of_trading() -> None:
    made = computed(planted(between(300, 400), AMOUNTS, lambda _: pl.lit(0.0)))
    lost = nulls(made, 600, 60)
    for name in ("vwap_distance", "amihud", "taker_imbalance_240", "taker_imbalance_ew_5", "liquidation_heat"):
        assert lost[name] == 1.0, name
    assert lost["micro"] == lost["ret_z_60"] == lost["volume_z"] == 0.0
    assert nulls(made, 1000, 400)["taker_imbalance_240"] == 0.0


def test_a_price_that_stands_still_leaves_null_what_is_a_ratio_to_its_moves() -> None:
    price = 100.0
    where = between(-4320, 4320 + 1440)
    made = computed(planted(where, PRICES, lambda _: pl.lit(price)))
    assert made["realised_vol_240"].unique().to_list() == [0.0] and made["rsi_14"].unique().to_list() == [50.0]
    still = null_counts(made)
    for name in ("ret_z_15", "bb_position", "mean_rev", "skew", "kurt", "tail_ratio", "line_residual_z", "ema_slope"):
        assert still[name] == made.height, name
    assert still["beta"] < made.height  # the benchmark moves, and the coin does not follow


@given(st.integers(60, 1200), st.sampled_from([1000.0, 0.001]))
@settings(max_examples=6)
def test_a_step_of_a_thousand_times_stays_within_every_range(minute: int, factor: float) -> None:
    made = computed(planted(between(minute, 10_000), PRICES, lambda price: price * factor))
    assert made["ts"].equals(FEATURES["ts"])
    before = pl.col("known_at") <= MIDNIGHT + minute * MINUTE
    assert made.filter(before).equals(FEATURES.filter(before))


def test_after_a_gap_of_a_day_nothing_speaks_of_before_it_and_everything_comes_back() -> None:
    """The day before is missing, and the first minute of this one."""
    made = computed(OWN.filter(~between(-1440, 1441)))
    first = made.row(0, named=True)
    clock = {feature.name for feature in RECIPE if feature.inputs == ("clock",)}
    events = {each.name for each in RECIPE if all("." in read for read in each.inputs)}
    alone, a_day_ago = {"taker_imbalance_1", "basis_bps"}, {"ret_1440", "carry_pnl"}  # known before the gap
    assert {name for name in FEATURE_NAMES if first[name] is not None} <= clock | events | alone | a_day_ago
    back = nulls(made, 1000, 440)
    late = {name for name, share in back.items() if share > 0.06}
    assert late == a_day_ago | {"ret_120_yesterday"}


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=12)
def test_whatever_comes_in_no_feature_is_infinite_or_out_of_range(seed: int) -> None:
    """Any mix of unsound prices and amounts, dead stretches, steps and gaps, in the benchmark too."""
    rng = np.random.default_rng(seed)

    def ruined(frame: pl.DataFrame) -> pl.DataFrame:
        table = {name: frame[name].to_numpy().copy() for name in (*PRICES, *AMOUNTS)}
        n = frame.height
        for _ in range(rng.integers(1, 8)):
            begin, length = rng.integers(0, n), int(2 ** rng.uniform(0, 11))
            rows, kind = slice(begin, begin + length), rng.integers(4)
            names = rng.permutation([*PRICES, *AMOUNTS])[: rng.integers(1, 7)]
            for name in PRICES if kind == 1 else names:
                if kind == 0:
                    table[name][rows] = rng.choice([*UNSOUND, 1e14, 1e-14])
                elif kind == 1:
                    table[name][rows] *= 10.0 ** rng.uniform(-6, 6)
                elif kind == 2:
                    table[name][rows] = table[name][begin]
                else:
                    table[name][rows] = 10.0 ** rng.uniform(-12, 12, table[name][rows].size)
        kept = np.ones(n, np.bool_)
        kept[rng.integers(0, n) :][: int(2 ** rng.uniform(0, 11))] = False
        return frame.with_columns(pl.Series(name, values) for name, values in table.items()).filter(pl.Series(kept))

    assert BENCHMARK is not None
    own = ruined(OWN)
    made = computed(own, ruined(BENCHMARK))
    day = (pl.col("ts") >= MIDNIGHT) & (pl.col("ts") < MIDNIGHT + timedelta(days=1))
    assert made.height == own.filter(day).height
    assert null_counts(made).keys() == set(FEATURE_NAMES)
