from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import silhouette_score

from huracan_assets.memory.patterns import (
    ELSEWHERE_SCHEMA,
    MEAN_TRADES,
    PATTERN_SCHEMA,
    _clusters,
    candidates,
    find_patterns,
    replace_patterns,
    silhouettes,
)
from huracan_assets.memory.set_ups import SET_UP_SCHEMA
from huracan_assets.resources.postgres import connection
from huracan_assets_tests.memory.ledgers import NIGHT, ledger, points


def set_ups(setups: np.ndarray) -> pl.DataFrame:
    frame = ledger("ANY-USDT", len(setups)).rename({"exit_at": "known_at"})
    placed = frame.with_columns(embedding=pl.Series(setups, dtype=SET_UP_SCHEMA["embedding"]))
    return placed.select(list(SET_UP_SCHEMA))


def islands(sizes: tuple[int, ...] = (30, 20, 10)) -> tuple[np.ndarray, np.ndarray]:
    """Set-ups around far points, mixed; and which is whose."""
    rng = np.random.default_rng(4)
    whose = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    centres = points(len(sizes), seed=9) * 50
    return (centres[whose] + 0.1 * points(sum(sizes), seed=2)).astype(np.float32), whose


def test_planted_islands_are_found_with_their_figures() -> None:
    setups, whose = islands()
    frame = set_ups(setups)
    found = find_patterns(frame, most=12, seed=1)
    assert found.schema == pl.Schema(PATTERN_SCHEMA)
    assert found["pattern"].to_list() == [0, 1, 2]
    assert found["trades"].to_list() == [30, 20, 10]
    for row in found.iter_rows(named=True):
        own = frame.filter(pl.Series(whose == row["pattern"]))
        assert row["mean_net_bps"] == pytest.approx(own["net_bps"].mean())
        assert row["win_rate"] == pytest.approx((own["net_bps"] > 0).mean())
        assert row["long_share"] == pytest.approx((own["side"] == 1).mean())
        assert (row["first_seen"], row["last_seen"]) == (own["as_of"].min(), own["as_of"].max())
        newest = own.sort("known_at")["net_bps"].tail(row["recent_trades"])
        assert row["recent_net_bps"] == pytest.approx(newest.mean())
        np.testing.assert_allclose(row["centroid"], setups[whose == row["pattern"]].mean(axis=0), rtol=1e-5)


def test_the_number_of_patterns_is_the_datas_own() -> None:
    """Among the numbers that leave a pattern enough trades, the one with the clearest clusters."""
    least, greatest = (240 // mean for mean in reversed(MEAN_TRADES))
    for number in (8, 14):
        setups, _ = islands(tuple([240 // number] * number))
        assert candidates(len(setups), 60)[0] == len(setups) // MEAN_TRADES[1]
        found = find_patterns(set_ups(setups), most=60, seed=1).height
        assert least <= found <= greatest
        near = min(candidates(len(setups), 60), key=lambda tried: abs(tried - number))
        assert abs(found - number) <= abs(near - number)


def test_months_of_trades_make_forty_to_sixty_patterns_and_never_more_than_allowed() -> None:
    assert candidates(900, 60)[-1] == 60
    assert candidates(480, 60)[-1] == 40
    assert max(candidates(5_000, 25)) == 25
    assert candidates(1, 60) == [1]


def test_silhouettes_are_those_of_the_textbook() -> None:
    setups = points(200).astype(np.float64)
    labels = [np.random.default_rng(seed).integers(0, 5 + seed, 200) for seed in range(3)]
    expected = [silhouette_score(setups, one) for one in labels]
    np.testing.assert_allclose(silhouettes(setups, labels), expected, atol=1e-12)
    assert silhouettes(setups, [np.zeros(200, int)]) == [0.0]


def test_the_order_of_rows_changes_no_bit() -> None:
    frame = set_ups(points(80))
    found = find_patterns(frame, most=7, seed=1)
    for seed in range(3):
        assert find_patterns(frame.sample(fraction=1.0, shuffle=True, seed=seed), most=7, seed=1).equals(found)
    assert found["trades"].sum() == 80
    assert found["trades"].is_sorted(descending=True)


def test_labels_are_numbered_by_first_appearance() -> None:
    labels = _clusters(islands()[0].astype(np.float64), 12, 3)
    _, first = np.unique(labels, return_index=True)
    assert (np.diff(first) > 0).all()


def test_fewer_distinct_set_ups_than_patterns() -> None:
    found = find_patterns(set_ups(np.repeat(points(2), [50, 40], axis=0)), most=6, seed=1)
    assert found["trades"].to_list() == [50, 40]
    assert find_patterns(set_ups(points(1)), most=6, seed=1)["health"].to_list() == ["young"]


def test_an_empty_memory_has_no_patterns() -> None:
    found = find_patterns(pl.DataFrame(schema=SET_UP_SCHEMA), most=6, seed=1)
    assert found.is_empty()
    assert found.schema == pl.Schema(PATTERN_SCHEMA)


@pytest.mark.usefixtures("engine_home")
def test_a_rerun_replaces_the_nights_patterns() -> None:
    columns = [*PATTERN_SCHEMA, *ELSEWHERE_SCHEMA]
    told = pl.DataFrame({"elsewhere_trades": [20, 7, 0], "elsewhere_net_bps": [1.5, -2.0, None]}, ELSEWHERE_SCHEMA)
    first = find_patterns(set_ups(islands()[0]), most=3, seed=1).hstack(told)
    with connection() as conn:
        replace_patterns(conn, "PATTERN-USDT", NIGHT, first)
        replace_patterns(conn, "PATTERN-USDT", NIGHT, first.tail(2))
        stored = conn.execute(
            f"SELECT {', '.join(columns)} FROM pattern_library WHERE symbol = 'PATTERN-USDT' ORDER BY pattern"
        ).fetchall()
    centroid = columns.index("centroid")
    assert [(*row[:centroid], *row[centroid + 1 :]) for row in stored] == first.tail(2).drop("centroid").rows()
    np.testing.assert_array_equal([row[centroid].to_list() for row in stored], first.tail(2)["centroid"].to_list())
    with connection() as conn:
        replace_patterns(conn, "PATTERN-USDT", NIGHT, first.head(0))
        count = conn.execute("SELECT count(*) FROM pattern_library WHERE symbol = 'PATTERN-USDT'").fetchone()
    assert count == (0,)
