"""A ccxt client of public endpoints whose requests all pass one gate.

ccxt keeps to the published rate limit. The gate is for what comes back: when the exchange answers 429 or 418,
nobody's next request leaves before the wait it asks for is over, not only that of the request it answered.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from difflib import get_close_matches
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from huracan_assets.errors import MarketError, SettingsError
from huracan_assets.settings import ExchangeSettings

if TYPE_CHECKING:
    from ccxt.async_support.base.exchange import Exchange

BINANCE = ("binance", "binanceus")  # they speak the same language

Kind = Literal["spot", "linear"]


class Gate:
    """Shut for everybody as long as the exchange asks for; its clock is the same in every event loop."""

    def __init__(self, longest_wait_s: float) -> None:
        self._longest_wait_s = longest_wait_s
        self._opens_at = 0.0

    @property
    def wait_s(self) -> float:
        """Seconds until it opens; 0 where it is open."""
        return max(0.0, self._opens_at - asyncio.get_running_loop().time())

    def shut(self, seconds: float) -> None:
        """Keep it shut for so long from now, or longer where it already is."""
        self._opens_at = max(self._opens_at, asyncio.get_running_loop().time() + seconds)

    async def passed(self) -> None:
        """Return once it is open.

        Raises:
            MarketError: it stays shut longer than `longest_wait_s`: a ban is told, not sat out.
        """
        while wait_s := self.wait_s:
            if wait_s > self._longest_wait_s:
                raise MarketError(f"it asks for no request within {wait_s:.0f} s: ask again after that")
            await asyncio.sleep(wait_s)


def connect(settings: ExchangeSettings, gate: Gate, kind: Kind) -> Exchange:
    """A client without credentials whose requests pass `gate`.

    Args:
        kind: the markets that it is about.

    Raises:
        SettingsError: ccxt knows no exchange of this name.
    """
    import ccxt.async_support as ccxt

    if settings.id not in ccxt.exchanges:
        near = get_close_matches(settings.id, ccxt.exchanges, n=3)
        raise SettingsError(f"market.exchange.id {settings.id} is no exchange of ccxt; nearest: {near}")
    options: dict[str, Any] = {"defaultType": "spot" if kind == "spot" else "swap"}
    if settings.id in BINANCE:
        options["fetchMarkets"] = {"types": [kind]}
    client: Exchange = _gated(getattr(ccxt, settings.id), gate)(
        {
            "timeout": int(settings.timeout_s * 1000),
            "enableRateLimit": settings.rate_limit,
            "options": options,
        }
    )
    client.ssl_context = _trust()
    _route(client, settings)
    return client


def _gated(exchange: type[Exchange], gate: Gate) -> type[Exchange]:
    """The exchange's class, its requests behind the gate: after ccxt's own queue, so that none slips past."""
    import ccxt

    class Gated(exchange):  # type: ignore[misc]
        async def fetch(self, *args: Any, **kwargs: Any) -> Any:
            await gate.passed()
            try:
                return await super().fetch(*args, **kwargs)
            except (ccxt.DDoSProtection, ccxt.RateLimitExceeded):
                # ccxt has raised without giving way since it read this answer: the headers are of this one.
                gate.shut(retry_after_s(self.last_response_headers or {}))
                raise

    return Gated


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Seconds that `Retry-After` asks for, as a number or as a date against the answer's own; 0 where it is absent."""
    plain = {name.lower(): value for name, value in headers.items()}
    asked = plain.get("retry-after", "").strip()
    if asked.isdigit():
        return float(asked)
    try:
        return max(0.0, (parsedate_to_datetime(asked) - parsedate_to_datetime(plain["date"])).total_seconds())
    except (KeyError, ValueError):
        return 0.0


@cache
def _trust() -> ssl.SSLContext:
    """The certificates, read once: ccxt would read them for each client."""
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def _route(client: Exchange, settings: ExchangeSettings) -> None:
    if settings.base_url:
        client.urls["api"] = _moved(client.urls["api"], settings.base_url.rstrip("/"))
    if settings.proxy:
        scheme = urlsplit(settings.proxy).scheme
        if scheme.startswith("socks"):
            client.socksProxy = settings.proxy
        elif (settings.base_url or "https").startswith("https"):
            client.httpsProxy = settings.proxy
        else:
            client.httpProxy = settings.proxy


def _moved(urls: Any, base_url: str) -> Any:
    """ccxt's addresses with another scheme and host, their paths kept; also those nested in dictionaries."""
    if isinstance(urls, dict):
        return {name: _moved(url, base_url) for name, url in urls.items()}
    return base_url + urlsplit(urls).path if isinstance(urls, str) else urls
