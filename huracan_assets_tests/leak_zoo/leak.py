"""What a specimen of the zoo declares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from huracan_assets.guards.leakage import Finding


@dataclass(frozen=True)
class Leak:
    """A planted leak and its clean twin.

    Args:
        plants: what the leak does, in one sentence.
        twin: how the clean twin differs.
        check: which check must find it: one of the five, `contract` or `check_known`.
        planted: the findings of the engine's checks on the leak.
        clean: those on the twin, by the same checks; there must be none.
    """

    plants: str
    twin: str
    check: str
    planted: Callable[[], list[Finding]]
    clean: Callable[[], list[Finding]]
