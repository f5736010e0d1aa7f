"""The pictures of a report, by matplotlib."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.tabular.cells import texts
from chainrule.tabular.trained import Details, TrainedTable

__all__ = ["draw"]

_MOST_BARS = 20
_MOST_CLASSES = 20  # of a confusion matrix
_MOST_POINTS = 5000
_COLOURS = ("#3b6ea5", "#d1772e", "#4f9a5d", "#8a5fa8", "#9c6b4e")
_LONGEST = 28  # name that is written out
_WIDE = 10  # from there, losses are drawn on a logarithmic axis


def draw(trained: TrainedTable, weights: Mapping[str, float], folder: Path) -> dict[str, Path]:
    """Draw into a folder and return the files by title; what cannot be drawn is a warning.

    Raises
    ------
    ImportError
        Without matplotlib.
    """
    # A Figure of its own, without pyplot: no window, no global state.
    from matplotlib.figure import Figure

    details = trained.details
    if details is None:
        raise ValueError("pictures: expected a model that was just trained, got one that was loaded")
    pictures: dict[str, tuple[str, Callable[[Any], None], float]] = {
        "Learning curves": ("learning.png", lambda axis: _learning(axis, trained, details), 4.0),
        "Target": ("target.png", lambda axis: _target(axis, trained, details), 4.0),
        "Importance of columns": (
            "importance.png",
            lambda axis: _importance(axis, weights),
            1.2 + 0.3 * min(len(weights), _MOST_BARS),
        ),
    }
    if trained.target.task == "regression":
        pictures["Predicted and true"] = ("predicted.png", lambda axis: _predicted(axis, details), 6.0)
    elif len(trained.target.classes) <= _MOST_CLASSES:
        pictures["Confusion matrix"] = ("confusion.png", lambda axis: _confusion(axis, trained, details), 6.0)
    drawn = {}
    for title, (name, function, height) in pictures.items():
        figure = Figure(figsize=(7.5, height), layout="constrained")
        try:
            function(figure.subplots())
            figure.savefig(folder / name, dpi=110, metadata={"Software": None})
        except Exception as error:  # of any kind: what was trained matters more than a picture of it
            warnings.warn(f"{name} is not drawn: {error}", stacklevel=3)
            (folder / name).unlink(missing_ok=True)
            continue
        drawn[title] = folder / name
    return drawn


def _learning(axis: Any, trained: TrainedTable, details: Details) -> None:
    for i, (history, best) in enumerate(zip(details.histories, details.best_epochs, strict=True)):
        epochs = range(1, len(history["loss"]) + 1)
        many = f", net {i + 1}" if len(details.histories) > 1 else ""
        colour = _COLOURS[i % len(_COLOURS)]
        axis.plot(epochs, history["loss"], color=colour, linestyle=":", label=f"training{many}")
        axis.plot(epochs, history["val_loss"], color=colour, label=f"validation{many}")
        axis.plot(best, history["val_loss"][best - 1], "o", color=colour)
    axis.set_xlabel("epoch (dots: the parameters that are kept)")
    axis.set_ylabel("cross-entropy" if trained.target.task == "classification" else "mean squared error, standardised")
    losses = [loss for history in details.histories for name in ("loss", "val_loss") for loss in history[name]]
    if max(losses) > _WIDE * min(losses) > 0:
        axis.set_yscale("log")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.grid(alpha=0.3, which="both")
    axis.legend(fontsize=9)


def _target(axis: Any, trained: TrainedTable, details: Details) -> None:
    cells = details.target_cells
    if trained.target.task == "regression":
        axis.hist(cells, bins=60, color=_COLOURS[0])
        axis.set_xlabel(_short(trained.target.column))
        axis.set_ylabel("rows")
        axis.grid(alpha=0.3)
        return
    words, counts = np.unique([word or "" for word in texts(cells)], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_MOST_BARS]
    _bars(axis, [_short(str(words[i])) for i in order], [int(counts[i]) for i in order], "{:,.0f}")
    axis.set_xlabel("rows")


def _importance(axis: Any, weights: Mapping[str, float]) -> None:
    names = sorted(weights, key=lambda name: -weights[name])[:_MOST_BARS]
    _bars(axis, [_short(name) for name in names], [weights[name] for name in names], "{:.3f}")
    axis.set_xlabel("fall of the score when the column is shuffled")


def _bars(axis: Any, names: list[str], values: list[float], label: str) -> None:
    places = range(len(names))
    bars = axis.barh(places, values, color=_COLOURS[0])
    axis.bar_label(bars, [label.format(value) for value in values], padding=3, fontsize=9)
    axis.set_yticks(places, names)
    axis.invert_yaxis()
    axis.margins(x=0.15)
    axis.grid(alpha=0.3, axis="x")


def _predicted(axis: Any, details: Details) -> None:
    step = -(-len(details.truth) // _MOST_POINTS)
    truth, predicted = details.truth[::step], details.predicted[::step]
    low, high = (function([function(truth), function(predicted)]) for function in (min, max))
    axis.plot([low, high], [low, high], color=_COLOURS[1], linewidth=1, label="predicted = true")
    axis.scatter(truth, predicted, s=6, alpha=0.35, color=_COLOURS[0], linewidths=0)
    axis.set_xlabel("true")
    axis.set_ylabel("predicted")
    axis.set_aspect("equal")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=9)


def _confusion(axis: Any, trained: TrainedTable, details: Details) -> None:
    classes = [_short(name) for name in trained.target.classes]
    matrix = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(matrix, (details.truth, details.predicted.argmax(axis=1)), 1)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.ndindex(*matrix.shape):
        colour = "white" if shares[i, j] > 0.5 else "black"
        text = f"{matrix[i, j]:,}\n{shares[i, j]:.0%}" if len(classes) <= 6 else str(matrix[i, j])
        axis.text(j, i, text, ha="center", va="center", color=colour, fontsize=10 if len(classes) <= 6 else 7)
    axis.set_xticks(
        range(len(classes)), classes, rotation=45 if len(classes) > 3 else 0, ha="right" if len(classes) > 3 else "center"
    )
    axis.set_yticks(range(len(classes)), classes)
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")


def _short(text: str) -> str:
    # "$" would begin a formula.
    return (text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…").replace("$", r"\$")
