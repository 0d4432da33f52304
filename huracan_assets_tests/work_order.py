"""Which test files one process takes together, and which come first, where pytest-xdist spreads the files.

A prepared night costs half a minute, and a fixture lives in one process: files that look at the same nights, on two
processes, would have each of them run twice. They are the longest piece of work, so they begin first; the other long
files follow, lest one of them ends alone. All others keep the order in which pytest-randomly has shuffled them.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest
    from xdist.scheduler import LoadFileScheduling

TESTS = PurePosixPath(__file__).parent.name
NIGHTS = "the prepared nights"
SHARING_NIGHTS = frozenset(
    f"{TESTS}/{file}"
    for file in (
        "end_to_end/test_determinism.py",
        "end_to_end/test_feature_store.py",
        "end_to_end/test_handover.py",
        "end_to_end/test_kill.py",
        "end_to_end/test_ranges.py",
        "end_to_end/test_real_candles.py",
        "end_to_end/test_seven_guards.py",
        "test_cli.py",
        "test_cli_market.py",
        "ui/test_ui.py",
    )
)
LONG = frozenset(
    f"{TESTS}/{file}"
    for file in (
        "end_to_end/test_bad_input.py",
        "end_to_end/test_truncation.py",
        "market/test_contract_checks.py",
        "registry/test_registry_assets.py",
        "resources/test_tracking.py",
    )
)


def piece_of_work(nodeid: str) -> str:
    """The tests that one process takes together: those of a file, or all that look at the prepared nights."""
    file = nodeid.partition("::")[0]
    return NIGHTS if file in SHARING_NIGHTS else file


def longest_first(items: list[pytest.Item]) -> None:
    """Sort in place: the nights, the other long files, and the rest as it was."""

    def rank(item: pytest.Item) -> int:
        piece = piece_of_work(item.nodeid)
        return 0 if piece == NIGHTS else 1 if piece in LONG else 2

    items.sort(key=rank)


def scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """`--dist loadfile`, with the nights in one piece and the pieces in the order of collection."""
    from xdist.scheduler import LoadFileScheduling

    class Pieces(LoadFileScheduling):  # type: ignore[misc]  # of unknown type
        def _split_scope(self, nodeid: str) -> str:
            return piece_of_work(nodeid)

    config.option.loadscopereorder = False  # by the number of tests, the nights would come last
    return Pieces(config, log)
