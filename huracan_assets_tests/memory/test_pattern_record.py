from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from huracan_assets.memory.pattern_record import HEALTH, confidence, health, recent, shrunk_means

nets = st.lists(st.integers(-300, 300), min_size=1, max_size=60).map(lambda values: np.array(values) / 4.0)


def noisy(mean: float, count: int, seed: int = 0, sigma: float = 10.0) -> np.ndarray:
    """Numbers of exactly that mean and deviation."""
    values = np.random.default_rng(seed).standard_normal(count)
    return np.asarray(mean + sigma * (values - values.mean()) / values.std())


def test_confidence_is_the_one_sided_t_test() -> None:
    values = noisy(3.0, 25)
    assert confidence(values) == pytest.approx(1.0 - stats.ttest_1samp(values, 0.0, alternative="greater").pvalue)
    assert confidence(-values) == pytest.approx(stats.ttest_1samp(values, 0.0, alternative="greater").pvalue)
    assert confidence(values[:1]) is None
    assert confidence(np.full(9, 2.0)) is None


def test_means_that_differ_by_chance_alone_are_drawn_together() -> None:
    rng = np.random.default_rng(3)
    labels = np.repeat(np.arange(40), 12)
    same = rng.normal(2.0, 30.0, len(labels))
    raw = np.bincount(labels, weights=same) / 12
    assert np.std(shrunk_means(same, labels)) < 0.3 * np.std(raw)
    apart = same + 60.0 * (labels % 2)
    raw = np.bincount(labels, weights=apart) / 12
    np.testing.assert_allclose(shrunk_means(apart, labels), raw, atol=6.0)


def test_shrinking_takes_off_error() -> None:
    """On patterns with true means, the shrunk ones lie nearer to them than the plain ones."""
    rng = np.random.default_rng(5)
    labels = np.repeat(np.arange(50), rng.integers(5, 30, 50))
    truth = rng.normal(-3.0, 8.0, 50)
    net = truth[labels] + rng.normal(0.0, 40.0, len(labels))
    plain = np.bincount(labels, weights=net) / np.bincount(labels)
    assert ((shrunk_means(net, labels) - truth) ** 2).mean() < 0.7 * ((plain - truth) ** 2).mean()


@given(values=st.lists(nets, min_size=1, max_size=6))
def test_a_shrunk_mean_lies_between_its_own_and_that_of_all(values: list[np.ndarray]) -> None:
    net = np.concatenate(values)
    labels = np.repeat(np.arange(len(values)), [len(one) for one in values])
    for label, shrunk in enumerate(shrunk_means(net, labels)):
        low, high = sorted((float(values[label].mean()), float(net.mean())))
        assert low - 1e-9 <= shrunk <= high + 1e-9


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (noisy(8.0, 30), noisy(8.0, 10, 1), "healthy"),
        (noisy(8.0, 30), noisy(4.0, 10, 1), "healthy"),  # less, but not beyond chance
        (noisy(30.0, 30), noisy(4.0, 10, 1), "fading"),
        (noisy(8.0, 30), noisy(-2.0, 10, 1), "fading"),
        (noisy(8.0, 30), noisy(-20.0, 10, 1), "dead"),
        (noisy(-1.0, 30), noisy(-1.0, 10, 1), "dead"),
        (noisy(-1.0, 30), noisy(5.0, 10, 1), "healthy"),
        (noisy(8.0, 3), noisy(8.0, 5, 1), "young"),
        (np.full(30, 5.0), np.full(10, 4.0), "fading"),
        (np.full(30, 5.0), np.full(10, 5.0), "healthy"),
    ],
)
def test_health_follows_its_rule(before: np.ndarray, now: np.ndarray, said: str) -> None:
    assert health(np.concatenate([before, now])) == said


def test_the_present_is_a_quarter_with_as_much_before_it() -> None:
    assert [recent(np.zeros(count)) for count in (0, 4, 9, 10, 19, 40)] == [0, 0, 0, 5, 5, 10]


def test_chance_alone_seldom_lets_a_good_pattern_fade() -> None:
    rng = np.random.default_rng(1)
    said = [health(rng.normal(20.0, 30.0, 40)) for _ in range(400)]
    assert said.count("healthy") > 0.85 * len(said)
    assert set(said) <= set(HEALTH)
