"""The common ground of the sources: opening one, days, and the errors that say where to look."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from huracan_assets.days import days_between
from huracan_assets.errors import MarketError, MissingDays, SettingsError
from huracan_assets.market.archive.source import ArchiveSource
from huracan_assets.market.exchange.source import ExchangeSource
from huracan_assets.market.source import open_source, refuse_future, require_days, split_days
from huracan_assets.market.synthetic import SyntheticSource
from huracan_assets.settings import read_settings

FIRST = date(2021, 1, 1)


def market() -> SyntheticSource:
    return SyntheticSource(symbols=("BTC-USDT", "ETH-USDT"), benchmark="BTC-USDT", first=FIRST, seed=1, edge=0.0)


def test_settings_open_each_kind_of_source(tmp_path: Path) -> None:
    kinds = {
        "synthetic": SyntheticSource,
        "ccxt": ExchangeSource,
        "archive": ArchiveSource,
    }
    for source, kind in kinds.items():
        settings = read_settings("local", {"market": {"source": source, "archive": str(tmp_path)}})
        assert isinstance(open_source(settings), kind)


def test_an_archive_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    settings = read_settings("local", {"market": {"source": "archive", "archive": str(tmp_path / "absent")}})
    with pytest.raises(SettingsError, match="absent"):
        open_source(settings)


def test_splitting_gives_back_every_row_once() -> None:
    last = FIRST + timedelta(days=2)
    frame = market().candles("ETH-USDT", FIRST, last)
    days = split_days(frame, days_between(FIRST - timedelta(days=1), last))
    assert [part.height for part in days.values()] == [0, 1440, 1440, 1440]
    for day, part in days.items():
        assert part.schema == frame.schema
        assert (part["ts"].dt.date() == day).all()


def test_required_days_come_in_the_order_asked_for() -> None:
    source = market()
    days = [FIRST + timedelta(days=1), FIRST]
    frame = source.candles("ETH-USDT", FIRST, FIRST + timedelta(days=1))
    assert list(require_days(frame, "ETH-USDT", days, source)) == days


def test_missing_days_are_named_with_the_first_day_of_the_source() -> None:
    source = market()
    days = days_between(FIRST - timedelta(days=2), FIRST)
    with pytest.raises(MissingDays, match=r"2020-12-30, 2020-12-31\. .*2021-01-01") as caught:
        require_days(source.candles("ETH-USDT", days[0], days[-1]), "ETH-USDT", days, source)
    assert caught.value.days == tuple(days[:2])


def test_a_missing_day_after_the_first_tells_so() -> None:
    source = market()
    frame = source.candles("ETH-USDT", FIRST, FIRST)
    with pytest.raises(MissingDays, match="begins on 2021-01-01: add these days"):
        require_days(frame, "ETH-USDT", [FIRST, FIRST + timedelta(days=1)], source)


def test_a_symbol_that_the_source_lacks_altogether_is_told(tmp_path: Path) -> None:
    source = ArchiveSource(tmp_path)
    with pytest.raises(MissingDays, match="no SOL-USDT at all"):
        require_days({}, "SOL-USDT", [FIRST], source)


@pytest.mark.parametrize("minutes", [-1, -600])
def test_a_day_that_has_not_ended_is_refused(minutes: int) -> None:
    now = datetime(2021, 1, 2, tzinfo=UTC) + timedelta(minutes=minutes)
    with pytest.raises(MarketError, match=r"2021-01-01 are not closed.*2021-01-02 00:00"):
        refuse_future([date(2020, 12, 31), FIRST], now)


def test_a_day_is_refused_until_the_very_minute_of_its_end() -> None:
    end = datetime(2021, 1, 2, tzinfo=UTC)
    with pytest.raises(MarketError):
        refuse_future([FIRST], end - timedelta(microseconds=1))
    refuse_future([FIRST], end)


def test_an_unknown_symbol_is_answered_with_the_nearest() -> None:
    with pytest.raises(MarketError, match="BTC-USDC: did you mean BTC-USDT"):
        market().candles("BTC-USDC", FIRST, FIRST)
    with pytest.raises(MarketError, match="it has BTC-USDT, ETH-USDT"):
        market().candles("QQQQQQQ", FIRST, FIRST)
