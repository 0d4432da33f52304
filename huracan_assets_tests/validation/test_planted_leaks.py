"""The self-test finds every leak it plants, and says so when a guard has gone blind."""

from __future__ import annotations

import pytest

from huracan_assets.validation import planted_leaks
from huracan_assets.validation.planted_leaks import PLANTED, Planting, SelfTest, self_test
from huracan_assets_tests.leak_zoo import night


@pytest.fixture(scope="module")
def planting() -> Planting:
    return Planting(night.material(night.bars()), night.market(), night.raw())


def test_every_planted_leak_is_found(planting: Planting) -> None:
    found = self_test(planting)
    assert found.planted == tuple(PLANTED) and len(PLANTED) >= 10
    assert found.missed == ()
    assert found.recall == 1.0


@pytest.mark.parametrize(
    ("guard", "missed"),
    [
        ("knows_the_future", {"shifted feature", "centred return"}),
        ("knows_the_label", {"noisy label"}),
        ("label_overlap", {"taught test row"}),
        ("fit_on_test", {"late fit"}),
        ("altered_fits", {"calibrator on test"}),
        ("timestamp_alignment", {"early candle", "same bar fill"}),
        ("altered_rows", {"centred window", "regimes by all bars", "target encoding"}),
    ],
)
def test_a_guard_that_has_gone_blind_is_noticed(
    planting: Planting, monkeypatch: pytest.MonkeyPatch, guard: str, missed: set[str]
) -> None:
    monkeypatch.setattr(planted_leaks, guard, lambda *_: [])
    found = self_test(planting)
    assert set(found.missed) == missed
    assert found.recall == pytest.approx(1.0 - len(missed) / len(PLANTED))


def test_the_record_can_be_kept() -> None:
    record = SelfTest(planted=("a", "b"), missed=("b",))
    assert SelfTest.model_validate_json(record.model_dump_json()) == record
    assert record.recall == 0.5
