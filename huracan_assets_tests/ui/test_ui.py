"""Dagster's own UI in a browser, over a night that has run: the graph by room, an asset's page, its plot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from huracan_assets.observability.plots import WIDTH_PX
from huracan_assets.partitions import partition_key
from huracan_assets_tests.end_to_end.engine import Ended, Engine
from huracan_assets_tests.end_to_end.profile import BENCHMARK, NIGHT
from huracan_assets_tests.ui.browser import browser, open_asset, open_graph, open_plot, webserver, why_no_browser

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.skipif(why_no_browser() is not None, reason=str(why_no_browser()))

KEY = partition_key(NIGHT, BENCHMARK)


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

    specs = [spec for spec in defs.resolve_all_asset_specs() if spec.group_name]
    open_graph(page, url)
    for room in sorted({str(spec.group_name) for spec in specs}):
        page.get_by_text(room, exact=True).first.wait_for()
    shown = page.locator("[data-asset-name], svg foreignObject").all_inner_texts()
    missing = [name for name in (spec.key.to_user_string() for spec in specs) if not any(name in text for text in shown)]
    assert missing == []


def test_the_verdicts_page_says_what_it_is_and_shows_its_plot(page: Page, url: str) -> None:
    open_asset(page, url, "gate_verdict", KEY)
    page.get_by_text("content_sha256", exact=True).first.wait_for()
    picture = open_plot(page, "margins")
    assert picture.startswith(b"\x89PNG")
    assert page.locator("[role=dialog] img, .dagster-dialog img").first.evaluate("i => i.naturalWidth") == WIDTH_PX


def test_the_schedule_is_shown_as_running(page: Page, url: str) -> None:
    page.goto(f"{url}/automation")
    row = page.locator("tr, [role=row], div").filter(has=page.get_by_text("nightly", exact=True)).last
    page.get_by_text("02:00 AM UTC").first.wait_for()
    assert row.count() == 1
    assert page.locator("input[type=checkbox][disabled]").count() == 0
