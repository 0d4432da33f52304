"""A feature version names its window, and refuses to be mixed with another recipe's."""

from __future__ import annotations

from datetime import date

import pytest

from huracan_assets.days import DAY, days_until
from huracan_assets.errors import ContractError
from huracan_assets.features.feature_version import FeatureDay, FeatureVersion
from huracan_assets.resources.lake import canonical_json, content_hash

LAST = date(2026, 1, 5)


def version(recipe: str = "a" * 64, candles: str = "c") -> FeatureVersion:
    days = tuple(
        FeatureDay(day=day, candles_sha256=candles, funding_sha256="", books_sha256=None, features_sha256="f")
        for day in days_until(LAST, 3)
    )
    return FeatureVersion(symbol="ETH-USDT", day=LAST, recipe_sha256=recipe, names=("rsi", "adx"), days=days)


def test_the_window_is_its_days_in_order() -> None:
    assert version().window == [LAST - 2 * DAY, LAST - DAY, LAST]


def test_another_recipe_is_refused_and_both_are_named() -> None:
    version().require_recipe("a" * 64)
    with pytest.raises(ContractError, match=r"recipe aaaaaaaaaaaa, this engine makes bbbbbbbbbbbb: materialise"):
        version().require_recipe("b" * 64)


def test_other_candles_or_another_recipe_are_another_version() -> None:
    versions = [version(), version(recipe="b" * 64), version(candles="d")]
    assert len({content_hash(each) for each in versions}) == 3
    assert FeatureVersion.model_validate_json(canonical_json(version())) == version()
