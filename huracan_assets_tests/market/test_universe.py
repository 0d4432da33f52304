"""The universe of a day: eligible by age, completeness and spread, ranked by volume, and blind to what came later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from random import Random

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from huracan_assets.days import DAY, midnight
from huracan_assets.market.universe import COLUMNS, Figures, Universe, choose, measure, pick
from huracan_assets.settings import Listing, UniverseSettings
from huracan_assets_tests.market.random_bars import bars

NIGHT = date(2024, 3, 1)  # the window crosses a leap day
WINDOW = 3
MIN_AGE = 10
RULES = UniverseSettings(size=2, days=WINDOW, min_completeness=0.9, max_spread_bps=20.0)
OLD = NIGHT - 100 * DAY
SYMBOLS = ("AAA-USDT", "BBB-USDT", "CCC-USDT", "DDD-USDT", "EEE-USDT")
SPAN = (NIGHT - 5 * DAY, NIGHT + 2 * DAY)


def chosen(
    candles: Mapping[str, pl.DataFrame], listings: Sequence[Listing], begins: Mapping[str, date], night: date = NIGHT
) -> Universe:
    """The universe as the job asks for it: of the candidates that are listed on the night."""
    listed = [listing.symbol for listing in listings if listing.is_listed(night)]
    return choose(night, {symbol: begins[symbol] for symbol in listed}, lambda name, *_: candles[name], RULES, MIN_AGE)


market = {symbol: bars(place, 1000.0 * (place + 1), *SPAN) for place, symbol in enumerate(SYMBOLS)}
listed = tuple(Listing(symbol=symbol) for symbol in SYMBOLS)
old = dict.fromkeys(SYMBOLS, OLD)


def test_the_largest_are_picked_in_order_and_the_others_told_their_rank() -> None:
    found = chosen(market, listed, old)
    assert found.picked == ("EEE-USDT", "DDD-USDT")
    assert found.left_out["CCC-USDT"] == "rank 3 of 5 eligible, 2 are picked"
    largest = found.candidates[0]
    inside = market["EEE-USDT"].filter(
        pl.col("ts").is_between(midnight(NIGHT - 2 * DAY), midnight(NIGHT + DAY), "left")
    )
    daily = inside.group_by_dynamic("ts", every="1d").agg(pl.col("quote_volume").sum())["quote_volume"]
    assert largest.quote_volume == pytest.approx(daily.median(), rel=1e-12)
    assert (largest.age_days, largest.completeness, largest.rank) == (100, 1.0, 1)


some = st.sets(st.sampled_from(SYMBOLS))
days_ahead = st.integers(1, 400)


@examples(max_examples=40)
@given(
    garbage=st.sampled_from([float("nan"), float("inf"), -1.0, 0.0, 1e12]),
    broken=some,
    gone=some,
    delisted=st.dictionaries(st.sampled_from(SYMBOLS), days_ahead),
    born=days_ahead,
    order=st.permutations(SYMBOLS),
)
def test_nothing_that_happens_after_the_day_changes_it(
    garbage: float, broken: set[str], gone: set[str], delisted: dict[str, int], born: int, order: list[str]
) -> None:
    """Garbage or no candles after the day, a later delisting, a coin whose first candle comes later, any order."""
    future, unborn = pl.col("ts") >= midnight(NIGHT + DAY), "FFF-USDT"
    plain = chosen(
        {**market, unborn: market["AAA-USDT"].clear()},
        [*listed, Listing(symbol=unborn)],
        {**old, unborn: NIGHT + 500 * DAY},
    )
    changed = {unborn: market["BBB-USDT"]}  # whatever lies there from before its first candle is not its own
    for symbol, frame in market.items():
        junk = [pl.when(future).then(garbage).otherwise(pl.col(name)).alias(name) for name in COLUMNS[1:]]
        changed[symbol] = frame.with_columns(junk) if symbol in broken else frame
        changed[symbol] = changed[symbol].filter(~future) if symbol in gone else changed[symbol]
    ends = {symbol: NIGHT + ahead * DAY for symbol, ahead in delisted.items()}
    listings = [Listing(symbol=unborn), *(Listing(symbol=symbol, delisted=ends.get(symbol)) for symbol in order)]
    again = chosen(changed, listings, {**old, unborn: NIGHT + born * DAY})
    assert again == plain
    assert again.left_out[unborn] == "no candle is known yet"


def test_a_coin_that_is_delisted_later_is_picked_while_it_was_large_and_not_from_its_day_on() -> None:
    retired = tuple(Listing(symbol=one.symbol, delisted=NIGHT + DAY if one is listed[-1] else None) for one in listed)
    assert chosen(market, retired, old).picked == ("EEE-USDT", "DDD-USDT")
    assert chosen(market, retired, old, NIGHT + DAY).picked == ("DDD-USDT", "CCC-USDT")


amounts = st.one_of(st.none(), st.floats(1.0, 1e9))
figures = st.builds(
    Figures,
    symbol=st.text("ABC", min_size=1, max_size=4),
    age_days=st.one_of(st.none(), st.integers(0, 30)),
    days=st.just(WINDOW),
    completeness=st.floats(0.8, 1.0),
    quote_volume=st.sampled_from([1e6, 2e6, 3e6]),
    spread_bps=st.one_of(st.none(), st.floats(0.0, 40.0)),
)


@given(st.lists(figures, unique_by=lambda one: one.symbol, max_size=8), st.randoms())
def test_the_picked_are_eligible_and_no_eligible_larger_one_is_left_out(found: list[Figures], random: Random) -> None:
    chosen = pick(NIGHT, found, RULES, MIN_AGE, {})
    by_name = {one.symbol: one for one in found}

    def eligible(one: Figures) -> bool:
        return (
            one.age_days is not None
            and one.age_days >= MIN_AGE
            and one.completeness >= RULES.min_completeness
            and one.spread_bps is not None
            and one.spread_bps <= RULES.max_spread_bps
        )

    good = [one for one in found if eligible(one)]
    assert len(chosen.picked) == min(RULES.size, len(good))
    assert all(eligible(by_name[symbol]) for symbol in chosen.picked)
    volumes = sorted((one.quote_volume or 0.0 for one in good), reverse=True)
    assert [by_name[symbol].quote_volume for symbol in chosen.picked] == volumes[: RULES.size]
    assert sorted(line.symbol for line in chosen.candidates) == sorted(by_name)
    assert all(line.reason for line in chosen.candidates)
    shuffled = list(found)
    random.shuffle(shuffled)
    assert pick(NIGHT, shuffled, RULES, MIN_AGE, {}) == chosen


def one(**changes: object) -> Figures:
    base: dict[str, object] = {"symbol": "ONE-USDT", "age_days": 50, "days": WINDOW, "completeness": 1.0}
    return Figures(**{**base, "quote_volume": 1e6, "spread_bps": 1.0, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        (one(age_days=None), "no candle is known yet"),
        (one(age_days=9), "9 days old, a Brain needs 10"),
        (one(completeness=0.5), "50.0% of the minutes are there, at least 90.0% must be"),
        (one(spread_bps=None), "too little for a spread"),
        (one(spread_bps=25.04), "a spread of 25.0 bps, at most 20"),
    ],
)
def test_each_bound_excludes_with_its_figure(figures: Figures, words: str) -> None:
    universe = pick(NIGHT, [figures], RULES, MIN_AGE, {})
    assert universe.picked == ()
    assert words in universe.left_out["ONE-USDT"]


def test_a_candidate_that_the_source_cannot_tell_of_is_out_with_the_sources_own_words() -> None:
    universe = pick(NIGHT, [one()], RULES, MIN_AGE, {"ONE-USDT": "the exchange did not answer"})
    assert universe.left_out == {"ONE-USDT": "the exchange did not answer"}


def test_equal_volumes_are_ordered_by_spread_completeness_age_and_name() -> None:
    lines = [
        one(symbol="E", spread_bps=2.0),
        one(symbol="D", completeness=0.95),
        one(symbol="C", age_days=40),
        one(symbol="B"),
        one(symbol="A"),
    ]
    assert [line.symbol for line in pick(NIGHT, lines, RULES, MIN_AGE, {}).candidates] == ["A", "B", "C", "D", "E"]


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_a_planted_spread_is_found_whether_or_not_minutes_are_missing(missing: float) -> None:
    """40 bps are told from 3, though a third of the bars be lost; were bars across a gap taken for neighbours, the
    walk over the gap would be taken for spread.
    """
    for planted in (3.0, 40.0):
        frame = bars(7, 1000.0, *SPAN, spread_bps=planted)
        kept = frame.filter(pl.Series(np.random.default_rng(1).random(frame.height) >= missing))
        found = measure("AAA-USDT", kept, NIGHT - 2 * DAY, NIGHT, OLD)
        assert found.spread_bps == pytest.approx(planted, abs=2.0)
        assert found.completeness == pytest.approx(1.0 - missing, abs=0.02)


def test_where_the_source_tells_no_quote_volume_it_is_volume_at_the_mean_price() -> None:
    frame = market["CCC-USDT"].with_columns(pl.lit(None, pl.Float64).alias("quote_volume"))
    told = measure("CCC-USDT", market["CCC-USDT"], NIGHT, NIGHT, OLD).quote_volume
    assert measure("CCC-USDT", frame, NIGHT, NIGHT, OLD).quote_volume == pytest.approx(told, rel=1e-3)


def test_a_coin_whose_price_never_moves_has_no_spread_to_be_estimated() -> None:
    still = market["AAA-USDT"].with_columns(pl.lit(1.0).alias(name) for name in ("open", "high", "low", "close"))
    found = measure("AAA-USDT", still, NIGHT - 2 * DAY, NIGHT, OLD)
    assert found.spread_bps is None
    assert found.completeness == 1.0


def test_days_without_a_candle_count_as_missing_and_lower_no_volume() -> None:
    whole = measure("EEE-USDT", market["EEE-USDT"], NIGHT - 2 * DAY, NIGHT, OLD)
    gone = market["EEE-USDT"].filter(pl.col("ts").dt.date() != NIGHT)
    found = measure("EEE-USDT", gone, NIGHT - 2 * DAY, NIGHT, OLD)
    assert (found.days, whole.days) == (2, 3)
    assert found.completeness == pytest.approx(2 / 3)
    assert found.quote_volume == pytest.approx(whole.quote_volume, rel=0.05)
