"""Where the recorded candles lie: `shared/data` beside the repository, or under `HURACAN_SHARED`."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("HURACAN_SHARED", REPOSITORY.parent / "shared"))
SPOT_2023 = SHARED / "data" / "candles_1m_2023"
CRASH_2021 = SHARED / "data" / "candles_1m_2021_crash"
PERPETUALS_2025 = SHARED / "data" / "perp_candles_1m_2025"


def archive_variables(folder: Path = SPOT_2023) -> dict[str, str]:
    """The environment in which the engine reads `folder` as its market."""
    return {"HURACAN_MARKET__SOURCE": "archive", "HURACAN_MARKET__ARCHIVE": str(folder)}
