"""An asset's page shows short hashes and rounded figures, and nothing else is changed."""

from __future__ import annotations

import math
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan_assets.observability.readable import HASH_DIGITS, link, readable

DIGEST = sha256(b"a frame").hexdigest()


def test_hashes_are_their_first_digits_also_inside_a_text_and_the_content_hash_is_last() -> None:
    shown = readable({"content_sha256": DIGEST, "set": f"baseline@{DIGEST}", "rows": 3, "commit": DIGEST[:40]})
    assert shown == {
        "set": f"baseline@{DIGEST[:HASH_DIGITS]}",
        "rows": 3,
        "commit": DIGEST[:40],
        "content_sha256": DIGEST[:HASH_DIGITS],
    }
    assert list(shown)[-1] == "content_sha256"


@given(st.floats())
def test_a_figure_has_six_digits_at_most_and_stays_a_number(value: float) -> None:
    shown = readable({"figure": value})["figure"]
    assert isinstance(shown, float)
    assert shown == pytest.approx(value, rel=5.1e-6, abs=5e-324, nan_ok=True)
    if math.isfinite(value):
        mantissa = f"{shown!r}".partition("e")[0].replace(".", "").replace("-", "").strip("0")
        assert len(mantissa) <= 6


@given(st.integers() | st.booleans() | st.none() | st.text(max_size=40))
def test_what_is_short_stays_as_it_is(value: object) -> None:
    assert readable({"one": value}) == {"one": value}


def test_a_link_is_as_wide_as_its_words() -> None:
    assert (
        link("version 3 in MLflow", "http://127.0.0.1:5000/#/x") == "[version 3 in MLflow](http://127.0.0.1:5000/#/x)"
    )
