"""A day's features made again at moments of that day, each time without what came after."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import date, datetime
from typing import NamedTuple

import numpy as np
import polars as pl

from huracan_assets.features.compute import compute_features
from huracan_assets.features.optional_inputs import NOTHING_MORE, OptionalInputs
from huracan_assets.guards.recomputation import Replay
from huracan_assets.guards.removed_future import FUTURES, Future


class Market(NamedTuple):
    """What a day's features are computed from: the frames of the day and of its warm-up, None where there is none."""

    candles: pl.DataFrame
    benchmark: pl.DataFrame | None
    funding: pl.DataFrame | None
    more: OptionalInputs = NOTHING_MORE

    def without_future(self, future: Future, at: datetime) -> Market:
        """The same market, all that was not known at `at` taken away."""

        def taken(frame: pl.DataFrame | None) -> pl.DataFrame | None:
            return None if frame is None else future(frame, at)

        more = {field.name: taken(getattr(self.more, field.name)) for field in fields(self.more)}
        return Market(future(self.candles, at), taken(self.benchmark), taken(self.funding), replace(self.more, **more))


def truncated_features(
    day: date, market: Market, cuts: int, seed: str, make: Callable[..., pl.DataFrame] = compute_features
) -> tuple[Replay, ...]:
    """The features of `day` known at `cuts` of its minutes, as the whole day gives them and without what came after.

    The first cuts are the day's first and last but one minute, the others are drawn; the ways of taking the future
    away take turns (`removed_future.py`). A day of fewer than three candles has none.

    Args:
        cuts: how many, at least 1.
        seed: of the draw; the same text, the same minutes.
        make: what computes a day's features from a market.
    """
    whole = make(day, *market)
    return tuple(
        replay_at(day, market, whole, row, FUTURES[number % len(FUTURES)], make)
        for number, row in enumerate(cut_rows(whole.height, cuts, seed))
    )


def replay_at(
    day: date,
    market: Market,
    whole: pl.DataFrame,
    row: int,
    future: Future,
    make: Callable[..., pl.DataFrame] = compute_features,
) -> Replay:
    """The rows up to `row` of a day's features, as `whole` has them and from a market without the minutes after it."""
    at: datetime = whole["known_at"][row]
    again = make(day, *market.without_future(future, at))
    known = again.filter(pl.col("known_at") <= at)
    moment = np.datetime64(at.replace(tzinfo=None), "us")
    return Replay("features", moment, whole[: row + 1].drop("known_at"), known.drop("known_at"))


def cut_rows(rows: int, cuts: int, seed: str) -> list[int]:
    """The rows after which the future is taken away: the first, the last but one, then draws without repetition."""
    if rows < 3:
        return []
    digest = hashlib.sha256(seed.encode()).digest()
    drawn = np.random.default_rng(int.from_bytes(digest[:8])).permutation(np.arange(1, rows - 2))
    return [0, rows - 2, *drawn.tolist()][:cuts]
