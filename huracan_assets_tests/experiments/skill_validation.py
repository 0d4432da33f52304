"""The validation on which the learner and the features of the benchmark `predictive_skill` were chosen.

Forward folds, taught by at most 150 days before each, purged, of three stretches of the recorded market: spot with the
takers' volume before August 2023, the crash of 2021 and perpetuals of 2025, both of prices and volumes alone. The
benchmark's five test months are not read. Beside the benchmark's list of features stands the whole recipe, beside its
learner what else was tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huracan_assets.days import DAY
from huracan_assets.features.recipe import WARM_UP_DAYS
from huracan_assets.learning.feature_evidence import day_t_statistics, gain_multipliers
from huracan_assets.learning.side_model import together
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets.settings import read_settings
from huracan_assets_tests.benchmarks.predictive_skill import CHOSEN
from huracan_assets_tests.benchmarks.skill_learner import PENALTY, line, plain, rank_ic, trees
from huracan_assets_tests.benchmarks.skill_rows import BENCHMARK, HORIZON, TRAIN_DAYS, Rows, rows_between
from huracan_assets_tests.experiments.harness import Row, experiment
from huracan_assets_tests.real_candles import CRASH_2021, PERPETUALS_2025, SPOT_2023

Floats = NDArray[np.float64]
Features = NDArray[np.float32]


@dataclass(frozen=True)
class Stretch:
    """Recorded candles that are looked at: all symbols of a folder."""

    name: str
    folder: Path
    last: date
    fewest_days: int  # that teach the first fold
    fold_days: int

    def symbols(self) -> list[str]:
        """Those recorded for long enough to judge a fold of."""
        found = []
        for symbol in sorted(file.stem for file in self.folder.glob("*.parquet")):
            if self.first_fold(symbol) + self.fold_days * DAY <= self.last + DAY:
                found.append(symbol)
        return found

    def first_row(self, symbol: str) -> date:
        """The first day of the symbol's rows, after what the features look back on."""
        source = ArchiveSource(self.folder)
        begins = [source.first_day(name) for name in (symbol, BENCHMARK)]
        return max(day for day in begins if day is not None) + WARM_UP_DAYS * DAY

    def first_fold(self, symbol: str) -> date:
        """The first day that is asked about."""
        return self.first_row(symbol) + self.fewest_days * DAY


STRETCHES = (
    Stretch("spot_2023", SPOT_2023, date(2023, 7, 31), fewest_days=60, fold_days=21),
    Stretch("crash_2021", CRASH_2021, date(2021, 6, 14), fewest_days=25, fold_days=14),
    Stretch("perpetuals_2025", PERPETUALS_2025, date(2025, 6, 24), fewest_days=12, fold_days=7),
)
PENALTIES = (PENALTY / 10.0, PENALTY, 10.0 * PENALTY)
LEARNER = f"trees_and_line_{PENALTY:g}"  # the benchmark's


def _conclude(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of each stretch: learner -> mean rank IC of each set; of the benchmark's learner, in how many folds ours lead."""
    told: dict[str, Any] = {}
    for row in rows:
        folds = row["folds"]
        mean = {
            learner: {side: round(float(np.mean([fold[side][learner] for fold in folds])), 4) for side in folds[0]}
            for learner in folds[0]["ours"]
        }
        ahead = [fold["ours"][LEARNER] > fold["peer"][LEARNER] for fold in folds]
        ratio = round(mean[LEARNER]["ours"] / mean[LEARNER]["peer"], 3)
        told[row["stretch"]] = {"rank_ic": mean, "ratio": ratio, "ours_ahead": [sum(ahead), len(ahead)]}
    return told | {"ok": all(each["ratio"] > 1.0 for each in told.values())}


@experiment(
    question="Which learner ranks the next hour best, from our features and from Alpha158?",
    seeds=range(len(STRETCHES)),
    conclude=_conclude,
)
def skill_validation(seed: int) -> Row:
    """Rank IC of each fold of each symbol of a stretch, of each set of features and learner."""
    stretch = STRETCHES[seed]
    if not stretch.folder.is_dir():
        raise FileNotFoundError(f"{stretch.folder} is not there: set HURACAN_SHARED to the folder of data/")
    folds = []
    for symbol in stretch.symbols():
        rows = rows_between(stretch.folder, symbol, stretch.first_row(symbol), stretch.last)
        ours = rows.ours[:, [rows.names.index(name) for name in CHOSEN]]
        sets = {"ours": ours, "recipe": rows.ours, "peer": rows.peer}
        test = stretch.first_fold(symbol)
        while np.datetime64((until := test + stretch.fold_days * DAY) - DAY, "us") < rows.as_of[-1]:
            folds.append({side: _rank_ics(rows, features, test, until) for side, features in sets.items()})
            test = until
    return {"stretch": stretch.name, "folds": folds}


def _rank_ics(rows: Rows, features: Features, first: date, after: date) -> dict[str, float]:
    """Of each learner on the fold [first, after)."""
    begin, end, until = (np.datetime64(day, "us") for day in (first - TRAIN_DAYS * DAY, first, after))
    train = (rows.as_of > begin) & (rows.as_of + HORIZON <= end)
    test = (rows.as_of > end) & (rows.as_of <= until)
    taught, rose, asked = features[train], (rows.move[train] > 0.0).astype(np.float64), features[test]
    boosted = trees(taught, rose, asked)
    told = {"plain": plain(taught, rose, asked), "trees": boosted}
    for penalty in PENALTIES:
        alone = line(taught, rose, asked, penalty)
        told |= {f"line_{penalty:g}": alone, f"trees_and_line_{penalty:g}": together(boosted, alone)}
    nightly = read_settings().learning.lightgbm
    evidence = _evidence(taught, rose, rows.as_of[train], nightly.evidence_prior)
    weighed = line(taught, rose, asked, nightly.linear_penalty, evidence)
    told["trees_and_line_by_evidence"] = together(boosted, weighed)
    return {name: round(rank_ic(values, rows.move[test]), 4) for name, values in told.items()}


def _evidence(features: Features, rose: Floats, as_of: NDArray[np.datetime64], prior: float) -> Floats:
    """As the nightly scales the features."""
    _, day = np.unique((as_of - np.timedelta64(1, "us")).astype("datetime64[D]"), return_inverse=True)
    t = day_t_statistics(features, rose[:, None], day)
    return gain_multipliers(t[:, 0], prior)
