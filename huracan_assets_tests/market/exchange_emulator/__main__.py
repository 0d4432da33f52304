"""`python -m huracan_assets_tests.market.exchange_emulator FIRST LAST SYMBOL ...`: serve until the input ends.

Prints its address as the first line. `--faults SEED` adds a schedule of faults, `--port` chooses a port,
`--recorded` serves recorded candles of 2023 in place of synthetic ones.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import date

from huracan_assets.days import DAY
from huracan_assets_tests.market.exchange_emulator.books import made_book, milliseconds, recorded_book
from huracan_assets_tests.market.exchange_emulator.exchange import Exchange
from huracan_assets_tests.market.exchange_emulator.faults import schedule
from huracan_assets_tests.market.exchange_emulator.server import Server


async def _serve(exchange: Exchange, port: int) -> None:
    server = Server(exchange)
    runner = await server.start(port)
    print(server.url, flush=True)
    try:
        await asyncio.to_thread(sys.stdin.read)
    finally:
        await runner.cleanup()


def main() -> None:
    """Serve the days [FIRST, LAST], just after they have ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", type=date.fromisoformat)
    parser.add_argument("last", type=date.fromisoformat)
    parser.add_argument("symbols", nargs="+")
    parser.add_argument("--faults", type=int)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--recorded", action="store_true")
    chosen = parser.parse_args()
    make = recorded_book if chosen.recorded else made_book
    end_ms = milliseconds(chosen.last + DAY)
    exchange = Exchange.of([make(symbol, chosen.first, chosen.last) for symbol in chosen.symbols], end_ms + 3_600_000)
    if chosen.faults is not None:
        exchange.faults = schedule(chosen.faults, tuple(chosen.symbols), milliseconds(chosen.first), end_ms)
    asyncio.run(_serve(exchange, chosen.port))


if __name__ == "__main__":
    main()
