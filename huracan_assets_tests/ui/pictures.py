"""`python -m huracan_assets_tests.ui.pictures`: the README's pictures, taken anew into `deploy/pictures/`.

Shows what `HURACAN_HOME` holds; the README's are of the demo with a planted edge, which has trades to look at.
"""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from huracan_assets.resources.local_engine import dagster_home
from huracan_assets.settings import home
from huracan_assets_tests.ui.browser import (
    GRAPH_PX,
    browser,
    open_asset,
    open_graph,
    open_plot,
    webserver,
    why_no_browser,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "pictures"
PAGE_WINDOW = {"width": 1400, "height": 1420}
CANVAS = {"x": 372, "y": 112, "width": GRAPH_PX[0] - 372, "height": GRAPH_PX[1] - 112}
MOST_BYTES, COLOURS = 300_000, 128
DRAWN_MS = 4_000  # the graph's lines come after its boxes, and nothing on the page says when


def graph(page: Page, url: str) -> bytes:
    """The whole graph, room by room."""
    open_graph(page, url)
    page.wait_for_timeout(DRAWN_MS)
    return page.screenshot(clip=CANVAS)  # type: ignore[arg-type]


def ledger(page: Page, url: str) -> bytes:
    """The page of an asset."""
    page.set_viewport_size(PAGE_WINDOW)  # type: ignore[arg-type]
    open_asset(page, url, "shadow_ledger")
    page.wait_for_load_state("networkidle")
    return page.screenshot()


def margins(page: Page, url: str) -> bytes:
    """The plot behind a row of an asset's page, as the plot itself."""
    open_asset(page, url, "gate_verdict")
    return open_plot(page, "margins")


def compact(png: bytes) -> bytes:
    """The picture in 128 colours, a third of the bytes; a screen's drawing has no more."""
    from PIL import Image

    smaller = BytesIO()
    Image.open(BytesIO(png)).convert("RGB").quantize(COLOURS).save(smaller, "PNG", optimize=True)
    return smaller.getvalue()


def main() -> int:
    """Take them all."""
    reason = why_no_browser()
    if reason is not None:
        print(reason, file=sys.stderr)
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    with webserver(home(), {"DAGSTER_HOME": str(dagster_home(home()))}) as url, browser() as page:
        for name, take in {"graph": graph, "shadow_ledger": ledger, "gate_verdict": margins}.items():
            picture = compact(take(page, url))
            assert len(picture) < MOST_BYTES, f"{name}: {len(picture)} bytes"
            (FOLDER / f"{name}.png").write_bytes(picture)
            print(FOLDER / f"{name}.png", len(picture), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
