"""The dead were candidates while they lived."""

from __future__ import annotations

from datetime import date

from huracan_assets.guards.survivorship import survivorship
from huracan_assets.settings import read_settings

DELISTED = date(2022, 5, 1)
SYMBOLS = ["BTC-USDT", "ETH-USDT", {"symbol": "LUNA-USDT", "delisted": DELISTED}]
MARKET = read_settings("local", {"market": {"symbols": SYMBOLS}}).market


def test_a_universe_of_survivors_is_found_and_a_whole_one_is_not() -> None:
    (finding,) = survivorship({"BTC-USDT", "ETH-USDT"}, date(2022, 4, 30), MARKET)
    assert finding.figure == 1.0 and "LUNA-USDT" in finding.sentence
    assert survivorship({"BTC-USDT", "ETH-USDT", "LUNA-USDT"}, date(2022, 4, 30), MARKET) == []


def test_the_dead_need_not_be_judged_and_a_later_listing_neither() -> None:
    assert survivorship({"BTC-USDT", "ETH-USDT"}, DELISTED, MARKET) == []
    assert survivorship({"BTC-USDT", "LUNA-USDT"}, date(2022, 4, 30), MARKET) == []
