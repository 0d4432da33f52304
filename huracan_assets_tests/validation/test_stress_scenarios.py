"""The changed worlds are still markets, change what they say they change, and the attacks are noticed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from huracan_assets.days import DAY, MINUTES_PER_DAY, days_between, midnight
from huracan_assets.features.recipe import FEATURE_NAMES, RECIPE
from huracan_assets.guards.check_result import DayQuality
from huracan_assets.guards.data_quality import Evidence, quality
from huracan_assets.market.contract import PRICES, validate_candles
from huracan_assets.market.source import split_days
from huracan_assets.settings import read_settings
from huracan_assets.shadow.replay import Stretch
from huracan_assets.validation import stress_scenarios as worlds
from huracan_assets_tests.features.random_market import candles

FIRST = date(2026, 1, 1)
DAYS = days_between(FIRST + DAY, FIRST + 4 * DAY)
SETTINGS = read_settings("local")


def market(seed: int, missing: float = 0.01) -> pl.DataFrame:
    return candles(seed, FIRST, 5, missing)


def thin(frame: pl.DataFrame) -> pl.DataFrame:
    """The same prices from a source that has neither quote volume nor trades."""
    return frame.with_columns(
        pl.lit(None, frame.schema[name]).alias(name) for name in ("quote_volume", "trades", "taker_buy_volume")
    )


WORLDS: dict[str, Callable[[pl.DataFrame, int], pl.DataFrame]] = {
    "crash of BTC": lambda frame, seed: worlds.crash(frame, DAYS, worlds.CRISES[0]),
    "crash of SOL": lambda frame, seed: worlds.crash(frame, DAYS, worlds.CRISES[1]),
    "bootstrap": lambda frame, seed: worlds.block_bootstrap(frame, np.random.default_rng(seed)),
    "noise": lambda frame, seed: worlds.candle_noise(frame, np.random.default_rng(seed)),
    "flip": lambda frame, seed: worlds.flipped(frame, DAYS),
}


@pytest.mark.parametrize("world", WORLDS)
@settings(max_examples=6)
@given(seed=st.integers(0, 1000), missing=st.sampled_from([0.0, 0.01, 0.08]), full=st.booleans())
def test_a_changed_world_keeps_the_candle_contract_and_its_minutes(
    world: str, seed: int, missing: float, full: bool
) -> None:
    frame = market(seed, missing) if full else thin(market(seed, missing))
    changed = WORLDS[world](frame, seed)
    assert changed["ts"].equals(frame["ts"])
    assert changed.schema == frame.schema
    for day, of_day in split_days(changed, days_between(FIRST, FIRST + 4 * DAY)).items():
        validate_candles(of_day, symbol="ETH-USDT", day=day, origin=world)
    assert not changed.select(PRICES).equals(frame.select(PRICES))


def log_close(frame: pl.DataFrame) -> NDArray[np.float64]:
    return np.asarray(np.log(frame["close"].to_numpy()))


@pytest.mark.parametrize("crisis", worlds.CRISES, ids=lambda crisis: crisis.name)
def test_a_crash_falls_and_comes_back_as_measured(crisis: worlds.CrisisShape) -> None:
    frame = market(1, missing=0.0)
    changed = log_close(worlds.crash(frame, DAYS, crisis)) - log_close(frame)
    begin = 3 * MINUTES_PER_DAY  # the middle of the four days after the first
    bottom, end = begin + crisis.fall_minutes, begin + crisis.fall_minutes + crisis.rebound_minutes
    before, here = changed[:begin], changed[[bottom - 1, end - 1]]
    np.testing.assert_allclose(before, 0.0, atol=1e-9)
    wild = (crisis.volatility - 1.0) * np.diff(log_close(frame), prepend=log_close(frame)[0])
    fall = here[0] - wild[begin:bottom].sum()
    rebound = here[1] - here[0] - wild[bottom:end].sum()
    assert fall == pytest.approx(np.log1p(crisis.fall))
    assert rebound == pytest.approx(-crisis.rebound * np.log1p(crisis.fall))
    np.testing.assert_allclose(np.diff(changed[end:]), 0.0, atol=1e-9)


def test_flipped_twice_is_the_market_itself() -> None:
    frame = market(2)
    twice = worlds.flipped(worlds.flipped(frame, DAYS), DAYS)
    for name in (*PRICES, "quote_volume"):
        np.testing.assert_allclose(twice[name], frame[name], rtol=1e-9)


def test_a_flip_mirrors_every_bar_after_the_middle_and_none_before() -> None:
    frame = market(3, missing=0.0)
    flipped = worlds.flipped(frame, DAYS)
    turn = frame["ts"].search_sorted(midnight(DAYS[2]))
    np.testing.assert_allclose(flipped[:turn].select(PRICES), frame[:turn].select(PRICES), rtol=1e-12)
    after, was = np.diff(log_close(flipped))[turn:], np.diff(log_close(frame))[turn:]
    np.testing.assert_allclose(after, -was, atol=1e-12)
    for name, mirror in (("high", "low"), ("low", "high")):
        up = np.log(flipped[name][turn:].to_numpy() / flipped["close"][turn:].to_numpy())
        down = np.log(frame[mirror][turn:].to_numpy() / frame["close"][turn:].to_numpy())
        np.testing.assert_allclose(up, -down, atol=1e-12)


def test_the_bootstrap_draws_whole_bars_in_blocks_and_keeps_turnover_honest() -> None:
    frame = market(4, missing=0.0)
    drawn = worlds.block_bootstrap(frame, np.random.default_rng(4))
    place = {volume: row for row, volume in enumerate(frame["volume"].to_list()) if volume > 0}
    rows = np.array([place.get(volume, -1) for volume in drawn["volume"]])
    known = (rows >= 0) & (np.arange(len(rows)) % worlds.BLOCK_MINUTES != 0)
    follows = known[1:] & (rows[:-1] >= 0)
    assert (np.diff(rows)[follows] == 1).all()
    assert len(set((rows - np.arange(len(rows)))[rows >= 0])) > 3, "more than one block"
    traded = drawn.filter(pl.col("volume") > 0)
    paid = (traded["quote_volume"] / traded["volume"] / traded["close"]).to_numpy()
    was = frame.filter(pl.col("volume") > 0)
    np.testing.assert_allclose(paid, (was["quote_volume"] / was["volume"] / was["close"])[0], rtol=1e-9)


def test_noise_is_as_large_as_it_says() -> None:
    frame = market(5)
    noisy = worlds.candle_noise(frame, np.random.default_rng(5))
    off = log_close(noisy) - log_close(frame)
    assert off.std() * 1e4 == pytest.approx(worlds.NOISE_BPS, rel=0.05)
    assert abs(off.mean()) * 1e4 < 0.2


def test_the_same_generator_gives_the_same_world() -> None:
    frame = market(6)
    for world in WORLDS.values():
        assert world(frame, 6).equals(world(frame, 6))


def test_where_the_symbol_is_its_own_benchmark_both_change_and_elsewhere_one() -> None:
    own, other, changed = market(7), market(8), market(9)
    alone = Stretch("BTC-USDT", DAYS, own, own, None)
    paired = Stretch("ETH-USDT", DAYS, own, other, None)
    assert worlds.with_candles(alone, changed).benchmark is changed
    assert worlds.with_candles(paired, changed).benchmark is other
    assert worlds.with_candles(paired, changed).candles is changed


def test_the_families_are_a_partition_of_the_models_features() -> None:
    names = FEATURE_NAMES[3::2]
    found = worlds.families(names)
    assert sorted(name for members in found.values() for name in members) == sorted(names)
    family = {feature.name: feature.family for feature in RECIPE}
    assert all(family[name] == key for key, members in found.items() for name in members)


def judged(frame: pl.DataFrame, day: date) -> DayQuality:
    """The quality of a day under the bounds in force."""
    return quality(Evidence(frame), [day], SETTINGS.guards, SETTINGS.market.max_unknown_minutes)[0]


def attacked(frame: pl.DataFrame, attack: str) -> list[str]:
    day = frame["ts"][0].date()
    report = judged(worlds.ATTACKS[attack](frame), day)
    assert report.quarantined == bool(report.reasons)
    return report.reasons


@pytest.mark.parametrize("attack", worlds.ATTACKS)
@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), missing=st.sampled_from([0.0, 0.01, 0.08]))
def test_every_attack_ends_in_quarantine_and_the_day_alone_does_not(attack: str, seed: int, missing: float) -> None:
    frame = candles(seed, FIRST, 1, missing)
    clean = judged(frame, FIRST)
    if frame.height >= MINUTES_PER_DAY - SETTINGS.market.max_unknown_minutes:
        assert not clean.quarantined, clean.reasons
    assert attacked(frame, attack)


def test_a_stuck_feed_is_noticed_also_where_the_stuck_minute_had_no_trade_or_minutes_lacked() -> None:
    frame = candles(11, FIRST, 1, 0.0)
    still = frame.with_columns(
        volume=pl.when(pl.int_range(pl.len()).is_between(295, 320)).then(0.0).otherwise(pl.col("volume")),
        taker_buy_volume=pl.when(pl.int_range(pl.len()).is_between(295, 320))
        .then(0.0)
        .otherwise(pl.col("taker_buy_volume")),
    )
    holes = still.filter(pl.int_range(pl.len()) % 50 != 0)
    assert any("stuck" in reason for reason in attacked(holes, "one bar repeated for 3 hours"))


def test_a_bad_tick_is_noticed_also_where_the_minute_beside_it_lacked() -> None:
    frame = candles(12, FIRST, 1, 0.0)
    gappy = frame.filter(~pl.int_range(pl.len()).is_in([699, 701, 702]))
    assert any("bad ticks" in reason for reason in attacked(gappy, "a spike of 50 %"))
