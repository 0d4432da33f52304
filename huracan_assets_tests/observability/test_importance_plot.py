"""The picture of importance is one picture, the same bytes for the same numbers, and says so where there is nothing."""

from __future__ import annotations

import numpy as np

from huracan_assets.observability.importance_plot import MOST, importance_bars

NAMES = [f"feature_{k}" for k in range(MOST + 5)]
LOSS = np.random.default_rng(1).normal(size=(3, len(NAMES)))


def drawn(names: list[str] = NAMES, loss: np.ndarray[tuple[int, int], np.dtype[np.float64]] = LOSS) -> str:
    return importance_bars(names, loss, ["one", "two"], LOSS[:, :2], "1e-4")


def test_the_same_numbers_are_the_same_picture_and_others_another() -> None:
    assert drawn() == drawn()
    assert drawn() != drawn(loss=-LOSS)
    assert drawn().startswith(
        f"![importance of the {MOST} strongest of {len(NAMES)} features, and of their families](data:"
    )


def test_one_fold_has_no_spread_and_no_features_no_picture() -> None:
    assert "of 25 features" in drawn(loss=LOSS[:1])
    assert drawn([], LOSS[:, :0]) == "_no features_"
