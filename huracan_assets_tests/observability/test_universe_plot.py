"""The picture of the universe is one picture, and says so where nothing traded."""

from __future__ import annotations

import numpy as np

from huracan_assets.observability.universe_plot import volume_dots

NAMES = ["BTC-USDT", "ETH-USDT", "SOL-USDT"]


def test_the_same_universe_is_the_same_picture_and_another_choice_another() -> None:
    volume = np.array([2e9, 3.5e8, np.nan])
    drawn = volume_dots(NAMES, volume, [True, True, False])
    assert drawn == volume_dots(NAMES, volume, [True, True, False])
    assert drawn != volume_dots(NAMES, volume, [True, False, False])
    assert drawn.startswith("![quote volume of 3 candidates](data:image/png;base64,")


def test_a_universe_without_volume_has_no_picture() -> None:
    assert volume_dots(NAMES, np.full(3, np.nan), [False] * 3) == "_no candidate traded_"
    assert volume_dots([], np.empty(0), []) == "_no candidate traded_"
