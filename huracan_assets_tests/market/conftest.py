"""What the tests of the exchange door share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from huracan_assets_tests.market.exchange_emulator.exchange import Exchange
from huracan_assets_tests.market.exchange_emulator.server import Server, serving


@pytest.fixture(scope="session")
def listening() -> Iterator[Server]:
    """A server of the session; each test puts its own exchange behind it."""
    with serving(Exchange({}, 0)) as one:
        yield one
