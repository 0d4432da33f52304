"""Carry and events: what holding a perpetual costs, who is forced out of it, and what is said; null where unknown."""

from __future__ import annotations

import numpy as np

from huracan_assets.features.declaration import HOUSE, Family
from huracan_assets.features.kernels import Array, ratio
from huracan_assets.features.recursions import LAST_PRICE_LIMIT, carry_forward
from huracan_assets.features.rolling import lag
from huracan_assets.features.volume import taker_imbalance
from huracan_assets.features.window import BPS, Window

FAMILY = Family("carry")
RATE_LIMIT = 1000.0
BASIS_LIMIT = 1e4
DAY_AGE = np.timedelta64(24, "h")
COUNT_AGE = np.timedelta64(15, "m")  # open interest is counted every five minutes


@FAMILY.feature(
    unit="bps",
    low=-RATE_LIMIT,
    high=RATE_LIMIT,
    warm_up=1440,
    inputs=("funding.rate",),
    source="the exchange, a funding period",
)
def funding_rate(w: Window) -> Array:
    """Newest funding rate known at the close, less than 24 h old, held at +-1000."""
    if w.funding is None:
        return w.undefined()
    return np.clip(BPS * w.funding.value("rate", w.known_at, DAY_AGE), -RATE_LIMIT, RATE_LIMIT)


@FAMILY.feature(unit="bps", low=-RATE_LIMIT, high=RATE_LIMIT, warm_up=4320, inputs=("funding.rate",))
def funding_mean(w: Window) -> Array:
    """Mean of the three newest funding rates, held at +-1000; null where funding_rate is."""
    if w.funding is None or w.funding.ts.size < 3:
        return w.undefined()
    rate = np.concatenate([np.full(2, np.nan), w.funding.values["rate"]])
    three = np.append((rate[2:] + rate[1:-1] + rate[:-2]) / 3.0, np.nan)[w.funding.newest(w.known_at)]
    return np.clip(BPS * three + 0.0 * w.once(funding_rate), -RATE_LIMIT, RATE_LIMIT)


@FAMILY.feature(
    unit="bps a day", low=-BASIS_LIMIT, high=BASIS_LIMIT, warm_up=2880, inputs=("funding.rate",), source=HOUSE
)
def funding_carry(w: Window) -> Array:
    """Sum of the funding rates of the last 24 h: what a short perpetual received, held at +-1e4."""
    if w.funding is None or w.funding.ts.size == 0:
        return w.undefined()
    paid = np.append(0.0, np.cumsum(w.funding.values["rate"]))
    newest, gone = w.funding.newest(w.known_at) + 1, w.funding.newest(w.known_at - DAY_AGE) + 1
    received: Array = BPS * (paid[newest] - paid[gone])
    return np.clip(received + 0.0 * w.once(funding_rate), -BASIS_LIMIT, BASIS_LIMIT)


@FAMILY.feature(
    unit="bps",
    low=-BASIS_LIMIT,
    high=BASIS_LIMIT,
    warm_up=LAST_PRICE_LIMIT + 1,
    inputs=("close", "perpetual.close"),
    source="basis, future over spot; of log prices",
)
def basis_bps(w: Window) -> Array:
    """ln(the perpetual's last close known / close), held at +-1e4; null without candles of the perpetual."""
    if w.perpetual is None:
        return w.undefined()
    future = np.asarray(carry_forward(np.log(w.perpetual.close), LAST_PRICE_LIMIT))
    return np.clip(BPS * (future - w.log_close), -BASIS_LIMIT, BASIS_LIMIT)


@FAMILY.feature(
    unit="bps a day",
    low=-2.0 * BASIS_LIMIT,
    high=2.0 * BASIS_LIMIT,
    warm_up=2880,
    inputs=("close", "perpetual.close", "funding.rate"),
    source="cash-and-carry: Koijen, Moskowitz, Pedersen & Vrugt (2018)",
)
def carry_pnl(w: Window) -> Array:
    """Of spot held against a short perpetual for 24 h: funding_carry - change of the basis, before costs; +-2e4."""
    if w.perpetual is None:
        return w.undefined()
    basis = basis_bps(w)
    before = lag(np.asarray(carry_forward(basis, LAST_PRICE_LIMIT)), 1440)
    return np.clip(funding_carry(w) - (basis - before), -2.0 * BASIS_LIMIT, 2.0 * BASIS_LIMIT)


@FAMILY.feature(unit="bps", low=-BASIS_LIMIT, high=BASIS_LIMIT, warm_up=76, inputs=("open_interest.open_interest",))
def open_interest_change_60(w: Window) -> Array:
    """ln(open interest / that of 60 min ago), each count less than 15 min old, held at +-1e4; null without counts."""
    if w.open_interest is None:
        return w.undefined()
    count = w.open_interest.value("open_interest", w.known_at, COUNT_AGE)
    growth = np.log(np.clip(ratio(count, lag(count, 60)), np.exp(-1.0), np.exp(1.0)))
    return BPS * growth


@FAMILY.feature(
    unit="bps",
    low=-BASIS_LIMIT,
    high=BASIS_LIMIT,
    warm_up=76,
    inputs=("open_interest.open_interest", "volume", "taker_buy_volume"),
)
def liquidation_heat(w: Window) -> Array:
    """Open interest closed over 60 min x the taker imbalance of the same: negative, longs are sold out."""
    if w.open_interest is None:
        return w.undefined()
    closed = np.maximum(-open_interest_change_60(w), 0.0)
    return closed * taker_imbalance(w, 60)


@FAMILY.feature(unit="-1..1", low=-1.0, high=1.0, warm_up=1440, inputs=("sentiment.score",))
def sentiment(w: Window) -> Array:
    """Newest score known at the close, less than 24 h old, held at +-1; null without a source of scores."""
    if w.sentiment is None:
        return w.undefined()
    return np.clip(w.sentiment.value("score", w.known_at, DAY_AGE), -1.0, 1.0)


FEATURES = tuple(FAMILY.features)
