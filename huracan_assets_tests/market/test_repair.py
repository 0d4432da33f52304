"""Repair commands: one for each unbroken run of days. That they repair is tested in `test_cli_market.py`."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.days import unbroken_spans
from huracan_assets.market.repair import materialize_command, repair_commands
from huracan_assets.partitions import partition_key

FIRST, LAST = date(2025, 12, 30), date(2026, 1, 2)


def test_one_day_is_a_partition_and_several_are_a_range() -> None:
    start = "dagster asset materialize -m huracan_assets.definitions --select 'candles,minute_status' "
    assets = ("candles", "minute_status")
    assert materialize_command(assets, "BTC-USDT", FIRST, FIRST) == f"{start}--partition '2025-12-30|BTC-USDT'"
    assert partition_key(FIRST, "BTC-USDT") == "2025-12-30|BTC-USDT"
    assert (
        materialize_command(assets, "BTC-USDT", FIRST, LAST)
        == f"{start}--partition-range '{partition_key(FIRST, 'BTC-USDT')}...{partition_key(LAST, 'BTC-USDT')}'"
    )


@given(st.sets(st.dates(date(2025, 12, 1), date(2026, 1, 31))))
def test_there_is_a_command_for_each_unbroken_run_of_days(days: set[date]) -> None:
    wanted = [materialize_command(("candles",), "BTC-USDT", *span) for span in unbroken_spans(days)]
    assert repair_commands(("candles",), "BTC-USDT", days) == wanted
