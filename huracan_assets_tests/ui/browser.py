"""A person's view of Dagster's UI: a web server of our own on loopback and Debian's Chromium before it.

Chromium comes from the system (`.ci/run` installs it); where it is absent the tests skip and say so.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from huracan_assets.resources.processes import dagster_webserver, start, stop

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = Path(os.environ.get("HURACAN_CHROMIUM", "/usr/bin/chromium"))
VIEWPORT_PX = (1500, 1200)
GRAPH_PX = (2300, 1500)  # in a smaller window the page draws the rooms without their assets
TIMEOUT_MS = 120_000  # for a machine that does much else

GRAPH_NODES = "svg foreignObject"
# Where Dagster's page keeps a reader's choices: a graph from top to bottom, and the menu folded away.
GRAPH_PREFERENCES = {"asset-graph-direction": '"vertical"', "dagster-nav-collapsed": "true"}

# A row is cut where an ancestor that scrolls sideways ends before something that the row shows.
CUT_ROWS = """rows => rows.filter(row => {
  let pane = row;
  while (pane && !['auto', 'scroll', 'hidden'].includes(getComputedStyle(pane).overflowX)) pane = pane.parentElement;
  const end = pane ? pane.getBoundingClientRect().right : window.innerWidth;
  return [row, ...row.querySelectorAll('*')].some(one => one.getBoundingClientRect().right > end + 1);
}).map(row => row.cells[0].innerText)"""

# The first four suit a container; the others keep Chromium from calling home.
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def why_no_browser() -> str | None:
    """The reason for which browser tests cannot run here, None where they can."""
    if CHROMIUM.exists():
        return None
    return f"no Chromium at {CHROMIUM}: install Debian's package chromium, or set HURACAN_CHROMIUM"


@contextmanager
def browser() -> Iterator[Page]:
    """A page of a fresh headless Chromium with an empty profile."""
    from playwright.sync_api import sync_playwright

    width, height = VIEWPORT_PX
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(CHROMIUM_FLAGS))
        try:
            page = chromium.new_page(viewport={"width": width, "height": height})
            page.set_default_timeout(TIMEOUT_MS)
            yield page
        finally:
            chromium.close()


@contextmanager
def webserver(home: Path, env: Mapping[str, str]) -> Iterator[str]:
    """Dagster's web server on a free loopback port, with the project's workspace; its URL, once it answers.

    Args:
        home: `HURACAN_HOME` of the server; its log and pid stand in a temporary folder beside it.
        env: set on top of this process's environment; `DAGSTER_HOME` among it.

    Raises:
        ServiceError: it does not start; the message carries its log.
    """
    port = {"HURACAN_DAGSTER_PORT": str(_free_port())}
    with tempfile.TemporaryDirectory(prefix="huracan-webserver-") as folder:
        running = start(Path(folder), {"HURACAN_HOME": str(home), **env, **port}, dagster_webserver(port))
        assert running.url is not None
        try:
            yield running.url
        finally:
            stop(Path(folder), running.name)


def open_graph(page: Page, url: str) -> None:
    """Open the lineage of all assets, the rooms unfolded from top to bottom, the whole of it in sight."""
    page.set_viewport_size({"width": GRAPH_PX[0], "height": GRAPH_PX[1]})
    page.add_init_script(f"Object.assign(localStorage, {json.dumps(GRAPH_PREFERENCES)})")
    page.goto(f"{url}/asset-groups")
    page.locator(GRAPH_NODES).first.wait_for()
    page.keyboard.press("Alt+e")
    page.wait_for_url("**expanded=**")
    page.goto(page.url)  # anew, so that all of it is fitted into the window
    page.locator(GRAPH_NODES).first.wait_for()
    page.wait_for_load_state("networkidle")


def graph_texts(page: Page) -> list[str]:
    """What stands on the boxes of an open graph: rooms and assets, long names with an ellipsis within."""
    texts: list[str] = page.locator(GRAPH_NODES).evaluate_all("boxes => boxes.map(box => box.textContent)")
    return texts


def open_asset(page: Page, url: str, asset: str, partition: str | None = None) -> None:
    """Open the page of an asset and wait for its metadata.

    Args:
        asset: key, `/` between its parts.
        partition: the page of one partition, e.g. `2026-01-02|BTC-USDT`; None for the latest materialization.
    """
    view = {"view": "overview"} if partition is None else {"view": "partitions", "partition": partition}
    page.goto(f"{url}/assets/{quote(asset)}?{urlencode(view)}")
    page.get_by_text("Metadata", exact=True).first.wait_for()


def cut_rows(page: Page) -> list[str]:
    """Keys of the metadata rows of an open asset page that are wider than the page shows."""
    keys: list[str] = page.locator("tr:has(> td:nth-child(3))").evaluate_all(CUT_ROWS)
    return keys


def open_plot(page: Page, label: str) -> bytes:
    """Click "[Show Markdown]" in the metadata row `label` and return the PNG that the dialog shows.

    Raises:
        AssertionError: the dialog holds no picture, or one that the browser could not draw.
    """
    row = page.locator("tr").filter(has=page.get_by_text(label, exact=True)).first
    row.get_by_text("[Show Markdown]").click()
    picture = page.locator("[role=dialog] img, .dagster-dialog img").first
    picture.wait_for()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    source = picture.get_attribute("src") or ""
    return base64.b64decode(source.partition("base64,")[2])


def close_dialog(page: Page) -> None:
    """Close the dialog that `open_plot` opened."""
    page.get_by_role("button", name="Close").click()
    page.locator(".dagster-dialog").wait_for(state="detached")


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
