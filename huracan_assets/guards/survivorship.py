"""A universe that was picked with hindsight: the dead are missing from its candidates."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from huracan_assets.guards.leakage import Finding
from huracan_assets.settings import MarketSettings


def survivorship(candidates: Collection[str], day: date, market: MarketSettings) -> list[Finding]:
    """Symbols delisted after `day` that the universe of `day` did not judge; the figure is how many.

    That a coin would be delisted was not known on `day`, so whether it was a candidate must not depend on it.
    """
    listed = [listing for listing in market.symbols if listing.is_listed(day) and listing.delisted is not None]
    missing = [listing.symbol for listing in listed if listing.symbol not in candidates]
    if not missing:
        return []
    sentence = f"the universe of {day} leaves out {', '.join(missing)}, delisted later: choose it from all listed then"
    return [Finding("timestamp_alignment", "universe", float(len(missing)), 0.0, sentence)]
