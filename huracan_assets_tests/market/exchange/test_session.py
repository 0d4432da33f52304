"""How long the door waits, and for whom."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.errors import MarketError
from huracan_assets.market.exchange.client import Gate, retry_after_s
from huracan_assets.market.exchange.session import backoff_s

DATE = "Wed, 21 Oct 2015 07:28:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": " 120 "}, 120.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:29:30 GMT", "Date": DATE}, 90.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:27:00 GMT", "Date": DATE}, 0.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:29:30 GMT"}, 0.0),
        ({"Retry-After": "soon", "Date": DATE}, 0.0),
        ({}, 0.0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date_by_the_exchanges_own_clock(
    headers: dict[str, str], seconds: float
) -> None:
    assert retry_after_s(headers) == seconds


@given(st.integers(1, 40), st.floats(0.0, 1.0, exclude_max=True), st.floats(0.01, 5.0), st.floats(1.0, 60.0))
def test_a_wait_is_drawn_from_all_of_a_range_that_doubles_up_to_its_cap(
    attempt: int, draw: float, first: float, most: float
) -> None:
    assert backoff_s(attempt, draw, first, most) == pytest.approx(draw * min(most, first * 2 ** (attempt - 1)))


def test_a_shut_gate_holds_everybody_and_the_longest_wait_counts() -> None:
    async def wait() -> tuple[float, list[float]]:
        loop, gate = asyncio.get_running_loop(), Gate(1.0)
        gate.shut(0.05)
        gate.shut(0.1)
        gate.shut(0.02)
        begun = loop.time()

        async def passing() -> float:
            await gate.passed()
            return loop.time()

        return begun, await asyncio.gather(*(passing() for _ in range(5)))

    begun, passed = asyncio.run(wait())
    assert min(passed) - begun >= 0.099


def test_a_gate_that_stays_shut_too_long_is_an_error_at_once() -> None:
    async def wait() -> None:
        gate = Gate(1.0)
        gate.shut(3600.0)
        await gate.passed()

    with pytest.raises(MarketError, match="no request within 3600 s"):
        asyncio.run(wait())
