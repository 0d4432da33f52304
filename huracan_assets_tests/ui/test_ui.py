"""Dagster's own UI in a browser, over a night that has run: the graph by room, an asset's page, its plot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from huracan_assets.observability.canvas import WIDTH_PX
from huracan_assets.observability.sparkline import INLINE_CHARACTERS
from huracan_assets.observability.sparkline import WIDTH_PX as SPARKLINE_PX
from huracan_assets.observability.tables import COLUMN_CHARACTERS
from huracan_assets.partitions import partition_key
from huracan_assets_tests.end_to_end.conftest import Night
from huracan_assets_tests.end_to_end.engine import materializations
from huracan_assets_tests.end_to_end.profile import NIGHT, SYMBOL
from huracan_assets_tests.ui.browser import (
    GRAPH_NODES,
    VIEWPORT_PX,
    browser,
    cut_rows,
    graph_texts,
    open_asset,
    open_graph,
    open_plot,
    webserver,
    why_no_browser,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.skipif(why_no_browser() is not None, reason=str(why_no_browser()))

# Pages with long keys, many rows, tables in place and links.
FULLEST = ("lightgbm_model", "pattern_library", "registered_model")
CHARACTER_PX = 8.43  # of the page's font
TABLE_PX = 826 - 156 - 2 * 24  # of a window of 1,500 pixels, without the times and the margins of keys and values
KEY = partition_key(NIGHT, SYMBOL)
WIDTH = "image => image.naturalWidth"


@pytest.fixture(scope="module")
def url(cli_night: Night) -> Iterator[str]:
    """The web server over the home of the night, with the settings of the night and `<home>/dagster`."""
    engine = cli_night.engine
    with webserver(engine.home, {**engine.variables, "DAGSTER_HOME": str(engine.home / "dagster")}) as served:
        yield served


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as opened:
        yield opened


def test_the_graph_has_every_room_and_every_asset(page: Page, url: str) -> None:
    from huracan_assets.definitions import defs

    specs = list(defs.resolve_all_asset_specs())
    open_graph(page, url)
    page.locator(GRAPH_NODES).nth(len(specs) - 1).wait_for()
    shown = graph_texts(page)
    names = {spec.key.to_user_string() for spec in specs} | {str(spec.group_name) for spec in specs}
    assert {name for name in names if not any(stands_for(text, name) for text in shown)} == set()


def test_the_verdicts_page_says_what_it_is_and_shows_its_plot(page: Page, url: str) -> None:
    open_asset(page, url, "gate_verdict")
    page.get_by_text("a model ships only if every line passes").first.wait_for()
    page.get_by_text(KEY, exact=True).first.wait_for()
    assert open_plot(page, "margins").startswith(b"\x89PNG")
    assert page.locator("[role=dialog] img, .dagster-dialog img").first.evaluate(WIDTH) == WIDTH_PX


@pytest.mark.parametrize("asset", FULLEST)
def test_nothing_on_a_page_is_cut(page: Page, url: str, asset: str) -> None:
    page.set_viewport_size({"width": VIEWPORT_PX[0], "height": VIEWPORT_PX[1]})
    open_asset(page, url, asset)
    page.wait_for_load_state("networkidle")
    assert cut_rows(page) == []
    page.locator("tr:has(> td:nth-child(3)) > td:nth-child(3)").first.evaluate("cell => cell.append('0'.repeat(64))")
    assert cut_rows(page) != []  # a whole hash would be seen


def test_every_row_of_every_page_fits(cli_night: Night) -> None:
    engine = cli_night.engine
    with engine.opened() as instance:
        found = materializations(instance)
    too_wide = {
        (asset, name)
        for (asset, _), made in found.items()
        for name, value in made.metadata.items()
        if CHARACTER_PX * len(name) + width_px(value.value) > TABLE_PX
        if not name.startswith("dagster/")  # those have places of their own
    }
    assert too_wide == set()


def test_the_schedule_and_the_sensors_stand_as_running(page: Page, url: str) -> None:
    page.goto(f"{url}/automation")
    for name in ("nightly", "market_ended", "universe_ended", "brains_ended"):
        page.get_by_text(name, exact=True).first.wait_for()
    page.get_by_text("02:00 AM UTC").first.wait_for()
    page.locator("input[type=checkbox]:checked").nth(3).wait_for(state="attached")


def width_px(value: object) -> float:
    """How wide the page shows a value of metadata at least."""
    shown = str(value)
    if isinstance(value, str) and len(value) >= INLINE_CHARACTERS:
        shown = "[Show-Markdown]"
    elif shown.startswith("!["):
        return SPARKLINE_PX
    elif shown.startswith("|"):
        return CHARACTER_PX * COLUMN_CHARACTERS  # the bound below which a table stands in place
    words = re.split(r"[\s/-]", re.sub(r"\]\(.*?\)", "", shown))
    return CHARACTER_PX * max(map(len, words))


def stands_for(text: str, name: str) -> bool:
    """Whether a box says `name`, perhaps with its middle left out."""
    begin, ellipsis, end = text.partition("…")
    return name.startswith(begin) and name.endswith(end) if ellipsis else text == name
