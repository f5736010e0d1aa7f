"""Pictures of results: lines over a logarithmic axis, and bars. Matplotlib's Figure alone, which needs no display and no state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

COLOURS = {
    "chainrule": "#d62728",
    "torch": "#ee8100",
    "torch_compiled": "#b06000",
    "jax": "#1f77b4",
    "sklearn": "#2ca02c",
    "numpy": "#7f7f7f",
}

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Axes:
    """One of a picture's parts: lines by name."""

    title: str
    x_label: str
    y_label: str
    lines: Mapping[str, Points]
    log_y: bool = True
    log_x: bool = True
    # Names of lines drawn as points only: measurements beside a model.
    dots: frozenset[str] = frozenset()


def draw(path: Path, title: str, parts: Sequence[Axes], columns: int = 2) -> None:
    """Write the picture as PNG, `columns` parts beside each other."""
    from matplotlib.figure import Figure

    parts = [part for part in parts if any(part.lines.values())]
    columns = max(1, min(columns, len(parts)))
    rows = -(-len(parts) // columns)
    figure = Figure(figsize=(5.6 * columns, 3.9 * rows + 0.5), layout="constrained")
    figure.suptitle(title)
    for place, part in enumerate(parts):
        axes = figure.add_subplot(rows, columns, place + 1)
        for name, points in part.lines.items():
            if not points:
                continue
            style = {"linestyle": "", "marker": "o"} if name in part.dots else {"marker": ".", "linewidth": 1.2}
            axes.plot(*zip(*sorted(points), strict=True), label=name, color=COLOURS.get(name), markersize=4, **style)
        axes.set(title=part.title, xlabel=part.x_label, ylabel=part.y_label)
        if part.log_x:
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
        if part.log_y:
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    _save(figure, path)


def draw_bars(
    path: Path, title: str, x_label: str, groups: Mapping[str, Mapping[str, float]], log: bool = True, limit: float | None = None
) -> None:
    """Write horizontal bars as PNG: for each group (a workload) one bar for each name (a peer); a line at `limit`."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(name for bars in groups.values() for name in bars))
    figure = Figure(figsize=(8, 0.6 + 0.2 * (len(names) + 1) * len(groups)), layout="constrained")
    axes = figure.add_subplot()
    height = 0.85 / max(len(names), 1)
    for place, name in enumerate(names):
        at = [group + place * height for group, bars in enumerate(groups.values()) if name in bars]
        axes.barh(at, [bars[name] for bars in groups.values() if name in bars], height, label=name, color=COLOURS.get(name))
    axes.set(title=title, xlabel=x_label)
    axes.set_yticks([group + 0.4 for group in range(len(groups))], list(groups))
    axes.invert_yaxis()
    if log:
        axes.set_xscale("log")
    if limit is not None:
        axes.axvline(limit, color="black", linestyle="--", linewidth=1)
    axes.grid(axis="x", alpha=0.3)
    axes.legend(fontsize="small")
    _save(figure, path)


def _save(figure: object, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # No software name or version in the file: the same results give the same bytes.
    figure.savefig(path, dpi=100, metadata={"Software": None})  # type: ignore[attr-defined]
