"""What a fit recorded, epoch by epoch."""

from collections.abc import Mapping
from os import PathLike
from typing import Any

__all__ = ["History"]


class History:
    """Losses and metrics of a fit.

    Attributes
    ----------
    history : dict of str to list of float
        "loss" and the metrics' names, with "val_" in front for validation data; one entry per epoch.
    epoch : list of int
        The epochs' numbers, from 0.

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

    def plot(self, path: "str | PathLike[str] | None" = None) -> Any:
        """Draw the learning curves: one panel for the loss and one for each metric.

        Parameters
        ----------
        path : path-like, optional
            Where to save the picture.

        Returns
        -------
        matplotlib.figure.Figure
            Not shown: in a notebook it displays itself, elsewhere save it.

        Raises
        ------
        ImportError
            Without matplotlib.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError("History.plot: expected matplotlib to be installed; pip install 'chainrule[plot]'") from error
        names = [name for name in self.history if not name.startswith("val_")]
        figure = Figure(figsize=(5 * max(len(names), 1), 3.5), layout="constrained")
        for panel, name in enumerate(names):
            axes = figure.add_subplot(1, len(names), panel + 1)
            for label, key in (("training", name), ("validation", f"val_{name}")):
                if key in self.history:
                    axes.plot(range(1, len(self) + 1), self.history[key], label=label)
            axes.set_xlabel("epoch")
            axes.set_ylabel(name)
            axes.legend()
        if path is not None:
            figure.savefig(path)
        return figure

    def __repr__(self) -> str:
        count = len(self)
        if count == 0:
            return "History(no epochs)"
        numbers = ", ".join(f"{name}={value:.4g}" for name, value in self.last().items())
        return f"History({count} epoch{'s' if count > 1 else ''}; last: {numbers})"
