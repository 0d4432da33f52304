"""Which nights may teach: those whose leakage report found nothing.

A ledger is remembered before it is judged, since the judge looks at what was remembered. Until its report is clean,
its trades are told to nobody and stand in the way of no other night's; one that is written anew awaits a new report.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from huracan_assets.errors import ContractError
from huracan_assets.memory.set_ups import LOCK, compare_again

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]


def judge_night(conn: Connection, symbol: str, night: date, *, clean: bool) -> None:
    """Let a remembered night teach the nights after it, or no longer; those are compared again where that is new.

    Raises:
        ContractError: the night is not remembered.
    """
    this = {"symbol": symbol, "night": night}
    with conn.transaction(), conn.cursor() as cursor:
        cursor.execute(LOCK)
        cursor.execute("SELECT cleared FROM memory_nights WHERE symbol = %(symbol)s AND night = %(night)s", this)
        was = cursor.fetchone()
        if was is None:
            raise ContractError(f"the memory has no ledger of {night}|{symbol}: materialise shadow_ledger again")
        if was[0] != clean:
            cursor.execute(
                "UPDATE memory_nights SET cleared = %(clean)s WHERE symbol = %(symbol)s AND night = %(night)s",
                this | {"clean": clean},
            )
            compare_again(cursor, symbol, night)
