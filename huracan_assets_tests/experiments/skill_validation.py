"""The validation on which the learner and the features of the benchmark `predictive_skill` were chosen.

Forward folds of 21 days, taught by the 60 to 150 days before each, purged; the benchmark's five test months are not
read. Beside the benchmark's list of features stands the whole recipe, beside its learner what else was tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
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
from huracan_assets_tests.benchmarks.skill_rows import HORIZON, TRAIN_DAYS, Rows, rows_between
from huracan_assets_tests.experiments.harness import Row, experiment
from huracan_assets_tests.real_candles import SPOT_2023

Floats = NDArray[np.float64]
Features = NDArray[np.float32]
SYMBOLS = ("BTC-USDT", "ETH-USDT", "SOL-USDT", "ARB-USDT", "SUI-USDT")
LAST = date(2023, 7, 31)
FEWEST_DAYS, FOLD_DAYS = 60, 21
PENALTIES = (PENALTY / 10.0, PENALTY, 10.0 * PENALTY)
LEARNER = f"trees_and_line_{PENALTY:g}"  # the benchmark's


def _conclude(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Learner -> mean rank IC of each set; of the benchmark's learner, in how many folds ours is ahead."""
    folds = [fold for row in rows for fold in row["folds"]]
    mean = {
        learner: {side: round(float(np.mean([fold[side][learner] for fold in folds])), 4) for side in folds[0]}
        for learner in folds[0]["ours"]
    }
    ahead = [fold["ours"][LEARNER] - fold["peer"][LEARNER] for fold in folds]
    return {
        "rank_ic": mean,
        "ratio": round(mean[LEARNER]["ours"] / mean[LEARNER]["peer"], 3),
        "ours_ahead": [int(np.sum(np.asarray(ahead) > 0.0)), len(ahead)],
        "ok": mean[LEARNER]["ours"] > mean[LEARNER]["peer"],
    }


@experiment(
    question="Which learner ranks the next hour best before August 2023, from our features and from Alpha158?",
    seeds=range(len(SYMBOLS)),
    conclude=_conclude,
)
def skill_validation(seed: int) -> Row:
    """Rank IC of each fold of a symbol, of each set of features and learner."""
    begins = ArchiveSource(SPOT_2023).first_day(SYMBOLS[seed])
    if begins is None:
        raise FileNotFoundError(f"{SPOT_2023} has no {SYMBOLS[seed]}: set HURACAN_SHARED to the folder of data/")
    first = begins + WARM_UP_DAYS * DAY
    rows = rows_between(SPOT_2023, SYMBOLS[seed], first, LAST)
    sets = {"ours": rows.ours[:, [rows.names.index(name) for name in CHOSEN]], "recipe": rows.ours, "peer": rows.peer}
    folds, test = [], first + FEWEST_DAYS * DAY
    while test + FOLD_DAYS * DAY <= LAST + DAY:
        folds.append({side: _rank_ics(rows, features, test) for side, features in sets.items()})
        test += FOLD_DAYS * DAY
    return {"symbol": SYMBOLS[seed], "folds": folds}


def _rank_ics(rows: Rows, features: Features, first: date) -> dict[str, float]:
    """Of each learner on the fold that begins with `first`."""
    begin, end, until = (np.datetime64(day, "us") for day in (first - TRAIN_DAYS * DAY, first, first + FOLD_DAYS * DAY))
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
