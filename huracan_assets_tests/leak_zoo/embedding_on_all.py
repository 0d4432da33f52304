"""Set-ups told in units of what was usual over the whole window."""

from __future__ import annotations

import numpy as np
import polars as pl

from huracan_assets.guards.leakage import Finding
from huracan_assets.guards.recomputation import altered_fits
from huracan_assets.memory.set_up_map import SetUpMap, _centre_and_scale, _project, _projection
from huracan_assets.validation.refits import SetUps, refit_set_ups
from huracan_assets_tests.leak_zoo import night
from huracan_assets_tests.leak_zoo.leak import Leak


def judged(everything: bool) -> list[Finding]:
    """The trades' points as the night stored them."""
    bars, ts = night.bars(), night.walk().ts
    mapped = SetUpMap(names=ts.names, recipe_sha256="", seed=night.SETTINGS.seed, usual_days=4, bars_a_day=96)
    traded = bars["as_of"].gather_every(40)
    points = mapped.points_at(bars, traded)
    assert not np.isnan(points[traded.to_numpy() <= night.walk().folds[-1].test_start]).all()
    if everything:
        values = bars.select(pl.col(ts.names).cast(pl.Float64)).to_numpy()
        whole = _project(values, *_centre_and_scale(values), _projection(len(ts.names), mapped.seed))
        points = whole.astype(np.float32)[::40]
    return altered_fits([refit_set_ups(night.walk(), SetUps(mapped, bars, traded, points))])


LEAK = Leak(
    plants="set-ups told in units of the whole window",
    twin="in units of the weeks before",
    check="fit_on_test",
    planted=lambda: judged(everything=True),
    clean=lambda: judged(everything=False),
)
