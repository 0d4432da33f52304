"""A feature too good alone is a proxy, unless it is proven and the label knows no more than the candles do."""

from __future__ import annotations

import numpy as np

from huracan_assets.guards.target_proxy import target_proxy
from huracan_assets_tests.guards.leaky_features import CLEAN, CORRELATION_MAX, HORIZON, PRICE, Array, N, ahead, flow


def caught(columns: dict[str, Array], label: Array, plain: Array, proven: bool = False) -> set[str]:
    names, values = list(columns), np.stack(list(columns.values()), axis=1)
    found = target_proxy(names, values, label, plain, HORIZON, CORRELATION_MAX, names if proven else ())
    assert all(finding.figure > finding.bound and finding.subject in finding.sentence for finding in found)
    return {finding.subject for finding in found}


def forward(price: Array, bars: int = HORIZON) -> Array:
    return ahead(price, bars) - price


def test_clean_features_are_none_and_the_label_itself_is() -> None:
    label = forward(PRICE)
    noise = np.random.default_rng(2).standard_normal(N) * np.nanstd(label)
    assert caught(CLEAN, label, label) == set()
    assert caught({"label": label, "noisy label": label + noise}, label, label) == {"label", "noisy label"}


def test_a_strong_true_edge_is_a_proxy_until_it_is_proven() -> None:
    x, price = flow(8, 0.5)
    label = forward(price)
    assert caught({"flow": x}, label, label) == {"flow"}
    assert caught({"flow": x}, label, label, proven=True) == set()


def test_a_proven_feature_shows_a_label_that_reaches_into_the_past() -> None:
    """Nothing is wrong with the feature; the label pays it for the bars that it has seen."""
    past = PRICE - np.concatenate([np.full(4, np.nan), PRICE[:-4]])
    label = forward(PRICE) + past
    assert caught({"past": past}, label, forward(PRICE), proven=True) == {"past"}
    assert caught({"past": past}, forward(PRICE), forward(PRICE), proven=True) == set()
