"""The recipe is complete, told apart, and named by a hash that moves with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from huracan_assets.features import recipe
from huracan_assets.features.recipe import FEATURE_NAMES, RECIPE, SOURCES, WARM_UP_DAYS, recipe_hash
from huracan_assets.market.order_books import BOOK_SIDES

BOOK_COLUMNS = ("prices", "sizes")
GLUE = {
    "__init__.py",
    "assets.py",
    "checks.py",
    "contract.py",
    "day_account.py",
    "feature_diff.py",
    "feature_sets.py",
    "feature_store.py",
    "feature_version.py",
    "inputs.py",
    "lineage.py",
    "recipe_document.py",
    "reference.py",
}
# What the engines, the regimes and the later rooms are promised, whatever else the recipe holds.
PROMISED = """
    ema_5_21 ema_8_34 rsi_7 rsi_14 adx macd atr bb_width bb_position realised_vol_5m parkinson garman_klass
    vol_regime vwap_distance amihud vol_jump taker_imbalance_15 minute_of_day_sin minute_of_day_cos
    day_of_week_sin day_of_week_cos session ignition_score breakout_thrust breakout_quality compression
    nr7_density compress_rank mean_rev pullback entropy micro uptick spread_bps roll_bps corwin_schultz_bps
    microprice_bps book_imbalance leader rs trend_str ema_slope momentum_slope htf kurt skew tail_ratio residual_z
    funding_rate basis_bps carry_pnl liquidation_heat sentiment trade_count_z price_position catch_up_5
"""
INPUTS = {
    *("open", "high", "low", "close", "volume", "trades", "taker_buy_volume", "clock", "funding.rate"),
    *("benchmark.close", "benchmark.volume", "benchmark.taker_buy_volume", "perpetual.close", "sentiment.score"),
    *("open_interest.open_interest", *(f"order_books.{side}_{what}" for side in BOOK_SIDES for what in BOOK_COLUMNS)),
}


def test_declarations_are_distinct_and_whole() -> None:
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES) >= 80
    assert set(PROMISED.split()) <= set(FEATURE_NAMES)
    for feature in RECIPE:
        assert feature.low < feature.high and feature.inputs and feature.formula and feature.unit, feature.name
        assert feature.source and not feature.formula.endswith(".") and set(feature.inputs) <= INPUTS, feature.name
        assert 0 < feature.warm_up_minutes <= WARM_UP_DAYS * 1440, feature.name


def test_each_family_is_one_file_and_every_source_is_hashed() -> None:
    folder = Path(recipe.__file__).parent
    for feature in RECIPE:
        assert (folder / f"{feature.family}.py").is_file()
    hashed = {source.name for source in SOURCES if source.parent == folder}
    assert hashed == {source.name for source in folder.glob("*.py")} - GLUE


def test_the_hash_moves_with_the_sources_and_not_with_line_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = recipe_hash()
    texts = {source: source.read_text(encoding="utf-8") for source in SOURCES}
    copies = tuple(tmp_path / f"{number}" / source.name for number, source in enumerate(SOURCES))
    for copy, text in zip(copies, texts.values(), strict=True):
        copy.parent.mkdir()
        copy.write_bytes(text.replace("\n", "\r\n").encode())
    monkeypatch.setattr(recipe, "SOURCES", copies)
    assert recipe_hash.__wrapped__() == before
    copies[3].write_text(copies[3].read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    assert recipe_hash.__wrapped__() != before
