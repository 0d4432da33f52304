"""The engine's own door to the emulator: the real source, the real ccxt client, and little patience."""

from __future__ import annotations

from typing import Any

from huracan_assets.market.exchange.source import ExchangeSource
from huracan_assets.settings import ExchangeSettings

PATIENCE: dict[str, Any] = {
    "id": "binance",
    "base_url": None,
    "proxy": None,
    "rate_limit": False,
    "concurrency": 8,
    "timeout_s": 5.0,
    "max_attempts": 4,
    "backoff_first_s": 0.001,
    "backoff_most_s": 0.01,
    "longest_wait_s": 5.0,
    "close_grace_s": 2.0,
    "confirmations": 2,
    "perpetuals": True,
    "trades": True,
}


def door(url: str, **changes: Any) -> ExchangeSource:
    """A source that knows only the exchange at `url`."""
    return ExchangeSource(ExchangeSettings(**{**PATIENCE, "base_url": url, **changes}), seed=1)
