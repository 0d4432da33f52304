"""A night teaches the nights after it once its leakage report is clean, and not before."""

from __future__ import annotations

from datetime import date, timedelta

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_assets.errors import ContractError
from huracan_assets.memory.clearance import judge_night
from huracan_assets.memory.elsewhere import others
from huracan_assets.memory.set_ups import Held, Memory, compare_nights, held, known_set_ups
from huracan_assets.memory.trade_memory import remembered_ledger, replace_ledger
from huracan_assets.resources import migrations
from huracan_assets.resources.postgres import connection, database_url
from huracan_assets_tests.fixtures import forget_databases
from huracan_assets_tests.memory.ledgers import MAP, NIGHT, points
from huracan_assets_tests.memory.test_set_ups import AFTER, by_hand, known, sequential

pytestmark = pytest.mark.usefixtures("engine_home")


def write(symbol: str, night: date, seed: int) -> list[tuple[object, object]]:
    """A ledger as `shadow_ledger` leaves it: nobody has judged it yet. Its trades' spans."""
    frame = sequential(symbol, seed)
    with connection() as conn:
        replace_ledger(conn, symbol, night, frame, points(frame.height, seed), MAP)
    return list(frame.select("as_of", "exit_at").iter_rows())


def judge(symbol: str, night: date, *, clean: bool) -> None:
    with connection() as conn:
        judge_night(conn, symbol, night, clean=clean)


def nights(symbol: str) -> Held:
    with connection() as conn:
        return held(conn, Memory(symbol, MAP, AFTER))


@settings(max_examples=10)
@given(
    order=st.permutations([0, 1, 2, 3]),
    verdicts=st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=6),
    seed=st.integers(0, 50),
)
def test_only_cleared_nights_teach_in_whatever_order_they_are_written_and_judged(
    order: list[int], verdicts: list[tuple[int, bool]], seed: int
) -> None:
    """A night that is not cleared is told to nobody and displaces no trade of another."""
    symbol, spans, cleared = "JUDGED-USDT", {}, {}
    for place in order:
        spans[NIGHT + timedelta(place)] = write(symbol, NIGHT + timedelta(place), 100 * seed + place)
        known(symbol)
    for place, clean in verdicts:
        judge(symbol, NIGHT + timedelta(place), clean=clean)
        cleared[NIGHT + timedelta(place)] = clean
        if clean:
            known(symbol)
    teaching = {night: spans[night] for night, clean in cleared.items() if clean}
    for before in (NIGHT, NIGHT + timedelta(2), AFTER):
        assert known(symbol, before)["as_of"].to_list() == by_hand(teaching, before)  # type: ignore[arg-type]
    assert nights(symbol) == Held(len(teaching), 0, max(teaching, default=None), 4 - len(teaching))


def test_a_leaked_night_leaves_nothing_and_its_clean_rerun_heals() -> None:
    symbol, night = "LEAKED-USDT", NIGHT
    write(symbol, night, 1)
    judge(symbol, night, clean=False)
    later = write(symbol, night + timedelta(1), 2)
    judge(symbol, night + timedelta(1), clean=True)
    honest = by_hand({night + timedelta(1): later}, AFTER)  # type: ignore[dict-item]
    assert known(symbol)["as_of"].to_list() == honest
    again = write(symbol, night, 3)
    assert known(symbol)["as_of"].to_list() == honest
    judge(symbol, night, clean=True)
    both = by_hand({night: again, night + timedelta(1): later}, AFTER)  # type: ignore[dict-item]
    assert known(symbol)["as_of"].to_list() == both != honest


def test_a_cleared_ledger_that_is_written_anew_awaits_its_own_report() -> None:
    """So it is with a run that is killed between the two, until the night is run again."""
    symbol = "KILLED-USDT"
    write(symbol, NIGHT, 1)
    judge(symbol, NIGHT, clean=True)
    before = known(symbol)
    assert before.height > 5
    write(symbol, NIGHT, 1)
    assert known(symbol).is_empty()
    assert nights(symbol) == Held(0, 0, None, 1)
    with connection() as conn:
        assert remembered_ledger(conn, symbol, NIGHT).height == before.height  # for its judge
    judge(symbol, NIGHT, clean=True)
    assert known(symbol).equals(before)


def test_a_report_that_finds_a_leak_later_takes_the_night_back() -> None:
    symbol = "LATE-USDT"
    write(symbol, NIGHT, 1)
    judge(symbol, NIGHT, clean=True)
    assert known(symbol).height > 5
    judge(symbol, NIGHT, clean=False)
    assert known(symbol).is_empty()


def test_other_coins_are_told_of_cleared_nights_alone() -> None:
    """Under a map of the test's own."""
    frame, memory = sequential("BESIDE-USDT", 4), Memory("ASKING-USDT", "clearance", AFTER)
    with connection() as conn:
        replace_ledger(conn, "BESIDE-USDT", NIGHT, frame, points(frame.height), "clearance")
        compare_nights(conn, AFTER)
        assert others(conn, memory) == 0
        judge_night(conn, "BESIDE-USDT", NIGHT, clean=True)
        compare_nights(conn, AFTER)
        assert others(conn, memory) == frame.height


def test_a_night_without_a_ledger_cannot_be_judged() -> None:
    with pytest.raises(ContractError, match=r"no ledger of 2026-06-01\|NOBODY-USDT: materialise shadow_ledger"):
        judge("NOBODY-USDT", NIGHT, clean=True)


def test_nights_of_an_older_database_teach_once_they_are_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import command

    own = database_url()
    with psycopg.connect(own, autocommit=True) as conn:
        conn.execute("CREATE DATABASE older")
    monkeypatch.setenv("DATABASE_URL", own.replace("/huracan?", "/older?"))
    forget_databases()
    upgrade = command.upgrade
    with monkeypatch.context() as patch:
        patch.setattr(command, "upgrade", lambda config, _: upgrade(config, "0004"))
        migrations.ensure_schema(database_url())
    point = "array_fill(0, '{32}')::vector"
    with psycopg.connect(database_url()) as conn:
        conn.execute("INSERT INTO memory_nights VALUES ('OLDER-USDT', %s, %s, 1, true)", (NIGHT, MAP))
        conn.execute(
            f"INSERT INTO set_ups VALUES ('OLDER-USDT', %s, now(), now(), %s, 1, 'TREND', 5, {point})", (NIGHT, MAP)
        )
    migrations.ensure_schema.cache_clear()
    with connection() as conn:
        assert held(conn, Memory("OLDER-USDT", MAP, AFTER)) == Held(0, 0, None, 1)
        assert known_set_ups(conn, Memory("OLDER-USDT", MAP, AFTER)).is_empty()
        judge_night(conn, "OLDER-USDT", NIGHT, clean=True)
        assert held(conn, Memory("OLDER-USDT", MAP, AFTER)) == Held(1, 0, NIGHT, 0)
