"""Windows of frames that this process has read, under the content hashes of their days.

Eight assets of a night, which is one process, ask for the same minutes of a look-back. A file that was replaced has
another hash, so what is kept is never stale; nothing outlives the process.
"""

from __future__ import annotations

import polars as pl

KEPT_BYTES = 64 * 2**20  # candles of 150 days of a symbol and of the benchmark are 33 MiB

Hashes = tuple[str, ...]


class WindowCache:
    """The windows asked for last, at most `most_bytes` in all; a larger one is not kept."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._held: dict[Hashes, pl.DataFrame] = {}

    def get(self, hashes: Hashes) -> pl.DataFrame | None:
        """The window whose days have these content hashes, in order; None where it is not held."""
        found = self._held.pop(hashes, None)
        if found is None:
            return None
        self._held[hashes] = found  # asked for last
        return found.clone()

    def keep(self, hashes: Hashes, window: pl.DataFrame) -> None:
        """Hold a window, and let go of those that were asked for longest ago where the room is too small."""
        room = self._most_bytes - window.estimated_size()
        if room < 0:
            return
        self._held.pop(hashes, None)
        kept = {hashes: window.clone()}
        for asked, held in reversed(self._held.items()):
            room -= held.estimated_size()
            if room < 0:
                break
            kept[asked] = held
        self._held = dict(reversed(kept.items()))


WINDOWS = WindowCache(KEPT_BYTES)
