"""Means and deviations of the linear model taken from all rows of the night."""

from __future__ import annotations

from huracan_assets.guards.leakage import Finding
from huracan_assets.guards.recomputation import altered_fits
from huracan_assets.learning.linear_model import centre_and_scale
from huracan_assets.learning.side_model import SideModel, SidePair
from huracan_assets.validation.refits import refit_models
from huracan_assets_tests.leak_zoo import night
from huracan_assets_tests.leak_zoo.leak import Leak


def judged(pairs: tuple[SidePair, ...]) -> list[Finding]:
    lightgbm = night.SETTINGS.learning.lightgbm
    return altered_fits(refit_models(night.walk(), pairs, night.EMBARGO, lightgbm, night.SETTINGS.seed))


def rescaled(model: SideModel) -> SideModel:
    centre, scale = centre_and_scale(night.walk().ts.features)
    linear = model.linear.model_copy(update={"centre": tuple(centre.tolist()), "scale": tuple(scale.tolist())})
    return model.model_copy(update={"linear": linear})


def told_all(pair: SidePair) -> SidePair:
    return pair.model_copy(update={"long": rescaled(pair.long), "short": rescaled(pair.short)})


LEAK = Leak(
    plants="scalers that know the mean and deviation of the test segment",
    twin="scalers of the training rows",
    check="fit_on_test",
    planted=lambda: judged(tuple(told_all(pair) for pair in night.models().per_fold)),
    clean=lambda: judged(night.models().per_fold),
)
