"""What a fit recorded, epoch by epoch."""

import math
from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from chainrule.pictures import new_figure, saved

if TYPE_CHECKING:
    from chainrule.profiling import Profile

__all__ = ["History"]

_MOST_PANELS_ABREAST = 3
# Of the table in a notebook.
_MOST_ROWS = 10


class History:
    """Losses and metrics of a fit.

    Attributes
    ----------
    history : dict of str to list of float
        "loss" and the metrics' names, with "val_" in front for validation data; one entry per epoch.
    epoch : list of int
        The epochs' numbers, from 0.
    best_epoch : int or None
        The epoch with the least validation loss, or without validation the least loss.
    profile : Profile or None
        Of a fit with profile=True.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> x = np.linspace(-1, 1, 8)[:, None]
    >>> history = cr.Sequential([cr.Dense(1)]).fit(x, 2 * x, epochs=3, loss="mse", verbose=0)
    >>> list(history.history), history.epoch
    (['loss'], [0, 1, 2])
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.profile: Profile | None = None

    @property
    def epoch(self) -> list[int]:
        """The epochs' numbers."""
        return list(range(len(self)))

    def __len__(self) -> int:
        return len(next(iter(self.history.values()), ()))

    def extend(self, columns: Mapping[str, Any]) -> None:
        """Append the epochs of a mapping from names to arrays."""
        for name, values in columns.items():
            self.history.setdefault(name, []).extend(values.tolist())

    def last(self) -> dict[str, float]:
        """Return the last epoch's numbers."""
        return {name: values[-1] for name, values in self.history.items() if values}

    @property
    def best_epoch(self) -> int | None:
        """The epoch with the least "val_loss", or without validation the least "loss"; the first of equals. None without epochs."""
        losses = self.history.get("val_loss") or self.history.get("loss", [])
        finite = [epoch for epoch, loss in enumerate(losses) if not math.isnan(loss)]
        return min(finite, key=losses.__getitem__, default=None)

    def plot(self, path: "str | PathLike[str] | None" = None) -> Any:
        """Draw the learning curves: one panel for the loss and one for each metric, with `best_epoch` and its values marked in all of them.

        Parameters
        ----------
        path : path-like, optional
            Where to save the picture; its suffix says what kind: .png, .svg, .pdf.

        Returns
        -------
        matplotlib.figure.Figure
            Not shown: in a notebook it displays itself, elsewhere save it.

        Raises
        ------
        ImportError
            Without matplotlib.
        ValueError
            Without an epoch to draw.
        """
        names = [name for name in self.history if not name.startswith("val_")]
        if not len(self):
            raise ValueError("History.plot: expected at least one epoch, got none")
        columns = min(len(names), _MOST_PANELS_ABREAST)
        rows = -(-len(names) // columns)
        figure = new_figure("History.plot", 5 * columns, 3.5 * rows)
        for panel, name in enumerate(names):
            self._draw(figure.add_subplot(rows, columns, panel + 1), name)
        return saved(figure, path)

    def _draw(self, axes: Any, name: str) -> None:
        from matplotlib.ticker import MaxNLocator

        best = self.best_epoch
        marker = "o" if len(self) == 1 else ""  # a line through one point is invisible
        for label, key, color in (("training", name, "C0"), ("validation", f"val_{name}", "C1")):
            if key not in self.history:
                continue
            values = self.history[key]
            at_best = "" if best is None else f": {values[best]:.4g}"
            axes.plot(range(1, len(values) + 1), values, label=label + at_best, color=color, marker=marker)
            if best is not None:
                axes.plot(best + 1, values[best], "o", color=color, markeredgecolor="black", zorder=3)
        if best is not None:
            axes.axvline(best + 1, color="gray", linestyle=":", linewidth=1, zorder=0, label=f"at the best epoch, {best + 1}")
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()

    def _repr_html_(self) -> str:
        """Return a table of the last epochs, and the best one, for notebooks."""
        from html import escape  # only notebooks need it

        count, best = len(self), self.best_epoch
        shown = list(range(max(count - _MOST_ROWS, 0), count))
        if best is not None and best not in shown:
            shown.insert(0, best)
        heads = "".join(f"<th>{escape(name)}</th>" for name in ("epoch", *self.history))
        lines = []
        for epoch in shown:
            numbers = "".join(f"<td>{values[epoch]:.4g}</td>" for values in self.history.values())
            lines.append(f"<tr><td>{epoch + 1}{' (best)' if epoch == best else ''}</td>{numbers}</tr>")
        caption = f"{count} epoch{'' if count == 1 else 's'}" + (f", the last {_MOST_ROWS}" if count > _MOST_ROWS else "")
        return f"<table><caption>{caption}</caption><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"

    def __repr__(self) -> str:
        count = len(self)
        if count == 0:
            return "History(no epochs)"
        numbers = ", ".join(f"{name}={value:.4g}" for name, value in self.last().items())
        return f"History({count} epoch{'s' if count > 1 else ''}; last: {numbers})"
