"""`python -m huracan_assets_tests.ui.screenshots [ASSET ...]`: a picture of each asset's page.

Shows what `HURACAN_HOME` holds, after `make demo` for example; pictures go to `HURACAN_HOME/screenshots/`.
"""

from __future__ import annotations

import sys

from huracan_assets.resources.local_engine import dagster_home
from huracan_assets.settings import home
from huracan_assets_tests.ui.browser import browser, open_asset, webserver, why_no_browser


def main(assets: list[str]) -> int:
    """Take the pictures; all assets where none is named."""
    from huracan_assets.definitions import defs

    reason = why_no_browser()
    if reason is not None:
        print(reason, file=sys.stderr)
        return 1
    folder = home() / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    names = assets or sorted(key.to_user_string() for key in defs.resolve_all_asset_keys())
    with webserver(home(), {"DAGSTER_HOME": str(dagster_home(home()))}) as url, browser() as page:
        for name in names:
            open_asset(page, url, name)
            page.wait_for_load_state("networkidle")
            file = folder / f"{name.replace('/', '.')}.png"
            page.screenshot(path=file, full_page=True)
            print(file, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
