"""Every file that looks at a prepared night is taken by one process, which begins with them."""

from __future__ import annotations

import pytest

from huracan_assets_tests.work_order import LONG, NIGHTS, SHARING_NIGHTS, TESTS, longest_first, piece_of_work

OF_END_TO_END = {"night", "next_night", "real_night"}


def test_all_that_look_at_a_prepared_night_are_one_piece_of_work(request: pytest.FixtureRequest) -> None:
    lookers = [
        item.nodeid
        for item in request.session.items
        if "cli_night" in getattr(item, "fixturenames", ())
        or (f"{TESTS}/end_to_end/" in item.nodeid and OF_END_TO_END & set(getattr(item, "fixturenames", ())))
    ]
    assert {piece_of_work(nodeid) for nodeid in lookers} <= {NIGHTS}


def test_every_file_that_is_named_is_there(request: pytest.FixtureRequest) -> None:
    assert [file for file in sorted(SHARING_NIGHTS | LONG) if not (request.config.rootpath / file).is_file()] == []


def test_the_nights_begin_and_the_other_files_keep_their_order(request: pytest.FixtureRequest) -> None:
    shuffled = list(request.session.items)[::-1]
    pieces = [piece_of_work(item.nodeid) for item in shuffled]
    nights = [item for item, piece in zip(shuffled, pieces, strict=True) if piece == NIGHTS]
    long = [item for item, piece in zip(shuffled, pieces, strict=True) if piece in LONG]
    others = [item for item, piece in zip(shuffled, pieces, strict=True) if piece != NIGHTS and piece not in LONG]
    ordered = list(shuffled)
    longest_first(ordered)
    assert ordered == [*nights, *long, *others]
