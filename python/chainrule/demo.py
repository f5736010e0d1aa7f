"""The demonstration: a small net learns to read 1,797 handwritten digits."""

import importlib.resources
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import chainrule as cr

_LEVELS = 16  # pixels are whole numbers from 0 to 16
_MOST_PICTURES = 20


@dataclass(frozen=True)
class Digits:
    """Images of shape (rows, 8, 8), whole numbers from 0 to 16, and what they show."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __getitem__(self, rows: NDArray[np.bool_]) -> "Digits":
        return Digits(self.images[rows], self.labels[rows])

    def __len__(self) -> int:
        return len(self.labels)

    def inputs(self) -> NDArray[np.float32]:
        """Rows of 64 values from -1/2 to 1/2."""
        pixels: NDArray[np.float32] = self.images.reshape(len(self), -1).astype(np.float32)
        pixels /= _LEVELS
        pixels -= 0.5
        return pixels


@dataclass(frozen=True)
class Outcome:
    """What one run came to."""

    accuracy: float
    seconds: float
    history: dict[str, list[float]]
    misread: int
    picture: Path | None


def load_digits() -> Digits:
    """Read the embedded images (UCI, E. Alpaydin and C. Kaynak, CC BY 4.0; see data/LICENSE-digits.txt)."""
    with (
        (importlib.resources.files("chainrule") / "data" / "digits.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        return Digits(arrays["images"], arrays["labels"].astype(np.int64))


def split_digits(digits: Digits) -> tuple[Digits, Digits, Digits]:
    """Training, validation and test images: of each ten in the file's order, seven, one and two.

    The split depends on no random generator, so every version of NumPy gives the same one.
    """
    place = np.arange(len(digits)) % 10
    return digits[(place != 0) & (place % 5 != 4)], digits[place == 0], digits[place % 5 == 4]


class _Table(cr.Callback):
    """Prints a line per epoch."""

    _COLUMNS = ("loss", "accuracy", "val_loss", "val_accuracy")

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        print(f"{'epoch':>5}  {'loss':>8}  {'accuracy':>8}  {'val loss':>8}  {'val acc.':>8}  {'time':>8}")

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        loss, accuracy, val_loss, val_accuracy = ((logs or {})[name] for name in self._COLUMNS)
        elapsed = (time.perf_counter() - self._start) * 1e3
        print(f"{epoch + 1:>5}  {loss:8.4f}  {accuracy:8.2%}  {val_loss:8.4f}  {val_accuracy:8.2%}  {elapsed:5.0f} ms", flush=True)


def run(*, epochs: int = 40, seed: int = 0, picture: Path | None = None) -> Outcome:
    """Train, report and draw.

    Parameters
    ----------
    epochs
        Passes over the 1,258 training images.
    seed
        Of the initial weights, the shuffles and the dropout. The split is always the same.
    picture
        File for the learning curves and the misread digits; None draws nothing.
    """
    training, validation, test = split_digits(load_digits())
    model = cr.Sequential([cr.Dropout(0.1), cr.Dense(128, "relu"), cr.Dropout(0.2), cr.Dense(10)], seed=seed)
    print(f"chainrule {cr.__version__}: a 64-128-10 net reads handwritten digits")
    print(f"{len(training)} images to train, {len(validation)} to validate, {len(test)} to test\n")

    start = time.perf_counter()
    history = model.fit(
        training.inputs(),
        training.labels,
        epochs=epochs,
        batch_size=32,
        loss="cross_entropy",
        optimizer=cr.Adam(lr=3e-3),
        metrics=["accuracy"],
        validation_data=(validation.inputs(), validation.labels),
        callbacks=[_Table()],
        verbose=0,
    )
    seconds = time.perf_counter() - start
    read = model.predict(test.inputs()).argmax(axis=1)
    wrong = read != test.labels
    accuracy = 1.0 - float(wrong.mean())
    print(f"\ntest accuracy {accuracy:.2%}: {int(wrong.sum())} of {len(test)} images misread; trained in {seconds:.2f} s")

    saved = None
    if picture is not None:
        saved = _draw(picture, history.history, test[wrong], read[wrong], len(test))
    return Outcome(accuracy, seconds, history.history, int(wrong.sum()), saved)


def _draw(path: Path, history: dict[str, list[float]], misread: Digits, read: NDArray[np.int64], total: int) -> Path | None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("no picture: matplotlib is not installed (pip install matplotlib)")
        return None

    # A Figure of its own, without pyplot: no window, no global state, and a faster start.
    figure = Figure(figsize=(11, 5), layout="constrained")
    curves, digits = figure.subfigures(1, 2, squeeze=False, width_ratios=(1, 1.2))[0]
    upper, lower = curves.subplots(2, 1, sharex=True)
    _draw_curves(upper, history, "loss")
    _draw_curves(lower, history, "accuracy")
    lower.set_xlabel("epoch")
    curves.suptitle("learning curves")

    shown = min(len(misread), _MOST_PICTURES)
    digits.suptitle(f"test accuracy {1 - len(misread) / total:.2%}" + (f", {len(misread)} of {total} misread" if shown else ""))
    if shown:
        columns = min(5, shown)
        axes = digits.subplots(-(-shown // columns), columns, squeeze=False)
        for place, axis in enumerate(axes.flat):
            axis.set_axis_off()
            if place < shown:
                axis.imshow(misread.images[place], cmap="gray_r", vmin=0, vmax=_LEVELS)
                axis.set_title(f"{misread.labels[place]} read as {read[place]}", fontsize=9)
    figure.savefig(path, dpi=120)
    print(f"picture saved as {path}")
    return path


def _draw_curves(axis: Any, history: dict[str, list[float]], name: str) -> None:
    steps = range(1, len(history[name]) + 1)
    axis.plot(steps, history[name], label="training")
    axis.plot(steps, history[f"val_{name}"], label="validation")
    axis.set_ylabel(name)
    axis.grid(alpha=0.3)
    axis.legend()
