from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from huracan_assets.errors import ContractError
from huracan_assets.memory.embedding import CLIP, DIMENSIONS, Embedding


def features(bars: int, count: int, seed: int = 0) -> tuple[np.ndarray, tuple[str, ...]]:
    values = np.random.default_rng(seed).standard_normal((bars, count)).astype(np.float32)
    return values, tuple(f"f{j}" for j in range(count))


def test_few_features_keep_every_distance() -> None:
    values, names = features(200, 12)
    embedding = Embedding.fit(values, names, seed=3)
    z = np.clip((values - np.array(embedding.centre)) / np.array(embedding.scale), -CLIP, CLIP)
    np.testing.assert_allclose(pdist(embedding.transform(values, names)), pdist(z), rtol=1e-4)


def test_many_features_keep_squared_distances_on_average() -> None:
    values, names = features(300, 120)
    embedding = Embedding.fit(values, names, seed=3)
    z = np.clip((values - np.array(embedding.centre)) / np.array(embedding.scale), -CLIP, CLIP)
    ratio = pdist(embedding.transform(values, names)) ** 2 / pdist(z) ** 2
    assert 0.95 < ratio.mean() < 1.05
    assert ratio.std() < 0.5


def test_the_projection_has_orthogonal_columns_of_equal_length() -> None:
    values, names = features(50, 80)
    projection = np.array(Embedding.fit(values, names, seed=9).projection)
    np.testing.assert_allclose(projection.T @ projection, np.eye(DIMENSIONS) * 80 / DIMENSIONS, atol=1e-12)


@given(rows=st.lists(st.integers(0, 199), min_size=1, max_size=40), seed=st.integers(0, 5))
def test_a_rows_bits_depend_on_that_row_alone(rows: list[int], seed: int) -> None:
    values, names = features(200, 45, seed)
    values[::7, 3] = np.nan
    embedding = Embedding.fit(values[:100], names, seed)
    whole = embedding.transform(values, names)
    assert whole.dtype == np.float32
    assert embedding.transform(values[rows], names).tobytes() == whole[rows].tobytes()


def test_the_order_of_features_and_unknown_ones_change_nothing() -> None:
    values, names = features(100, 20)
    embedding = Embedding.fit(values[:, :18], names[:18], seed=1)
    mixed = embedding.transform(values[:, ::-1], names[::-1])
    assert mixed.tobytes() == embedding.transform(values[:, :18], names[:18]).tobytes()


def test_json_keeps_every_bit() -> None:
    values, names = features(100, 40)
    embedding = Embedding.fit(values, names, seed=1)
    assert Embedding.model_validate_json(embedding.model_dump_json()) == embedding


def test_an_undefined_feature_lands_on_its_centre_and_a_wild_one_is_cut() -> None:
    values, names = features(100, 20)
    embedding = Embedding.fit(values, names, seed=1)
    centre = np.array([embedding.centre])
    nothing = np.full((1, 20), np.nan)
    np.testing.assert_array_equal(embedding.transform(nothing, names), embedding.transform(centre, names))
    wild, wilder = centre.copy(), centre.copy()
    wild[0, 4], wilder[0, 4] = 1e6, 1e12
    np.testing.assert_array_equal(embedding.transform(wild, names), embedding.transform(wilder, names))


def test_a_constant_or_empty_feature_is_left_out_and_a_rare_flag_is_not() -> None:
    values, names = features(100, 20)
    values[:, 0], values[:, 1], values[:, 2] = 7.0, np.nan, 0.0
    values[:5, 2] = 1.0
    embedding = Embedding.fit(values, names, seed=1)
    changed = values.copy()
    changed[:, 0] += 100.0
    changed[:, 1] = 3.0
    assert embedding.transform(changed, names).tobytes() == embedding.transform(values, names).tobytes()
    assert embedding.scale[2] == pytest.approx(np.sqrt(0.05 * 0.95))


def test_later_bars_do_not_move_the_map() -> None:
    values, names = features(300, 20)
    poisoned = values.copy()
    poisoned[100:] = 1e9
    assert Embedding.fit(values[:100], names, 1) == Embedding.fit(poisoned[:100], names, 1)


def test_infinite_values_missing_features_and_empty_slices_are_refused() -> None:
    values, names = features(100, 5)
    embedding = Embedding.fit(values, names, seed=1)
    values[3, 2] = np.inf
    with pytest.raises(ContractError, match="f2"):
        Embedding.fit(values, names, seed=1)
    with pytest.raises(ContractError, match="f2"):
        embedding.transform(values, names)
    with pytest.raises(ContractError, match="f4"):
        embedding.transform(values[:, :4], names[:4])
    with pytest.raises(ContractError, match="longer slice"):
        Embedding.fit(values[:1], names, seed=1)
    with pytest.raises(ContractError, match="distinct names"):
        Embedding.fit(values, ("a", "a", "b", "c", "d"), seed=1)
