"""Plots for the pages of Dagster's UI: each function returns Markdown with the picture inside it.

`MetadataValue.md(...)` takes the text as it is; the page shows it after a click on "[Show Markdown]". HTML is
stripped there, so the picture is a data URI in an image link: 700 pixels wide, 128 colours, the same bytes
for the same numbers. Where there is nothing to draw, the text says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from huracan_assets.observability.canvas import (
    BLUE,
    FAINT,
    GREEN,
    GRID,
    INK,
    ORANGE,
    RED,
    canvas,
    legend,
    markdown,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.floating[Any]]
Times = npt.NDArray[np.datetime64]

REGIME_COLOURS = {"TREND": BLUE, "RANGE": "#b9c3cc", "PANIC": RED}


def equity_and_drawdown(times: Times, equity_bps: Floats) -> str:
    """Cumulative net result and its distance from the highest point so far.

    Args:
        times: (n,) when each value became known, ascending.
        equity_bps: (n,) cumulative result in basis points.
    """
    if len(times) == 0:
        return "_no trades_"
    figure, (above, below) = canvas(360, rows=2, heights=(3, 1))
    peak = np.maximum.accumulate(np.concatenate([[0.0], equity_bps]))[1:]
    above.plot(times, equity_bps, color=BLUE, linewidth=1.4)
    above.axhline(0, color=FAINT, linewidth=0.8)
    above.set_ylabel("net result, bps")
    below.fill_between(times, equity_bps - peak, 0, color=RED, alpha=0.35, linewidth=0)
    below.set_ylabel("drawdown, bps")
    _time_axis(below, "exit time, UTC")
    return markdown(figure, f"equity and drawdown of {len(times)} trades")


def reliability_diagram(
    confidence: Floats, outcome: npt.NDArray[Any], groups: Mapping[str, npt.NDArray[np.bool_]] | None = None
) -> str:
    """Stated probability against what happened, in ten bins of equal width, with the number of cases below.

    Args:
        confidence: (n,) probabilities in [0, 1].
        outcome: (n,) 1 or True where it happened.
        groups: name -> (n,) membership; each has a line of its own beside that of all.
    """
    if len(confidence) == 0:
        return "_no probabilities_"
    figure, (above, below) = canvas(400, rows=2, heights=(3, 1))
    happened = np.asarray(outcome, dtype=float)
    above.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle="--", label="calibrated")
    for colour, (name, inside) in zip((ORANGE, GREEN, RED), (groups or {}).items(), strict=False):
        said, share, error, _ = _in_bins(confidence[inside], happened[inside])
        above.errorbar(said, share, yerr=error, color=colour, marker="o", markersize=3, linewidth=0.9, label=name)
    said, share, error, count = _in_bins(confidence, happened)
    above.errorbar(said, share, yerr=error, color=BLUE, marker="o", markersize=5, linewidth=1.4, label="observed")
    above.set(xlim=(0, 1), ylim=(0, 1), ylabel="share that happened")
    legend(above)
    below.bar((np.arange(10) + 0.5) / 10, count, width=0.09, color=FAINT)
    below.set_ylabel("cases")
    below.set_xlabel("stated probability")
    return markdown(figure, f"reliability of {len(confidence)} probabilities")


def _in_bins(confidence: Floats, happened: Floats) -> tuple[Floats, Floats, Floats, npt.NDArray[np.int64]]:
    """Mean statement, share that happened and its standard error of each filled tenth; the cases of all ten."""
    place = np.clip(np.digitize(confidence, np.linspace(0.0, 1.0, 11)[1:-1]), 0, 9)
    count = np.bincount(place, minlength=10)
    used = count > 0
    said, share = (np.bincount(place, weights=one, minlength=10)[used] / count[used] for one in (confidence, happened))
    return said, share, np.sqrt(share * (1 - share) / count[used]), count


def drift_bars(features: Sequence[str], psi: Floats, threshold: Floats, bound: float, most: int = 20) -> str:
    """Population stability index by feature, the most drifted first, against its own threshold and the bound.

    Args:
        features: (n,) names.
        psi: (n,) index of each feature.
        threshold: (n,) what each stays below where nothing has drifted.
        bound: what the gate tolerates.
        most: features shown.
    """
    if len(features) == 0:
        return "_no features_"
    order = np.argsort(-psi, kind="stable")[:most]
    figure, axes = canvas(90 + 18 * len(order))
    rows = np.arange(len(order))
    colours = [RED if psi[i] > bound else ORANGE if psi[i] > threshold[i] else BLUE for i in order]
    axes.barh(rows, psi[order], color=colours, height=0.7)
    axes.scatter(threshold[order], rows, marker="|", s=90, color=INK, label="its own threshold", zorder=3)
    axes.axvline(bound, color=RED, linewidth=1, linestyle="--", label=f"bound {bound:g}")
    _named_rows(axes, [features[i] for i in order])
    axes.set_xlabel("population stability index")
    legend(axes)
    return markdown(figure, f"drift of the {len(order)} most drifted of {len(features)} features")


def gate_margins(rows: Sequence[Mapping[str, Any]]) -> str:
    """How far each gate is from its bound: right of zero passes.

    Args:
        rows: one a gate: `gate`, `value`, `bound`, `passed`, and `margin`, the distance to the bound as a
            share of it, positive where the gate passes; None without evidence. Drawn up to one bound away.
    """
    if len(rows) == 0:
        return "_no gates_"
    figure, axes = canvas(80 + 26 * len(rows))
    axes.set_xlim(-1.45, 1.45)
    axes.axvline(0, color=INK, linewidth=1)
    for place, row in enumerate(rows):
        margin, colour = row["margin"], GREEN if row["passed"] else RED
        if margin is None:
            axes.text(0.04, place, "no evidence", va="center", fontsize=8, color=colour)
            continue
        length = float(np.clip(margin, -1, 1))
        axes.barh(place, length, color=colour, height=0.66)
        side = "left" if length >= 0 else "right"
        label = f" {_short(row['value'])} against {_short(row['bound'])} "
        axes.text(length, place, label, va="center", ha=side, fontsize=7.5, color=INK)
    _named_rows(axes, [str(row["gate"]) for row in rows])
    axes.set_xlabel("margin, share of the bound (fails | passes)")
    passed = sum(bool(row["passed"]) for row in rows)
    return markdown(figure, f"{passed} of {len(rows)} gates passed")


def price_and_volume(ts: Times, close: Floats, volume: Floats, missing: Times) -> str:
    """Close and traded volume; minutes that the source lacks are marked.

    Args:
        ts: (n,) bar opens, ascending.
        close: (n,) in USDT.
        volume: (n,) in coins.
        missing: (m,) bar opens of the minutes that the source lacks.
    """
    if len(ts) == 0:
        return "_no candles_"
    figure, (above, below) = canvas(360, rows=2, heights=(3, 1))
    broken_at = np.flatnonzero(np.diff(ts) > np.timedelta64(1, "m")) + 1
    with_gaps = np.insert(ts, broken_at, ts[broken_at])
    above.plot(with_gaps, np.insert(close, broken_at, np.nan), color=BLUE, linewidth=1)
    for axes in (above, below):
        for first, last in _runs(missing):
            axes.axvspan(first, last, color=RED, alpha=0.25, linewidth=0)
    above.set_ylabel("close, USDT")
    below.fill_between(with_gaps, np.insert(volume, broken_at, np.nan), color=FAINT, linewidth=0, step="post")
    below.set_ylabel("volume, coins")
    _time_axis(below, "bar open, UTC")
    return markdown(figure, f"price and volume of {len(ts)} minutes, {len(missing)} missing")


def feature_heatmap(names: Sequence[str], values: Floats, times: Times, label: str = "robust z-score") -> str:
    """One row a feature, one column a time; grey where the feature is undefined.

    Args:
        names: (f,) features.
        values: (f, n) z-scores, drawn from -3 to 3; NaN where undefined.
        times: (n,) ascending.
        label: what the values are.
    """
    from matplotlib.dates import date2num

    if not names or len(times) == 0:
        return "_no features_"
    figure, axes = canvas(80 + max(120, 11 * len(names)))
    first, last = date2num([times[0], times[-1]])  # type: ignore[no-untyped-call]
    extent = (first, max(last, first + 1 / 1440), len(names) - 0.5, -0.5)
    cells = np.ma.masked_invalid(values)
    axes.set_facecolor(GRID)
    image = axes.imshow(cells, aspect="auto", cmap="RdBu_r", vmin=-3, vmax=3, extent=extent, interpolation="nearest")
    axes.xaxis_date()
    axes.set_yticks(np.arange(len(names)), names, fontsize=6.5)
    axes.grid(visible=False)
    _time_axis(axes, "known at, UTC")
    figure.colorbar(image, ax=axes, label=label, shrink=0.8, pad=0.02)
    return markdown(figure, f"heat map of {len(names)} features")


def regime_ribbon(as_of: Times, regime: Sequence[str], close: Floats | None = None) -> str:
    """The market's regime over time, behind the price where there is one.

    Args:
        as_of: (n,) decision times, ascending.
        regime: (n,) TREND, RANGE or PANIC.
        close: (n,) in USDT.
    """
    if len(as_of) == 0:
        return "_no decision bars_"
    figure, axes = canvas(260)
    kinds = np.asarray(regime)
    changes = np.flatnonzero(kinds[1:] != kinds[:-1]) + 1
    starts = np.concatenate([[0], changes])
    ends = np.concatenate([changes, [len(kinds) - 1]])
    for first, last in zip(starts, ends, strict=True):
        axes.axvspan(as_of[first], as_of[last], color=REGIME_COLOURS[str(kinds[first])], alpha=0.4, linewidth=0)
    if close is None:
        axes.set_yticks([])
    else:
        axes.plot(as_of, close, color=INK, linewidth=0.9)
        axes.set_ylabel("close, USDT")
    axes.grid(visible=False)
    for kind, colour in REGIME_COLOURS.items():
        axes.plot([], [], color=colour, alpha=0.6, linewidth=6, label=f"{kind} {np.mean(kinds == kind):.0%}")
    legend(axes)
    _time_axis(axes, "as of, UTC")
    return markdown(figure, f"regimes of {len(kinds)} decision bars")


def training_curve(steps: npt.NDArray[Any], metrics: Mapping[str, Floats]) -> str:
    """Each metric against the training step, a panel each.

    Args:
        steps: (n,) environment steps or boosting rounds.
        metrics: name -> (n,) values.
    """
    if not metrics or len(steps) == 0:
        return "_no training steps_"
    figure, panels = canvas(60 + 110 * len(metrics), rows=len(metrics))
    panels = [panels] if len(metrics) == 1 else panels
    colours = (BLUE, ORANGE, GREEN, RED)
    for place, (axes, (name, values)) in enumerate(zip(panels, metrics.items(), strict=True)):
        axes.plot(steps, values, color=colours[place % len(colours)], linewidth=1.3)
        # Above its panel: beside it, a name longer than the panel is high would run into the next one's.
        axes.set_title(name.replace("_", " "), loc="left", fontsize=8, color=INK)
    panels[-1].set_xlabel("training steps")
    panels[-1].xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    return markdown(figure, f"training curve: {', '.join(metrics)}")


def importance(names: Sequence[str], gain: Floats, most: int = 20) -> str:
    """The features that carry the model's gain.

    Args:
        names: (f,) features.
        gain: (f,) total gain of the splits on each.
        most: features shown.
    """
    if len(names) == 0:
        return "_no features_"
    share = gain / max(float(gain.sum()), np.finfo(float).tiny)
    order = np.argsort(-share, kind="stable")[:most]
    figure, axes = canvas(80 + 18 * len(order))
    axes.barh(np.arange(len(order)), 100 * share[order], color=BLUE, height=0.7)
    _named_rows(axes, [names[i] for i in order])
    axes.set_xlabel("share of the gain, %")
    return markdown(figure, f"gain of the {len(order)} strongest of {len(names)} features")


def stress_bars(scenarios: Sequence[str], drawdown: Floats, bound: float) -> str:
    """Drawdown of the policy in each stress scenario, against the bound.

    Args:
        scenarios: (n,) names.
        drawdown: (n,) as a fraction of the position, positive.
        bound: what the gate tolerates, the same unit.
    """
    if len(scenarios) == 0:
        return "_no scenarios_"
    figure, axes = canvas(80 + 26 * len(scenarios))
    colours = [RED if depth > bound else BLUE for depth in drawdown]
    axes.barh(np.arange(len(scenarios)), 100 * drawdown, color=colours, height=0.66)
    axes.axvline(100 * bound, color=RED, linewidth=1, linestyle="--", label=f"bound {bound:.1%}")
    _named_rows(axes, scenarios)
    axes.set_xlabel("worst drawdown, % of the position")
    legend(axes)
    return markdown(figure, f"drawdown in {len(scenarios)} stress scenarios")


def permutation_histogram(null: Floats, actual: float, label: str = "Sharpe ratio") -> str:
    """What the policy earns where there is nothing to find, and what it earned.

    Args:
        null: (n,) the statistic under permutations.
        actual: the statistic on the real order.
        label: the statistic's name.
    """
    if len(null) == 0:
        return "_no permutations_"
    figure, axes = canvas(280)
    p_value = (1 + int(np.sum(null >= actual))) / (1 + len(null))
    axes.hist(null, bins=40, color=FAINT, label=f"{len(null):,} permutations")
    axes.axvline(actual, color=RED, linewidth=1.8, label=f"actual {actual:.2f}, p = {p_value:.3g}")
    axes.set(xlabel=label, ylabel="permutations")
    legend(axes)
    return markdown(figure, f"permutation test, p = {p_value:.3g}")


def _time_axis(axes: Axes, label: str) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.xaxis.get_offset_text().set(fontsize=8, color=INK)
    axes.set_xlabel(label)
    axes.margins(x=0.01)


def _named_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(np.arange(len(names)), [name.replace("_", " ") for name in names], fontsize=8)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")


def _runs(minutes: Times) -> list[tuple[np.datetime64, np.datetime64]]:
    """Neighbouring minutes as spans [first, last + 1 minute)."""
    if len(minutes) == 0:
        return []
    minute = np.timedelta64(1, "m")
    cuts = np.flatnonzero(np.diff(minutes) > minute) + 1
    return [(part[0], part[-1] + minute) for part in np.split(minutes, cuts)]


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, int | float) else str(value)
