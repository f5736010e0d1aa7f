"""Figures of matplotlib, which is imported when somebody wants a picture."""

from os import PathLike
from typing import Any

_DOTS_PER_INCH = 150


def new_figure(operation: str, width: float, height: float) -> Any:
    """Return an empty `matplotlib.figure.Figure` of so many inches: no window, no global state. ImportError says what to install."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(f"{operation}: expected matplotlib to be installed; pip install 'chainrule[plot]'") from error
    return Figure(figsize=(width, height), layout="constrained")


def saved(figure: Any, path: "str | PathLike[str] | None") -> Any:
    """Return the figure; where there is a path, written to it as its suffix says."""
    if path is not None:
        figure.savefig(path, dpi=_DOTS_PER_INCH)
    return figure
