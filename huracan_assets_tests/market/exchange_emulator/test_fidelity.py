"""The emulator speaks as the exchange was recorded to speak."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from huracan_assets_tests.market.exchange_emulator.books import made_book
from huracan_assets_tests.market.exchange_emulator.exchange import Exchange

BTC = made_book("BTC-USDT", date(2024, 2, 29), date(2024, 3, 1))
EXCHANGE = Exchange.of([BTC], 2_000_000_000_000)


def told(path: str, **query: str) -> Any:
    return json.loads(EXCHANGE.answer(path, query).body)


def test_a_kline_has_the_recorded_places_and_types(shared: Path) -> None:
    recorded = json.loads((shared / "data" / "rest" / "binance_spot_klines_BTCUSDT_15m_2025-01-06.json").read_text())
    (own,) = told("/api/v3/klines", symbol="BTCUSDT", interval="1m", limit="1")
    assert [type(cell) for cell in own] == [type(cell) for cell in recorded[0]]
    assert own[6] - own[0] == 59_999
    assert recorded[0][6] - recorded[0][0] == 15 * 60_000 - 1


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/api/v3/exchangeInfo", "binance_spot_exchangeInfo_2021-10-12.json.gz"),
        ("/fapi/v1/exchangeInfo", "binance_usdm_exchangeInfo_2021-10-12.json.gz"),
    ],
)
def test_a_listing_has_recorded_fields_alone_and_of_the_recorded_types(shared: Path, path: str, file: str) -> None:
    body = json.loads(gzip.decompress((shared / "data" / "rest" / file).read_bytes()))
    recorded = next(entry for entry in body["symbols"] if entry["symbol"] == "BTCUSDT")
    (own,) = told(path)["symbols"]
    assert {name: type(value) for name, value in own.items()} == {name: type(recorded[name]) for name in own}
