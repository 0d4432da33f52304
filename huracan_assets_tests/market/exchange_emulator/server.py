"""HTTP on the loopback interface: in a thread of the tests, or as a process of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from huracan_assets_tests.market.exchange_emulator.exchange import Exchange
from huracan_assets_tests.market.exchange_emulator.faults import Answer

PARTS = 4


class Server:
    """Serves one exchange at a time; tests put another in its place."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.url = ""

    async def start(self, port: int) -> web.AppRunner:
        """Listen; port 0 is any free one."""
        # A request whose client has lost patience is dropped with it, and not slept to its end.
        runner = web.AppRunner(self._app(), access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        answer = self.exchange.answer(request.path, dict(request.query))
        await asyncio.sleep(answer.delay_s)
        if answer.drip_s or answer.is_cut:
            return await _in_parts(request, answer)
        headers = {"Content-Type": "application/json", **dict(answer.headers)}
        return web.Response(body=answer.body, status=answer.status, headers=headers)


async def _in_parts(request: web.Request, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"})
    response.content_length = len(answer.body)
    await response.prepare(request)
    size = -(-len(answer.body) // PARTS)
    for part in range(PARTS):
        await response.write(answer.body[part * size : (part + 1) * size])
        if answer.is_cut:
            assert request.transport is not None
            request.transport.close()
            return response
        await asyncio.sleep(answer.drip_s / PARTS)
    return response


@contextmanager
def serving(exchange: Exchange) -> Iterator[Server]:
    """A server in a thread of this process."""
    server = Server(exchange)
    loop = asyncio.new_event_loop()
    runner = loop.run_until_complete(server.start(0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
