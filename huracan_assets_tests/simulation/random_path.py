"""Markets for the simulator: Student t returns without a gap, and a coarse lattice full of ties, jumps and gaps."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from huracan_assets.market.grid import MinuteGrid

NAN = float("nan")
START = np.datetime64("2026-01-01T00:00:00", "us")
Bar = tuple[float, float, float, float, float]  # open, high, low, close, volume


def student_grid(minutes: int, seed: int, volume: float = 1e9) -> MinuteGrid:
    """Student t(4) returns of 6 bps a minute; every minute present, each of the same volume."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.standard_t(4, minutes) * 6e-4 / np.sqrt(2.0)))
    opened = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(opened, close) * (1.0 + np.abs(rng.normal(0.0, 2e-4, minutes)))
    low = np.minimum(opened, close) * (1.0 - np.abs(rng.normal(0.0, 2e-4, minutes)))
    return _grid(np.column_stack([opened, high, low, close, np.full(minutes, volume)]))


def grid_of(bars: list[Bar | None]) -> MinuteGrid:
    """These minutes from 00:00 on; None where the source has none."""
    return _grid(np.array([bar or (NAN,) * 5 for bar in bars], np.float64).reshape(-1, 5))


def _grid(table: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> MinuteGrid:
    opened, high, low, close, volume = (np.ascontiguousarray(column) for column in table.T)
    nothing = np.full(len(opened), np.nan)
    return MinuteGrid(
        start=START,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=volume,
        quote_volume=volume * close,
        trades=nothing,
        taker_buy_volume=volume / 2.0,
        present=np.isfinite(opened),
    )


@st.composite
def lattice(draw: st.DrawFn, most: int = 60, thin: bool = True) -> list[Bar | None]:
    """Ticks on a coarse lattice, so that touches, exact ties, jumps and gaps are common, and thin minutes too."""
    bars: list[Bar | None] = []
    last = 100.0
    volumes = st.sampled_from([0.0, 1.0, 3.0, 1000.0] if thin else [1000.0])
    for _ in range(draw(st.integers(1, most))):
        jump, up, down, body = (draw(st.integers(*span)) for span in ((-2, 2), (0, 3), (0, 3), (0, 4)))
        opened = last + 0.5 * jump
        high, low = opened + 0.5 * up, opened - 0.5 * down
        last = low + (high - low) * body / 4
        bars.append(None if draw(st.integers(0, 5)) == 0 else (opened, high, low, last, draw(volumes)))
    return bars
