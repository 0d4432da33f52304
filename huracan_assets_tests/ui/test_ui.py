"""Dagster's own UI in a browser, over a night that has run: the graph by room, an asset's page, its plot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from huracan_assets.observability.canvas import WIDTH_PX
from huracan_assets.partitions import partition_key
from huracan_assets_tests.end_to_end.engine import Ended, Engine
from huracan_assets_tests.end_to_end.profile import NIGHT, SYMBOL
from huracan_assets_tests.ui.browser import (
    GRAPH_NODES,
    browser,
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

KEY = partition_key(NIGHT, SYMBOL)
WIDTH = "image => image.naturalWidth"


@pytest.fixture(scope="module")
def url(cli_night: tuple[Engine, Ended]) -> Iterator[str]:
    """The web server over the home of the night, with the settings of the night and `<home>/dagster`."""
    engine, _ = cli_night
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


def test_the_schedule_and_the_sensors_stand_as_running(page: Page, url: str) -> None:
    page.goto(f"{url}/automation")
    for name in ("nightly", "market_ended", "universe_ended", "brains_ended"):
        page.get_by_text(name, exact=True).first.wait_for()
    page.get_by_text("02:00 AM UTC").first.wait_for()
    page.locator("input[type=checkbox]:checked").nth(3).wait_for(state="attached")


def stands_for(text: str, name: str) -> bool:
    """Whether a box says `name`, perhaps with its middle left out."""
    begin, ellipsis, end = text.partition("…")
    return name.startswith(begin) and name.endswith(end) if ellipsis else text == name
