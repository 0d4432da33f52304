from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from huracan_assets.memory.patterns import PATTERN_SCHEMA, find_patterns, replace_patterns
from huracan_assets.memory.trade_memory import MEMORY_SCHEMA
from huracan_assets.resources.postgres import connection
from huracan_assets_tests.memory.ledgers import NIGHT, ledger, points


def remembered(trades: int, setups: np.ndarray) -> pl.DataFrame:
    frame = ledger("ANY-USDT", trades).rename({"exit_at": "known_at"})
    stored = frame.with_columns(night=pl.lit(NIGHT), embedding=pl.Series(setups, dtype=MEMORY_SCHEMA["embedding"]))
    return stored.select(list(MEMORY_SCHEMA))


def islands() -> tuple[np.ndarray, np.ndarray]:
    """60 set-ups around three far points: 30, 20 and 10 of them, mixed; and which is whose."""
    rng = np.random.default_rng(4)
    whose = rng.permutation(np.repeat([0, 1, 2], [30, 20, 10]))
    centres = points(3, seed=9) * 50
    return (centres[whose] + 0.1 * points(60, seed=2)).astype(np.float32), whose


def test_planted_islands_are_found_with_their_figures() -> None:
    setups, whose = islands()
    frame = remembered(60, setups)
    found = find_patterns(frame, k=3, seed=1)
    assert found.schema == pl.Schema(PATTERN_SCHEMA)
    assert found["pattern"].to_list() == [0, 1, 2]
    assert found["trades"].to_list() == [30, 20, 10]
    for row in found.iter_rows(named=True):
        own = frame.filter(pl.Series(whose == row["pattern"]))
        assert row["mean_net_bps"] == pytest.approx(own["net_bps"].mean())
        assert row["win_rate"] == pytest.approx((own["net_bps"] > 0).mean())
        assert (row["first_seen"], row["last_seen"]) == (own["as_of"].min(), own["as_of"].max())
        np.testing.assert_allclose(row["centroid"], setups[whose == row["pattern"]].mean(axis=0), rtol=1e-5)


def test_the_order_of_rows_changes_no_bit() -> None:
    frame = remembered(80, points(80))
    found = find_patterns(frame, k=7, seed=1)
    for seed in range(3):
        assert find_patterns(frame.sample(fraction=1.0, shuffle=True, seed=seed), k=7, seed=1).equals(found)
    assert found["trades"].sum() == 80
    assert found["trades"].is_sorted(descending=True)


def test_fewer_distinct_set_ups_than_patterns() -> None:
    found = find_patterns(remembered(9, np.repeat(points(2), [5, 4], axis=0)), k=6, seed=1)
    assert found["trades"].to_list() == [5, 4]


def test_an_empty_memory_has_no_patterns() -> None:
    found = find_patterns(pl.DataFrame(schema=MEMORY_SCHEMA), k=6, seed=1)
    assert found.is_empty()
    assert found.schema == pl.Schema(PATTERN_SCHEMA)


@pytest.mark.usefixtures("engine_home")
def test_a_rerun_replaces_the_nights_patterns() -> None:
    first = find_patterns(remembered(60, islands()[0]), k=3, seed=1)
    with connection() as conn:
        replace_patterns(conn, "PATTERN-USDT", NIGHT, first)
        replace_patterns(conn, "PATTERN-USDT", NIGHT, first.head(2))
        stored = conn.execute(
            "SELECT pattern, trades, win_rate, mean_net_bps, first_seen, last_seen, centroid "
            "FROM pattern_library WHERE symbol = 'PATTERN-USDT' ORDER BY pattern"
        ).fetchall()
    assert [row[:6] for row in stored] == first.head(2).drop("centroid").rows()
    np.testing.assert_array_equal([row[6].to_list() for row in stored], first.head(2)["centroid"].to_list())
    with connection() as conn:
        replace_patterns(conn, "PATTERN-USDT", NIGHT, first.head(0))
        count = conn.execute("SELECT count(*) FROM pattern_library WHERE symbol = 'PATTERN-USDT'").fetchone()
    assert count == (0,)
