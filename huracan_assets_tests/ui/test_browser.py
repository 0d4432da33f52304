"""Chromium draws what the plots return, as a reader's browser would."""

from __future__ import annotations

import numpy as np
import pytest

from huracan_assets.observability.canvas import WIDTH_PX
from huracan_assets.observability.plots import permutation_histogram
from huracan_assets.observability.sparkline import WIDTH_PX as SPARKLINE_PX
from huracan_assets.observability.sparkline import sparkline
from huracan_assets_tests.ui.browser import browser, why_no_browser

pytestmark = pytest.mark.skipif(why_no_browser() is not None, reason=str(why_no_browser()))


def test_plots_and_sparklines_are_pictures_in_a_browser() -> None:
    null = np.random.default_rng(1).normal(size=200)
    drawn = [permutation_histogram(null, 2.0), sparkline(np.cumsum(null), "equity")]
    sources = [markdown.partition("](")[2].removesuffix(")") for markdown in drawn]
    with browser() as page:
        page.set_content("".join(f'<img src="{source}">' for source in sources))
        widths = page.locator("img").evaluate_all(
            "images => Promise.all(images.map(image => image.decode().then(() => image.naturalWidth)))"
        )
    assert widths == [WIDTH_PX, SPARKLINE_PX]
