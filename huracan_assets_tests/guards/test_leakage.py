"""The report lists every check, and refuses to leave one out."""

from __future__ import annotations

import pytest

from huracan_assets.errors import ContractError
from huracan_assets.guards.fit_on_test import Fit, fit_on_test
from huracan_assets.guards.leakage import CHECKS, leakage_report
from huracan_assets_tests.guards.leaky_features import AS_OF


def test_a_report_is_clean_without_a_finding_and_not_with_one() -> None:
    finding = fit_on_test([Fit("scaler", AS_OF[12], AS_OF[10])])
    nothing: dict[str, tuple[()]] = dict.fromkeys(CHECKS, ())
    assert leakage_report(nothing).clean
    report = leakage_report({**nothing, "fit_on_test": finding})
    assert not report.clean
    assert list(report.findings) == list(CHECKS)


def test_a_report_without_one_of_the_checks_is_refused() -> None:
    with pytest.raises(ContractError, match="needs exactly the checks"):
        leakage_report({"fit_on_test": []})
