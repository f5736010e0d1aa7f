"""The target: which task a column sets, how its cells become what a model learns, and predictions cells again."""

import math
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from chainrule.tabular.cells import LARGEST, Column, as_number, is_numeric, present, texts
from chainrule.tabular.elementary import apply
from chainrule.tabular.kinds import numbers
from chainrule.tabular.reading import Table
from chainrule.validation import Array

__all__ = ["TASKS", "Target", "learned_target"]

TASKS = ("classification", "regression")
# Whole numbers of so few kinds, each in several rows, are classes.
_FEW_CLASSES = 10
_LEAST_ROWS = 5
_MOST_CLASSES = 1000
# Of the third moment over the cube of the standard deviation: beyond, the logarithm is worth a try.
_SKEWED = 1.0


@dataclass(frozen=True)
class Target:
    """What is predicted.

    Attributes
    ----------
    column : str
        Its name.
    task : {"classification", "regression"}
        Classes, or numbers.
    classes : tuple of str
        Of classification, in ascending order.
    mean, scale : float
        Of regression, in the training rows; of the logarithm where `log`. scale is above 0.
    log : bool
        Whether a model learns the logarithm.
    """

    column: str
    task: str
    classes: tuple[str, ...]
    mean: float
    scale: float
    log: bool

    @property
    def outputs(self) -> int:
        """The number of columns that a model gives."""
        return len(self.classes) if self.task == "classification" else 1

    def encode(self, cells: Column) -> Array:
        """Return class numbers, int64 of shape (rows,), or standardised numbers, float32 of shape (rows, 1)."""
        if self.task == "classification":
            places = {value: i for i, value in enumerate(self.classes)}
            return np.array([places[cell or ""] for cell in texts(cells)], np.int64)
        values = _log(cells) if self.log else cells
        encoded: Array = ((values - self.mean) / self.scale).astype(np.float32)
        return encoded[:, None]

    def classes_of(self, cells: Column) -> Array:
        """Return class numbers, or zeros where there are none: what rows are sorted by before they are divided."""
        return self.encode(cells) if self.task == "classification" else np.zeros(len(cells), np.int64)

    def decode(self, values: Array) -> Array:
        """Return numbers for what a model of regression gave, float64 of shape (rows,)."""
        numbers: Array = values[:, 0].astype(np.float64) * self.scale + self.mean
        return apply(np.exp, numbers[:, None])[:, 0] if self.log else numbers

    def skewed(self, cells: Column) -> bool:
        """Say whether numbers are all above 0, and a few of them far above the others, less so in their logarithms."""
        if self.task == "classification" or cells.min() <= 0:
            return False
        return _skewness(cells) > _SKEWED and abs(_skewness(np.log(cells))) < _skewness(cells)


def learned_target(table: Table, name: str, task: str | None, rows: Array) -> Target:
    """Return what a column sets as task by the cells of `rows`, none of which is missing.

    Raises
    ------
    ValueError
        For a column from which nothing can be learned, or one that does not fit the task wanted.
    """
    cells = table.columns[name][rows]
    counts = Counter(texts(cells))
    if len(counts) < 2:
        raise ValueError(
            f"{table.source}: expected a target of different values, got {next(iter(counts))!r} in every row of {name!r}"
        )
    if (task or _task(cells, counts)) == "regression":
        return standardised(name, _numbers(table, name, rows), log=False)
    if len(counts) > _MOST_CLASSES or len(counts) > len(cells) / 2:
        raise ValueError(
            f"{table.source}: expected a target of at most {_MOST_CLASSES} classes, each in two rows or more on average, "
            f"got {len(counts):,} different values in {len(cells):,} rows of {name!r}"
        )
    words = [word for word in counts if word is not None]
    # Not by float: large whole numbers would be equal.
    ordered = sorted(words, key=None if any(as_number(word) is None for word in words) else Decimal)
    return Target(name, "classification", tuple(ordered), 0.0, 1.0, log=False)


def standardised(name: str, cells: Column, *, log: bool) -> Target:
    """Return a target of regression by the cells of the training rows."""
    if np.abs(cells).max() > LARGEST:
        raise ValueError(f"column {name!r}: expected numbers up to {LARGEST:g}, got {np.abs(cells).max():g}")
    values = _log(cells) if log else cells
    mean = math.fsum(values) / len(values)
    deviation = math.sqrt(math.fsum((values - mean) ** 2) / len(values))
    return Target(name, "regression", (), mean, deviation or 1.0, log)


def _task(cells: Column, counts: "Counter[str | None]") -> str:
    if not is_numeric(cells):
        return "regression" if _mostly_numbers(counts) else "classification"
    whole = bool((cells == np.floor(cells)).all())
    classes = whole and len(counts) <= _FEW_CLASSES and (len(counts) == 2 or min(counts.values()) >= _LEAST_ROWS)
    return "classification" if classes else "regression"


def _mostly_numbers(counts: "Counter[str | None]") -> bool:
    """Say whether text is meant to be numbers, but for a few cells: `_numbers` says which."""
    numbers = sum(count for word, count in counts.items() if word is not None and as_number(word) is not None)
    return numbers > 0.5 * counts.total() and len(counts) > _FEW_CLASSES


def _numbers(table: Table, name: str, rows: Array) -> Column:
    cells = table.columns[name][rows]
    values = numbers(cells)
    for i in np.flatnonzero(np.isnan(values)):
        raise ValueError(f"{table.place(int(rows[i]), name)}: expected a number in the target of a regression, got {cells[i]!r}")
    return values


def _log(values: Array) -> Array:
    return apply(np.log, values[:, None])[:, 0]


def _skewness(values: Array) -> float:
    centred = values - values.mean()
    return float(((centred / (centred.std() or 1.0)) ** 3).mean())


def rows_with_target(table: Table, name: str) -> Array:
    """Return the numbers of the rows whose target is not missing."""
    return np.flatnonzero(present(table.columns[name]))
