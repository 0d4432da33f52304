"""What is known stays to the bit; nothing that comes later is left as it was."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from huracan_assets.days import midnight
from huracan_assets.guards.removed_future import FUTURES, Future, removed
from huracan_assets_tests.features.random_market import DAY_OF_TEST, candles, funding

AT = midnight(DAY_OF_TEST) - timedelta(minutes=700)


@pytest.mark.parametrize("future", FUTURES, ids=lambda future: future.__name__)
def test_the_known_rows_stand_and_the_later_ones_do_not(future: Future) -> None:
    for frame, known in ((candles(3), pl.col("known_at") <= AT), (funding(), pl.col("ts") <= AT)):
        made = future(frame, AT)
        assert made.filter(known).equals(frame.filter(known))
        assert made.schema == frame.schema
        later, true = made.filter(~known), frame.filter(~known)
        assert later.is_empty() == (future is removed)
        if future is not removed:
            assert later["ts"].equals(true["ts"])
            assert later.join(true, on=later.columns, how="semi").height < 0.3 * true.height
