"""Which candles and funding a day's features stand on: one hash, told by their file.

Features of a day read [day - WARM_UP_DAYS, day] of the symbol's and the benchmark's candles and of the funding, so a
candle that changes makes the features of its own day and of the warm-up's days after it stale, and no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from huracan_assets.days import DAY, days_between
from huracan_assets.features.recipe import WARM_UP_DAYS
from huracan_assets.resources.lake import HASH_KEY, Lake, content_hash

INPUTS_TAG = "huracan.inputs"


def feature_inputs(lake: Lake, symbol: str, benchmark: str, days: Sequence[date]) -> dict[date, str]:
    """SHA-256 (hex) of the content hashes that the features of each of `days` stand on, as the lake has them now.

    A day that the lake lacks counts as such: before a listing there is no warm-up. Only file metadata are read.
    """
    sources = [("candles", symbol), ("funding_rates", symbol)]
    if symbol != benchmark:
        sources.append(("candles", benchmark))
    read = sorted({past for day in days for past in _memory(day)})
    hashes = {
        (asset, whose, day): lake.frame_tag(asset, whose, day, HASH_KEY) for asset, whose in sources for day in read
    }
    return {
        day: content_hash(
            {f"{asset} {whose} {past}": hashes[asset, whose, past] for asset, whose in sources for past in _memory(day)}
        )
        for day in days
    }


def _memory(day: date) -> list[date]:
    return days_between(day - DAY * WARM_UP_DAYS, day)
