"""From a table to the matrix that a model takes: which columns are learned from, and what was learned about each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chainrule.tabular.cells import Column
from chainrule.tabular.features import Category, Feature, Number, categories_of, numbers_of
from chainrule.tabular.kinds import kind_of, unread
from chainrule.tabular.reading import Table
from chainrule.validation import Array

__all__ = ["Dropped", "Preprocessing", "learn"]

# Pieces of a piecewise linear feature: at most so many, each with so many training rows on average, and not so many that the matrix has
# more columns, or more elements (float32), than these.
_MOST_BINS, _ROWS_PER_BIN, _MOST_COLUMNS, _MOST_ELEMENTS = 16, 40, 2048, 200_000_000


@dataclass(frozen=True)
class Dropped:
    """A column that is not learned from, and why."""

    column: str
    note: str


@dataclass(frozen=True)
class Preprocessing:
    """What was learned about the columns.

    Attributes
    ----------
    features : tuple of Feature
        In the order of the table.
    dropped : tuple of Dropped
        The rest.
    """

    features: tuple[Feature, ...]
    dropped: tuple[Dropped, ...]

    @property
    def numbers(self) -> int:
        """How many columns of the matrix are numbers; one for each category follows."""
        return sum(feature.width for feature in numbers_of(self.features))

    @property
    def columns(self) -> list[str]:
        """The names of the columns that are learned from."""
        return [feature.column for feature in self.features]

    def transform(self, columns: Mapping[str, Column]) -> Array:
        """Return float32 of shape (rows, numbers + categories): all numbers, then the categories' numbers.

        Raises
        ------
        ValueError
            For missing columns, by name.
        """
        absent = [name for name in self.columns if name not in columns]
        if absent:
            raise ValueError(f"expected the columns that the model was trained on, missing: {', '.join(map(repr, absent))}")
        ordered: Sequence[Number | Category] = [*numbers_of(self.features), *categories_of(self.features)]
        return np.concatenate([feature.transform(columns[feature.column]) for feature in ordered], axis=1)

    def unread(self, table: Table, rows: Array) -> list[str]:
        """Return what is to be said of cells in `rows` that are neither missing nor what their columns are."""
        found = []
        for feature in numbers_of(self.features):
            values = feature.read(table.columns[feature.column][rows])
            note = unread(table, feature.column, rows, values, feature.kind)
            found += [f"{feature.column}: {note}"] if note else []
        return found

    def spans(self) -> dict[str, Array]:
        """Return the columns of the matrix that each column of the table makes."""
        found, begin = {}, 0
        for number in numbers_of(self.features):
            found[number.column] = np.arange(begin, begin + number.width)
            begin += number.width
        for category in categories_of(self.features):
            found[category.column] = np.array([begin])
            begin += 1
        return {name: found[name] for name in self.columns}


def learn(table: Table, target: str, rows: Array, drop: Sequence[str] = ()) -> tuple[Preprocessing, list[str]]:
    """Learn about all columns but the target from the training rows.

    Returns
    -------
    Preprocessing
    list of str
        What is to be said about columns that are kept.

    Raises
    ------
    ValueError
        Where no column is left.
    """
    kinds = {name: kind_of(table, name, rows) for name in table.columns if name not in {target, *drop}}
    dropped = [Dropped(name, "as asked") for name in drop]
    dropped += [Dropped(name, kind.note) for name, kind in kinds.items() if kind.name == "dropped"]
    kept = {name: kind for name, kind in kinds.items() if kind.name != "dropped"}
    if not kept:
        reasons = "; ".join(f"{one.column!r} is dropped ({one.note})" for one in dropped) or "the target stands alone"
        raise ValueError(f"{table.source}: expected columns to learn from, got none: {reasons}")
    count = sum(kind.name != "category" for kind in kept.values())
    most = min(_MOST_COLUMNS, _MOST_ELEMENTS // len(rows)) // max(count, 1) - 1
    bins = min(_MOST_BINS, len(rows) // _ROWS_PER_BIN, most)
    features: list[Feature] = []
    for name, kind in kept.items():
        if kind.name == "category":
            features.append(Category(name, kind.values))
        else:
            features.append(Number.learned(name, kind, table.columns[name][rows], bins))
    return Preprocessing(tuple(features), tuple(dropped)), [f"{name}: {kind.note}" for name, kind in kept.items() if kind.note]
