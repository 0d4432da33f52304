"""A window made again as of a moment has the same bits; what was made with later knowledge has not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from huracan_assets.guards.recomputation import altered_rows
from huracan_assets.validation.replays import Makers, Window, cut_instant, replay_window
from huracan_assets_tests.leak_zoo import night

ROOMS = ["regimes", "signals", "outcomes", "training rows"]


def test_an_honest_window_is_the_same_at_any_moment() -> None:
    window = night.window()
    for row in (40, 700, 1500, window.bars.height - 2):
        replays = replay_window(window, window.bars["as_of"][row])
        assert [replay.what for replay in replays] == ROOMS
        assert altered_rows(replays) == []
        assert replays[0].used.height == row + 1
        assert all(replay.used.height == replay.again.height for replay in replays)


@pytest.mark.parametrize(
    ("part", "expression", "room"),
    [
        ("regimes", pl.col("p_trend") + 1e-16, "regimes"),
        ("signals", -pl.col("side"), "signals"),
        ("outcomes", pl.col("net_bps").shift(-2).fill_null(0.0), "outcomes"),
    ],
)
def test_a_window_that_was_made_otherwise_is_found(part: str, expression: pl.Expr, room: str) -> None:
    window = night.window()
    other = replace(window, **{part: getattr(window, part).with_columns(expression)})
    found = altered_rows(replay_window(other, window.bars["as_of"][1500]))
    assert found and all(f" of {room} " in finding.sentence for finding in found)


def test_training_rows_that_know_more_are_found() -> None:
    window = night.window()
    features = window.ts.features.copy()
    features[:, 3] = features[:, 3] - np.nanmean(features[:, 3])
    other: Window = replace(window, ts=replace(window.ts, features=features))
    found = altered_rows(replay_window(other, window.bars["as_of"][1500], Makers()))
    assert [finding.subject for finding in found] == [window.ts.names[3]]


def test_the_moment_is_drawn_by_the_seed_in_the_later_half() -> None:
    window = night.window()
    moments = {cut_instant(window, f"{seed}") for seed in range(40)}
    assert len(moments) > 30
    assert min(moments) >= window.bars["as_of"][window.bars.height // 2] and max(moments) < window.bars["as_of"][-1]
    assert cut_instant(window, "7") == cut_instant(window, "7")
