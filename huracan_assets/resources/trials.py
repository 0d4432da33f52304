"""What counts as one trial: the same data, settings, seed and code are one, anything else is another."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from huracan_assets.resources.lake import content_hash
from huracan_assets.resources.tracking import Tracking, Trial
from huracan_assets.settings import Section

PACKAGE = Path(__file__).parents[1]


def night_trial(
    symbol: str, day: date, learner: str, read: Mapping[str, str], shown: Section, *others: Section, seed: int
) -> Trial:
    """Put on the record what is tried on a symbol-day, before it is.

    Code is the whole package's: whoever tries another engine or another gate has tried his luck again, and a count that
    is too high flatters nobody.

    Args:
        read: content hashes of what is read, by name.
        shown: the settings that decide it, and that MLflow shows beside it.
        others: further settings that decide it.

    Raises:
        StorageError: MLflow refuses.
    """
    key: dict[str, Any] = {
        "learner": learner,
        "read": dict(read),
        "settings": [section.model_dump() for section in (shown, *others)],
        "seed": seed,
        "code": _code_hash(),
    }
    return Tracking.open().begin_trial(symbol, day, learner, content_hash(key), shown.model_dump())


@cache
def _code_hash() -> str:
    files = sorted(PACKAGE.rglob("*.py"))
    return content_hash({str(file.relative_to(PACKAGE)): content_hash(file.read_bytes()) for file in files})
