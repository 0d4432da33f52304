"""Volume: how much was traded, at what price, and by whose initiative."""

from __future__ import annotations

from functools import partial

import numpy as np

from huracan_assets.features.declaration import HOUSE, Family
from huracan_assets.features.kernels import Array, ratio
from huracan_assets.features.momentum import RECURSION_MINUTES, Z_LIMIT
from huracan_assets.features.rolling import lag, mean, span_ema, total, zscore
from huracan_assets.features.window import BPS, Window

FAMILY = Family("volume")
AMIHUD_LIMIT = 1e6
JUMP_LIMIT = 8.0
MILLION = 1e6


@FAMILY.feature(
    unit="bps",
    low=-5e4,
    high=5e4,
    warm_up=240,
    inputs=("high", "low", "close", "volume"),
    source="Berkowitz, Logue & Noser (1988), of typical prices",
)
def vwap_distance(w: Window) -> Array:
    """ln(close / VWAP) over 240 min, each minute at (high + low + close) / 3, held at +-5e4; null without volume."""
    vwap = ratio(total(w.typical * w.grid.volume, 240), total(w.grid.volume, 240))
    return np.clip(BPS * np.log(ratio(w.grid.close, vwap)), -5e4, 5e4)


@FAMILY.feature(
    unit="bps per million",
    low=0.0,
    high=AMIHUD_LIMIT,
    warm_up=61,
    inputs=("high", "low", "close", "volume"),
    source="Amihud (2002), a minute for a day",
)
def amihud(w: Window) -> Array:
    """Mean over 60 min of |r| / million of the quote coin traded, minutes without volume left out, held at 1e6."""
    worth = w.typical * w.grid.volume / MILLION
    return np.minimum(mean(ratio(BPS * np.abs(w.returns), worth), 60), AMIHUD_LIMIT)


@FAMILY.feature(unit="z", low=-Z_LIMIT, high=Z_LIMIT, warm_up=1455, inputs=("volume",), source="standard score")
def volume_z(w: Window) -> Array:
    """z-score (population) over 1440 min of ln(1 + mean volume of 15 min)."""
    return w.once(volume_score)


def volume_score(w: Window) -> Array:
    """What `volume_z` declares, for the features that read it."""
    return zscore(np.log(1.0 + mean(w.grid.volume, 15)), 1440)


@FAMILY.feature(
    unit="z", low=-Z_LIMIT, high=Z_LIMIT, warm_up=1445, inputs=("volume",), source=f"{HOUSE}; standard score"
)
def vol_jump(w: Window) -> Array:
    """z-score (population) over 1440 min of ln(1 + mean volume of 5 min)."""
    return zscore(np.log(1.0 + mean(w.grid.volume, 5)), 1440)


@FAMILY.feature(unit="log ratio", low=-JUMP_LIMIT, high=JUMP_LIMIT, warm_up=245, inputs=("volume",))
def volume_burst(w: Window) -> Array:
    """ln(mean volume of 5 min / mean of the 240 before), held at +-8; null where those had none."""
    share = ratio(mean(w.grid.volume, 5), lag(mean(w.grid.volume, 240), 5))
    return np.log(np.clip(share, np.exp(-JUMP_LIMIT), np.exp(JUMP_LIMIT)))


@FAMILY.feature(unit="z", low=-Z_LIMIT, high=Z_LIMIT, warm_up=1455, inputs=("trades",), source="standard score")
def trade_count_z(w: Window) -> Array:
    """z-score (population) over 1440 min of ln(1 + mean trades of 15 min)."""
    return zscore(np.log(1.0 + mean(w.grid.trades, 15)), 1440)


def told_volume(w: Window) -> Array:
    """The volume of the minutes whose taker buys are told."""
    return w.grid.volume + 0.0 * w.grid.taker_buy_volume


def taker_imbalance(w: Window, minutes: int) -> Array:
    """(taker buys - taker sells) / volume; null without taker volumes, or where nothing was traded."""
    bought = ratio(total(w.grid.taker_buy_volume, minutes), total(w.once(told_volume), minutes))
    return np.clip(2.0 * bought - 1.0, -1.0, 1.0)


def weighted_imbalance(w: Window, span: int) -> Array:
    """As `taker_imbalance`, the newest minutes weighing most; null after an hour without volume."""
    volume = w.once(told_volume)
    taken = np.where(total(volume, 60) > 0.0, span_ema(volume, span), 0.0)
    return np.clip(2.0 * ratio(span_ema(w.grid.taker_buy_volume, span), taken) - 1.0, -1.0, 1.0)


for _minutes in (1, 5, 15, 60, 240):
    FAMILY.feature(
        name=f"taker_imbalance_{_minutes}",
        formula=f"sum(2 taker_buy - volume) / sum volume over {_minutes} min; null without volume",
        unit="-1..1",
        low=-1.0,
        high=1.0,
        warm_up=_minutes,
        inputs=("volume", "taker_buy_volume"),
        source="order imbalance, Chordia, Roll & Subrahmanyam (2002)",
    )(partial(taker_imbalance, minutes=_minutes))

for _span in (5, 15):
    FAMILY.feature(
        name=f"taker_imbalance_ew_{_span}",
        formula=f"EMA{_span} of (2 taker_buy - volume) / EMA{_span} of volume; null after an hour without volume",
        unit="-1..1",
        low=-1.0,
        high=1.0,
        warm_up=RECURSION_MINUTES,
        inputs=("volume", "taker_buy_volume"),
        source="order imbalance, Chordia, Roll & Subrahmanyam (2002), exponential mean",
    )(partial(weighted_imbalance, span=_span))


FEATURES = tuple(FAMILY.features)
