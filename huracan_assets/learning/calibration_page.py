"""What the asset page of the calibrators shows: which map was chosen and why, and how it fared on what came after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huracan_assets.learning.calibration import apply_pair
from huracan_assets.learning.calibration_error import figures_by_regime
from huracan_assets.learning.records import Calibrator
from huracan_assets.learning.side_calibrator import METHODS, RegimeMap, SideCalibrator
from huracan_assets.learning.walk_forward import WalkForward
from huracan_assets.observability.plots import reliability_diagram
from huracan_assets.observability.tables import markdown_table

Floats = NDArray[np.float64]
Names = NDArray[np.str_]

SIDES = ("long", "short")


def calibration_page(
    fitted: Calibrator, raw: Floats, regime: Names, walk: WalkForward, least_labels: float
) -> dict[str, Any]:
    """Numbers and Markdown by name; every figure is of the traded segments, each answered by its own calibrators.

    Args:
        raw: out-of-fold scores (n, 2).
        regime: of each row (n,).
        least_labels: independent labels from which on a regime has figures and a diagram of its own.
    """
    rows = np.concatenate([fold.test for fold in walk.traded])
    pairs = [(fitted.of_fold(fold.index), fold.test) for fold in walk.traded]
    said = np.concatenate([apply_pair(pair, raw[test], regime[test]) for pair, test in pairs])
    every = [one for pair in (*fitted.per_fold, fitted.final) for one in pair or ()]
    unseen = sum(np.count_nonzero(~np.isin(regime[test], list(one.regimes))) for pair, test in pairs for one in pair)
    figures, diagrams = _reliability(said, walk.ts.won[rows], walk.ts.uniqueness[rows], regime[rows], least_labels)
    return {
        "judged_rows": len(rows),
        "rejected": sum(one.rejected for one in every),
        "regimes_at_base_rate": sum(own.rejected for one in every for own in one.regimes.values()),
        "answers_by_all_regimes": int(unseen),
        "choices": markdown_table(list(_choices(fitted))),
        "figures": markdown_table(figures),
        **diagrams,
    }


def _reliability(
    said: Floats, won: NDArray[np.bool_], weights: Floats, regime: Names, least_labels: float
) -> tuple[list[dict[str, object]], dict[str, str]]:
    """Figures of each side and group of regimes, and a diagram of each side with its groups."""
    figures: list[dict[str, object]] = []
    diagrams = {}
    for column, side in enumerate(SIDES):
        p, y = said[:, column], won[:, column].astype(np.float64)
        groups = figures_by_regime(p, y, weights, regime, least_labels)
        figures += [
            {"side": side, "regimes": found.regimes, **found.model_dump(exclude={"regimes"})} for found in groups
        ]
        inside = {", ".join(found.regimes): np.isin(regime, found.regimes) for found in groups}
        diagrams[f"reliability_{side}"] = reliability_diagram(p, y, inside if len(groups) > 1 else None)
    return figures, diagrams


def _choices(fitted: Calibrator) -> Iterator[dict[str, object]]:
    """A line for each segment and side: the chosen map, and the Brier scores that chose it."""
    for index, pair in [*enumerate(fitted.per_fold), ("next", fitted.final)]:
        for side, one in zip(SIDES, pair or (), strict=False):
            yield {"segment": index, "side": side, "map": _chosen(one), "n_eff": one.n_eff} | _brier(one)


def _chosen(one: SideCalibrator) -> str:
    if not one.rejected:
        return one.whole.method
    return "base rate: too few labels" if one.trial is None else "base rate: no map was better"


def _brier(one: SideCalibrator) -> dict[str, object]:
    if one.trial is None:
        return {}
    return {
        "judged": one.trial.n_eff,
        "Brier of the base rate": one.trial.base_rate_brier,
        **{method: one.trial.brier[method] for method in METHODS},
        "regimes": ", ".join(f"{name} {_own(own)}" for name, own in one.regimes.items()) or None,
    }


def _own(own: RegimeMap) -> str:
    return "base rate: the map was worse" if own.rejected else f"{own.share:.0%}"
