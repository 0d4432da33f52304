"""Set-ups embedded by medians and quartiles of the whole window."""

from __future__ import annotations

from huracan_assets.guards.leakage import Finding
from huracan_assets.guards.recomputation import altered_fits
from huracan_assets.memory.embedding import Embedding
from huracan_assets.validation.refits import refit_embedding
from huracan_assets_tests.leak_zoo import night
from huracan_assets_tests.leak_zoo.leak import Leak


def judged(everything: bool) -> list[Finding]:
    ts, first = night.room().ts, night.room().folds[0]
    features = ts.features if everything else ts.features[first.train]
    used = Embedding.fit(features, ts.names, night.SETTINGS.seed)
    return altered_fits([refit_embedding(night.room(), used, night.EMBARGO)])


LEAK = Leak(
    plants="an embedding fitted on all bars of the night",
    twin="fitted on the bars before the first test",
    check="fit_on_test",
    planted=lambda: judged(everything=True),
    clean=lambda: judged(everything=False),
)
