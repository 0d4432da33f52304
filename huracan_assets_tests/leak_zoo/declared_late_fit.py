"""A fit whose own record says that it saw the segment it was judged on."""

from __future__ import annotations

from huracan_assets.guards.fit_on_test import Fit, fit_on_test
from huracan_assets.guards.leakage import Finding
from huracan_assets_tests.leak_zoo import night
from huracan_assets_tests.leak_zoo.leak import Leak


def judged(late: bool) -> list[Finding]:
    ts, fold = night.walk().ts, night.walk().folds[1]
    rows = fold.test[:1] if late else fold.train
    return fit_on_test([Fit("threshold of fold 1", ts.label_end[rows].max(), fold.test_start)])


LEAK = Leak(
    plants="a threshold chosen with one row of its test",
    twin="chosen on the training rows",
    check="fit_on_test",
    planted=lambda: judged(late=True),
    clean=lambda: judged(late=False),
)
