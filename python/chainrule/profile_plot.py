"""A profile as a picture: a roofline with the operations as points, and the time of each layer.

Williams, Waterman, Patterson, "Roofline: an insightful visual performance model for multicore architectures", 2009.
"""

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from chainrule.peaks import Peaks
from chainrule.pictures import new_figure, saved

if TYPE_CHECKING:
    from chainrule.profile_rows import Row

_MOST_BARS = 16
_MOST_NAMES = 8


def draw(operations: "Sequence[Row]", layers: "Sequence[Row]", peak: Peaks, dtype: str, path: "str | PathLike[str] | None") -> Any:
    """Return the figure; saved where there is a path."""
    figure = new_figure("Profile.plot", 13, 5.5)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _roofline(left, operations, peak, dtype)
    _bars(right, layers)
    return saved(figure, path)


def _roofline(axes: Any, rows: "Sequence[Row]", peak: Peaks, dtype: str) -> None:
    """Draw one thread's roof: rows are of all threads' time together, so their rates are those of one."""
    flops, bandwidth = peak.flops(dtype) / peak.threads, peak.bytes / peak.threads
    points = [row for row in rows if row.flops > 0 and row.bytes > 0 and row.seconds > 0]
    intensities = [row.flops / row.bytes for row in points]
    ridge = flops / bandwidth
    low, high = min([*intensities, ridge]) / 3, max([*intensities, ridge]) * 3
    axes.plot([low, ridge, high], [low * bandwidth / 1e9, flops / 1e9, flops / 1e9], color="black", zorder=1)
    axes.annotate(f"{flops / 1e9:.0f} GFLOP/s a thread", (high, flops / 1e9), xytext=(0, 4), textcoords="offset points", ha="right")
    axes.annotate(
        f"{bandwidth / 1e9:.0f} GB/s from memory", (low, low * bandwidth / 1e9), xytext=(6, 0), textcoords="offset points"
    )
    whole = sum(row.seconds for row in rows) or 1.0
    for i, (row, intensity) in enumerate(zip(points, intensities, strict=True)):
        rate = row.flops / row.seconds / 1e9
        label = f"{row.name}, {row.seconds / whole:.1%}" if i < _MOST_NAMES else None
        axes.scatter([intensity], [rate], s=40 + 1500 * row.seconds / whole, color=f"C{i % 10}", alpha=0.7, zorder=2, label=label)
    if points:
        for handle in axes.legend(loc="lower right", fontsize=9).legend_handles:
            handle.set_sizes([60])  # not of the points, which may be as large as the legend
    axes.set(xscale="log", yscale="log", xlabel="FLOP per byte", ylabel="GFLOP/s of one thread", title="Operations under the roof")
    axes.grid(alpha=0.3, which="both")


def _bars(axes: Any, rows: "Sequence[Row]") -> None:
    shown = list(rows[:_MOST_BARS])
    whole = sum(row.seconds for row in rows) or 1.0
    places = range(len(shown))
    bars = axes.barh(places, [100 * row.seconds / whole for row in shown], color="C0")
    axes.bar_label(bars, [f"{row.seconds / whole:.1%}" for row in shown], padding=3, fontsize=9)
    axes.margins(x=0.2)
    axes.set_yticks(places, [row.name for row in shown])
    axes.invert_yaxis()
    axes.set(xlabel="share of all threads' time, %", title="Time by layer")
    axes.grid(alpha=0.3, axis="x")
