"""Why trades won and lost, and how long they should have been held: pictures for the page of the trade analysis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from huracan_assets.observability.canvas import BLUE, FAINT, GREEN, INK, ORANGE, RED, canvas, legend, markdown

Floats = npt.NDArray[np.floating[Any]]


def cause_bars(causes: Sequence[str], net_bps: Sequence[float], trades: Sequence[int]) -> str:
    """What the trades of each root cause brought together, with their number, in the order given.

    Args:
        causes: (n,) names; a cause may stand once among the losses and once among the wins.
        net_bps: (n,) sums, negative for losses.
        trades: (n,) how many.
    """
    if not causes:
        return "_no trades_"
    figure, axes = canvas(80 + 20 * len(causes))
    places = np.arange(len(causes))
    axes.barh(places, net_bps, color=[GREEN if net > 0.0 else RED for net in net_bps], height=0.7)
    axes.axvline(0, color=FAINT, linewidth=0.8)
    reach = float(np.abs(net_bps).max()) or 1.0
    axes.set_xlim(-1.2 * reach, 1.2 * reach)
    for place, net, count in zip(places, net_bps, trades, strict=True):
        side = "left" if net > 0.0 else "right"
        axes.text(net, place, f" {count} ", va="center", ha=side, fontsize=7.5, color=INK)
    axes.set_yticks(places, [cause.replace("_", " ") for cause in causes], fontsize=8)
    axes.set_ylim(len(causes) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("net result of the trades with this root cause, bps; their number beside it")
    return markdown(figure, f"root causes of {sum(trades)} trades")


def refusal_intervals(
    gates: Sequence[str], net_bps: Floats, low_bps: Floats, high_bps: Floats, independent: Floats
) -> str:
    """What the trades that each gate refused would have brought, with its 95 % interval, in the order given.

    A gate that costs more than it saves lies right of zero, one that earns its keep left of it; without an interval
    the mean is drawn hollow, and cannot be told from zero.

    Args:
        gates: (n,) names.
        net_bps, low_bps, high_bps: (n,) NaN where not known.
        independent: (n,) independent trades.
    """
    if not np.isfinite(net_bps).any():
        return "_no refused trade is known_"
    figure, axes = canvas(80 + 20 * len(gates))
    places = np.arange(len(gates))
    told = np.isfinite(low_bps) & np.isfinite(high_bps)
    colours = np.select([told & (high_bps < 0.0), told & (low_bps > 0.0)], [GREEN, RED], BLUE)
    axes.hlines(places[told], low_bps[told], high_bps[told], colors=colours[told].tolist())
    filled = np.where(told, colours, "none").tolist()
    axes.scatter(net_bps, places, s=22, facecolors=filled, edgecolors=colours.tolist(), zorder=3)
    axes.axvline(0, color=FAINT, linewidth=0.8)
    names = [f"{gate.replace('_', ' ')} ({count:.0f})" for gate, count in zip(gates, independent, strict=True)]
    axes.set_yticks(places, names, fontsize=8)
    axes.set_ylim(len(gates) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("net bps of the trades that it refused, 95 %; independent ones beside its name")
    return markdown(figure, f"what {len(gates)} gates and limits refused")


def holding_curve(minutes: Sequence[int], net_bps: Floats, low_bps: Floats, high_bps: Floats, actual: float) -> str:
    """Mean net result against a fixed holding time, with its 95 % band, beside what the policy's own exits brought.

    Args:
        minutes: (n,) ascending.
        net_bps, low_bps, high_bps: (n,) NaN where not known.
        actual: mean net bps of the ledger.
    """
    if not np.isfinite(net_bps).any():
        return "_too few days with trades_"
    figure, axes = canvas(280)
    axes.fill_between(minutes, low_bps, high_bps, color=BLUE, alpha=0.18, linewidth=0, label="95 %, each by itself")
    axes.plot(minutes, net_bps, color=BLUE, marker="o", markersize=4, linewidth=1.4, label="held so long (in sample)")
    axes.axhline(actual, color=ORANGE, linewidth=1.2, linestyle="--", label=f"its own exits {actual:.1f}")
    axes.axhline(0, color=FAINT, linewidth=0.8)
    axes.set(xlabel="minutes from entry to exit", ylabel="net result, bps a trade")
    legend(axes)
    return markdown(figure, f"net result of {len(minutes)} fixed holding times")
