"""The emulator as a process of its own: anybody can point the engine, or ccxt, at it."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

from huracan_assets_tests.market.exchange_emulator.books import made_book
from huracan_assets_tests.market.exchange_emulator.door import door

DAY = date(2024, 3, 1)


def test_it_serves_until_its_input_ends() -> None:
    command = (sys.executable, "-m", "huracan_assets_tests.market.exchange_emulator", str(DAY), str(DAY), "BTC-USDT")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as emulator:
        assert emulator.stdin is not None
        assert emulator.stdout is not None
        url = emulator.stdout.readline().strip()
        assert door(url).candles("BTC-USDT", DAY, DAY).equals(made_book("BTC-USDT", DAY, DAY).truth)
        emulator.stdin.close()
        assert emulator.wait(timeout=30) == 0
