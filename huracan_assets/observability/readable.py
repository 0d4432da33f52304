"""An asset's metadata as its page shows it.

The widest value decides how wide Dagster draws the column of values, and the window cuts what goes beyond: one whole
hash would cut the tables below it. The whole hash of a partition is its data version.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HASH_DIGITS = 12
SIGNIFICANT_DIGITS = 6
CONTENT = "content_sha256"

_SHA256 = re.compile(r"\b[0-9a-f]{64}\b")


def readable(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The same keys, the content hash last: hashes by their first 12 digits, floats in 6 significant ones."""
    ordered = sorted(metadata.items(), key=lambda entry: entry[0] == CONTENT)
    return {name: _shown(value) for name, value in ordered}


def link(words: str, url: str) -> str:
    """Markdown that shows `words` and leads to `url`, which as it is would be as wide as a hash."""
    return f"[{words}]({url})"


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return _SHA256.sub(lambda found: found[0][:HASH_DIGITS], value)
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if isinstance(value, float) else value
