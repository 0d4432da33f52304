"""A category's mean outcome, taken over all rows and shown to each of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from huracan_assets.learning.training_set import TrainingSet, training_set
from huracan_assets.validation.replays import Makers
from huracan_assets_tests.leak_zoo.habitats import in_the_rooms
from huracan_assets_tests.leak_zoo.leak import Leak

HOURS = 24


def leaky(bars: pl.DataFrame, outcomes: pl.DataFrame) -> TrainingSet:
    ts = training_set(bars, outcomes)
    hour = _hour(ts)
    told, net = hour[ts.labelled], ts.net_bps[ts.labelled, 0]
    mean = np.bincount(told, net, HOURS) / np.bincount(told, minlength=HOURS)
    return _with(ts, mean[hour])


def honest(bars: pl.DataFrame, outcomes: pl.DataFrame) -> TrainingSet:
    ts = training_set(bars, outcomes)
    hour, encoded = _hour(ts), np.full(len(ts), np.nan)
    for row in range(len(ts)):
        known = (hour[:row] == hour[row]) & (ts.label_end[:row] <= ts.as_of[row])
        encoded[row] = ts.net_bps[:row, 0][known].mean() if known.any() else np.nan
    return _with(ts, encoded)


def _hour(ts: TrainingSet) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return ts.as_of.astype("datetime64[h]").astype(np.int64) % HOURS


def _with(ts: TrainingSet, column: np.ndarray[tuple[int], np.dtype[np.float64]]) -> TrainingSet:
    features = np.column_stack([ts.features, column.astype(np.float32)])
    return replace(ts, features=features, names=(*ts.names, "encoded_hour"))


LEAK = Leak(
    plants="the mean net result of the hour of the day over the whole window, as a feature",
    twin="the mean of the results known at each row",
    check="timestamp_alignment",
    planted=lambda: in_the_rooms(Makers(training_set=leaky)),
    clean=lambda: in_the_rooms(Makers(training_set=honest)),
)
