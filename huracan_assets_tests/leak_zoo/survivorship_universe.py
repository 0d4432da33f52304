"""A universe chosen among the coins that are still alive."""

from __future__ import annotations

from datetime import date

from huracan_assets.guards.leakage import Finding
from huracan_assets.guards.survivorship import survivorship
from huracan_assets.market.universe import choose
from huracan_assets.settings import read_settings
from huracan_assets_tests.leak_zoo import night
from huracan_assets_tests.leak_zoo.leak import Leak

DAY = date(2021, 2, 24)
SYMBOLS = ["BTC-USDT", "ETH-USDT", {"symbol": "DEAD-USDT", "delisted": date(2021, 6, 1)}]
MARKET = read_settings("local", {"market": {"symbols": SYMBOLS}}).market


def judged(names: tuple[str, ...]) -> list[Finding]:
    begins = dict.fromkeys(names, night.FIRST)
    rules = MARKET.universe.model_copy(update={"days": 3})
    universe = choose(DAY, begins, lambda *_: night.market().candles, rules, 1)
    return survivorship({candidate.symbol for candidate in universe.candidates}, DAY, MARKET)


LEAK = Leak(
    plants="candidates that are listed today",
    twin="candidates that were listed on the day",
    check="timestamp_alignment",
    planted=lambda: judged(MARKET.listed(date(2022, 1, 1))),
    clean=lambda: judged(MARKET.listed(DAY)),
)
