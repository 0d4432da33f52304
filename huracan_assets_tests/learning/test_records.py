"""What the learners leave behind: read back the same, and dated by the rows they were given."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from huracan_assets.learning.linear_model import LinearModel
from huracan_assets.learning.probability_maps import IsotonicMap
from huracan_assets.learning.records import (
    Calibrator,
    FoldRecord,
    LightGBMModel,
    out_of_fold_frame,
    out_of_fold_lean,
    utc,
)
from huracan_assets.learning.side_calibrator import SideCalibrator
from huracan_assets.learning.side_model import SideModel, SidePair
from huracan_assets.resources.lake import canonical_json
from huracan_assets_tests.learning.small_nights import small

SIDE = SideModel(
    booster="tree\n",
    linear=LinearModel(centre=(0.1 + 0.2,), scale=(1.0,), coefficient=(1e-300,), intercept=-0.5, share=(1.0,)),
)
PAIR = SidePair(long=SIDE, short=SIDE, usual_lean=0.1 + 0.2)
MAP = SideCalibrator(
    whole=IsotonicMap(x=(0.1, 1 / 3), y=(0.4, 0.7000000000000001)), regimes={}, n_eff=0.1 + 0.2, trial=None
)


def test_an_instant_keeps_its_microseconds_and_is_utc() -> None:
    assert utc(np.datetime64("2026-01-01T12:34:56.789012")) == datetime(2026, 1, 1, 12, 34, 56, 789012, tzinfo=UTC)


def test_a_fold_is_dated_by_the_newest_label_that_taught_it() -> None:
    walk = small(4)
    for fold in walk.folds:
        record = FoldRecord.of(fold, walk.ts.label_end)
        assert record.fitted_until == utc(max(walk.ts.label_end[row] for row in fold.train))
        assert record.fitted_until <= record.test_start < record.test_end
        assert (record.train_rows, record.test_rows) == (len(fold.train), len(fold.test))


def test_models_and_calibrators_read_back_from_json_are_the_same() -> None:
    walk = small(5)
    records = tuple(FoldRecord.of(fold, walk.ts.label_end) for fold in walk.folds)
    model = LightGBMModel(
        names=("x",), recipe_sha256="r", folds=records, per_fold=(PAIR,) * 3,
        final=PAIR, importance=(("x", 0.1 + 0.2),), out_of_fold_sha256="o",
    )  # fmt: skip
    calibrator = Calibrator(
        per_fold=(None, (MAP, MAP)), final=(MAP, MAP), fitted_until=(None, datetime(2026, 1, 1, tzinfo=UTC))
    )
    assert LightGBMModel.model_validate_json(canonical_json(model)) == model
    assert Calibrator.model_validate_json(canonical_json(calibrator)) == calibrator
    assert calibrator.of_fold(1) == (MAP, MAP)
    with pytest.raises(ValueError, match="fold 0 calibrates others"):
        calibrator.of_fold(0)


def test_a_lean_is_told_in_the_units_of_its_own_folds_pair() -> None:
    walk = small(7)
    raw = np.random.default_rng(7).random((len(walk.ts), 2))
    pairs = [PAIR.model_copy(update={"usual_lean": 0.1 * (1 + fold.index)}) for fold in walk.folds]
    lean = out_of_fold_lean(pairs, raw, walk.folds)
    for fold in walk.folds:
        by_hand = (raw[fold.test, 0] - raw[fold.test, 1]) / (0.1 * (1 + fold.index))
        np.testing.assert_allclose(lean[fold.test], by_hand, rtol=1e-12)
    assert np.isnan(np.delete(lean, walk.out_of_sample())).all()


def test_the_out_of_fold_frame_has_each_tested_row_once_with_its_own_figures() -> None:
    walk = small(6)
    raw = np.random.default_rng(6).random((len(walk.ts), 2))
    frame = out_of_fold_frame(walk.ts, walk.folds, raw)
    rows = walk.out_of_sample()
    assert frame["as_of"].dt.replace_time_zone(None).to_numpy().tolist() == walk.ts.as_of[rows].tolist()
    np.testing.assert_array_equal(frame.select("long", "short").to_numpy(), raw[rows])
    for index, as_of in frame.select("fold", "as_of").iter_rows():
        fold = walk.folds[index]
        assert utc(fold.test_start) < as_of <= utc(fold.test_end)
