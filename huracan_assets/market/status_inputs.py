"""What a minute status was made from, told by its own file: when any of it changes, the status is made again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import orjson

from huracan_assets.resources.lake import HASH_KEY, Lake
from huracan_assets.settings import MarketSettings

INPUTS_TAG = "huracan.inputs"
OWN = ("candles", "hourly_candles")
ABSENT = "absent"


def status_inputs(lake: Lake, symbol: str, day: date, witnesses: Iterable[str]) -> dict[str, str]:
    """The content hashes of the symbol's two views of a day and of the witnesses' candles, by name."""
    own = {asset: lake.frame_tag(asset, symbol, day, HASH_KEY) or ABSENT for asset in OWN}
    return own | witness_inputs(lake, day, witnesses)


def witness_inputs(lake: Lake, day: date, witnesses: Iterable[str]) -> dict[str, str]:
    """The content hashes of the witnesses' candles of a day, by name."""
    return {name: lake.frame_tag("candles", name, day, HASH_KEY) or ABSENT for name in witnesses}


def inputs_tag(inputs: dict[str, str]) -> dict[str, str]:
    """The tag of the file, for `stale_days`."""
    return {INPUTS_TAG: orjson.dumps(inputs, option=orjson.OPT_SORT_KEYS).decode()}


def stale_days(lake: Lake, symbol: str, days: Sequence[date], market: MarketSettings) -> list[date]:
    """Those of `days` whose minute status is absent, or was made from other candles than lie in the lake now."""
    return [day for day in days if not _is_fresh(lake, symbol, day, market)]


def _is_fresh(lake: Lake, symbol: str, day: date, market: MarketSettings) -> bool:
    told = lake.frame_tag("minute_status", symbol, day, INPUTS_TAG)
    if told is None:
        return False
    made_from: dict[str, str] = orjson.loads(told)
    # Whether witnesses were asked follows from the candles; who they were follows from the settings.
    witnesses = set(made_from) - set(OWN)
    if witnesses and witnesses != set(market.witnesses_of(symbol, day)):
        return False
    return made_from == status_inputs(lake, symbol, day, witnesses)
