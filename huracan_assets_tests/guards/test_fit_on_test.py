"""A fit that says it saw its own test is found."""

from __future__ import annotations

from huracan_assets.guards.fit_on_test import Fit, fit_on_test
from huracan_assets_tests.guards.leaky_features import AS_OF


def test_a_fit_on_what_judges_it_is_found() -> None:
    honest = Fit("scaler", AS_OF[10], AS_OF[10])
    (finding,) = fit_on_test([honest, Fit("calibrator", AS_OF[12], AS_OF[10])])
    assert (finding.subject, finding.figure) == ("calibrator", 30.0)
