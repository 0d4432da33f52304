from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from huracan_assets.errors import ContractError
from huracan_assets.memory.set_up_map import CLIP, DIMENSIONS, IQR_OF_NORMAL, SetUpMap, _projection

DAYS, A_DAY = 40, 8
START = np.datetime64("2026-01-05T00:00", "us")  # a Monday


def mapped(features: int = 12, **changes: object) -> SetUpMap:
    made: dict[str, object] = {
        "names": tuple(f"f{j}" for j in range(features)),
        "recipe_sha256": "r",
        "seed": 3,
        "usual_days": 10,
        "bars_a_day": A_DAY,
    }
    return SetUpMap(**(made | changes))  # type: ignore[arg-type]


def market(features: int = 12, seed: int = 0, days: int = DAYS) -> pl.DataFrame:
    values = np.random.default_rng(seed).standard_normal((days * A_DAY, features)).astype(np.float32)
    as_of = START + (np.arange(len(values)) + 1) * np.timedelta64(24 * 60 // A_DAY, "m")
    frame = pl.DataFrame({"as_of": as_of, **{f"f{j}": values[:, j] for j in range(features)}})
    return frame.with_columns(pl.col("as_of").dt.replace_time_zone("UTC"))


def placed(points: np.ndarray) -> np.ndarray:
    return np.asarray(~np.isnan(points).any(axis=1))


def test_a_point_is_the_projected_distance_from_the_usual_of_the_weeks_before() -> None:
    bars = market()
    points = mapped().points(bars)
    monday = START + np.timedelta64(21, "D")
    at = bars["as_of"].to_numpy()
    values = bars.drop("as_of").to_numpy().astype(np.float64)
    before = values[(at >= monday - np.timedelta64(10, "D")) & (at < monday)]
    low, middle, high = np.quantile(before, [0.25, 0.5, 0.75], axis=0)
    week = (at >= monday) & (at < monday + np.timedelta64(7, "D"))
    z = np.clip((values[week] - middle) / ((high - low) / IQR_OF_NORMAL), -CLIP, CLIP)
    np.testing.assert_allclose(points[week], z @ _projection(12, 3), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(pdist(points[week]), pdist(z), rtol=1e-4)  # few features: an isometry


def test_many_features_keep_squared_distances_on_average() -> None:
    z = np.random.default_rng(0).standard_normal((300, 120))
    ratio = pdist(z @ _projection(120, 3)) ** 2 / pdist(z) ** 2
    assert 0.95 < ratio.mean() < 1.05
    assert ratio.std() < 0.5


def test_the_projection_has_orthogonal_columns_of_equal_length() -> None:
    projection = _projection(80, 9)
    np.testing.assert_allclose(projection.T @ projection, np.eye(DIMENSIONS) * 80 / DIMENSIONS, atol=1e-12)


def test_a_bar_has_no_point_where_less_than_half_of_its_usual_is_known() -> None:
    points = mapped().points(market())
    at = market()["as_of"].to_numpy()
    assert placed(points).tolist() == (at >= START + np.timedelta64(7, "D")).tolist()
    assert not placed(mapped(usual_days=30).points(market())[: 14 * A_DAY]).any()


@settings(max_examples=20)
@given(cut=st.integers(0, DAYS * A_DAY), seed=st.integers(0, 3))
def test_no_later_bar_moves_an_earlier_point(cut: int, seed: int) -> None:
    bars = market(45, seed)
    later = bars.with_columns(
        pl.when(pl.int_range(pl.len()) < cut).then(pl.col(name)).otherwise(1e9).alias(name) for name in bars.columns[1:]
    )
    whole = mapped(45).points(bars)
    assert mapped(45).points(later)[:cut].tobytes() == whole[:cut].tobytes()
    assert mapped(45).points(bars.head(cut)).tobytes() == whole[:cut].tobytes()


@given(first=st.integers(0, 14))
def test_a_bar_lands_on_the_same_point_in_whatever_night(first: int) -> None:
    """A window that begins later, but holds the whole usual of a week, embeds that week alike."""
    bars = market()
    later = bars.filter(pl.col("as_of") >= bars["as_of"][0] + timedelta(days=first))
    whole, part = mapped().points(bars), mapped().points(later)
    settled = bars["as_of"].to_numpy() >= START + np.timedelta64(28, "D")
    assert part[-settled.sum() :].tobytes() == whole[settled].tobytes()


def test_a_coin_is_measured_by_its_own_usual() -> None:
    bars = market()
    louder = bars.with_columns(pl.col("^f.*$") * 64.0 + 1024.0)
    np.testing.assert_allclose(mapped().points(louder), mapped().points(bars), atol=2e-3)


def test_an_undefined_feature_lands_on_the_usual_and_a_wild_one_is_cut() -> None:
    bars = market()
    last = pl.int_range(pl.len()) == pl.len() - 1

    def at_last(value: float | None) -> np.ndarray:
        changed = bars.with_columns(f4=pl.when(last).then(pl.lit(value, pl.Float32)).otherwise("f4"))
        return np.asarray(mapped().points(changed)[-1])

    monday = START + np.timedelta64(35, "D")
    at = bars["as_of"].to_numpy()
    usual = bars["f4"].to_numpy()[(at >= monday - np.timedelta64(10, "D")) & (at < monday)].astype(np.float64)
    np.testing.assert_allclose(at_last(None), at_last(float(np.median(usual))), atol=1e-6)
    np.testing.assert_array_equal(at_last(1e6), at_last(1e12))


def test_a_constant_or_empty_feature_is_left_out_and_a_rare_flag_is_not() -> None:
    bars = market().with_columns(
        f0=pl.lit(7.0), f1=pl.lit(None, pl.Float32), f2=(pl.int_range(pl.len()) % 40 == 0).cast(pl.Float32)
    )
    points = mapped().points(bars)
    without = mapped(names=tuple(f"f{j}" for j in range(12))).points(bars.with_columns(f0=pl.lit(9.0)))
    assert points.tobytes() == without.tobytes()
    unflagged = mapped().points(bars.with_columns(f2=pl.when(pl.int_range(pl.len()) > 270).then(0.0).otherwise("f2")))
    assert (points[270:] != unflagged[270:]).any()


def test_the_name_tells_maps_apart() -> None:
    names = {
        mapped(**changes).name
        for changes in ({}, {"seed": 4}, {"recipe_sha256": "s"}, {"usual_days": 11}, {"features": 13})
    }
    assert len(names) == 5
    assert mapped().name == mapped().name


def test_points_of_some_bars() -> None:
    bars = market()
    some = bars["as_of"].gather([200, 90, 310])
    np.testing.assert_array_equal(mapped().points_at(bars, some), mapped().points(bars)[[200, 90, 310]])
    assert mapped().points_at(bars, some.clear()).shape == (0, DIMENSIONS)
    assert mapped().points(bars.clear()).shape == (0, DIMENSIONS)
    with pytest.raises(ContractError, match="no decision bar"):
        mapped().points_at(bars, some.dt.offset_by("1m"))


def test_infinite_values_missing_features_and_disorder_are_refused() -> None:
    bars = market()
    with pytest.raises(ContractError, match="f2"):
        mapped().points(bars.with_columns(f2=pl.lit(np.inf)))
    with pytest.raises(ContractError, match="f4"):
        mapped().points(bars.drop("f4"))
    with pytest.raises(ContractError, match="sort the bars"):
        mapped().points(bars.reverse())
