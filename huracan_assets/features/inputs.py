"""What a day's features stand on: one hash, told by their file; and the inputs that a lake may lack.

Features of a day read [day - WARM_UP_DAYS, day] of the symbol's and the benchmark's candles, of the funding and of
whatever else the lake has of `optional_inputs.py`, so a file that changes makes the features of its own day and of the
warm-up's days after it stale, and no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from huracan_assets.days import DAY, days_between
from huracan_assets.errors import ContractError
from huracan_assets.features.optional_inputs import OPTIONAL_ASSETS, OPTIONAL_SCHEMAS, OptionalInputs
from huracan_assets.features.recipe import WARM_UP_DAYS
from huracan_assets.resources.lake import HASH_KEY, Lake, content_hash

INPUTS_TAG = "huracan.inputs"


def feature_inputs(lake: Lake, symbol: str, benchmark: str, days: Sequence[date]) -> dict[date, str]:
    """SHA-256 (hex) of the content hashes that the features of each of `days` stand on, as the lake has them now.

    A day that the lake lacks counts as such: before a listing there is no warm-up. Only file metadata are read.
    """
    own = ("candles", "funding_rates", *OPTIONAL_ASSETS.values())
    sources = [(asset, symbol) for asset in own]
    if symbol != benchmark:
        sources.append(("candles", benchmark))
    read = sorted({past for day in days for past in _memory(day)})
    hashes: dict[tuple[str, str, date], str | None] = {}
    for asset, whose in sources:
        absent = set(lake.missing(asset, whose, read))
        for day in read:
            hashes[asset, whose, day] = None if day in absent else lake.frame_tag(asset, whose, day, HASH_KEY)
    return {
        day: content_hash(
            {f"{asset} {whose} {past}": hashes[asset, whose, past] for asset, whose in sources for past in _memory(day)}
        )
        for day in days
    }


def read_optional(lake: Lake, symbol: str, days: Sequence[date]) -> OptionalInputs:
    """What the lake has of the inputs that it may lack; None of those of which it has no row in `days`.

    Raises:
        ContractError: a frame's columns are not those of `OPTIONAL_SCHEMAS`.
        StorageError: a file is not what was written.
    """
    return OptionalInputs(**{name: _window(lake, name, symbol, days) for name in OPTIONAL_ASSETS})


def _window(lake: Lake, name: str, symbol: str, days: Sequence[date]) -> pl.DataFrame | None:
    asset, schema = OPTIONAL_ASSETS[name], OPTIONAL_SCHEMAS[name]
    absent = set(lake.missing(asset, symbol, days))
    held = [day for day in days if day not in absent]
    if not held:
        return None
    found = lake.read_window(asset, symbol, held)
    if dict(found.schema) != schema:
        raise ContractError(
            f"{asset} of {symbol}, {held[0]} to {held[-1]}, has the columns {dict(found.schema)}, and features read "
            f"{schema}: write it so"
        )
    return None if found.is_empty() else found


def _memory(day: date) -> list[date]:
    return days_between(day - DAY * WARM_UP_DAYS, day)
