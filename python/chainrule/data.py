"""The data of a fit: arrays checked against each other and the model, split, weighted; views, never copies."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from chainrule import _core, validation
from chainrule.losses import Loss
from chainrule.sparse import Features
from chainrule.targets import Targets, require_weight, targets, weights, with_class_weight
from chainrule.validation import Array

Rows = tuple[list[Features], list[Array], Array | None]


class Accepted(NamedTuple):
    """x, an array for each input, and the columns of each output."""

    x: list[Features]
    outputs: tuple[int, ...]

    @property
    def features(self) -> tuple[int, ...]:
        """The columns of each input."""
        return tuple(array.shape[1] for array in self.x)


# Checks x against the model, under the name of the operation and of the argument; the flag: whether names of columns are kept.
Accept = Callable[[object, str, str, bool], Accepted]


class LabelledRows(NamedTuple):
    """Rows with a target for each output, and their weights."""

    x: list[Features]
    y: list[Targets]
    weight: Array | None

    @property
    def values(self) -> list[Array]:
        """The targets' arrays."""
        return [y.values for y in self.y]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.x[0])

    def between(self, begin: int, end: int | None) -> "LabelledRows":
        """Return a range of the rows."""
        part = slice(begin, end)
        y = [Targets(one.values[part], one.labels) for one in self.y]
        return LabelledRows([x[part] for x in self.x], y, None if self.weight is None else self.weight[part])


class FitData(NamedTuple):
    """What `fit` trains on and validates with."""

    training: LabelledRows
    validation: Rows | None

    def bind(self, trainer: Any, *, batch_size: int, shuffle: bool) -> Any:
        """Give the data to a trainer, and return what trains on it."""
        rows = self.training
        trainer.bind(rows.x, rows.values, rows.weight, batch_size=batch_size, shuffle=shuffle, validation=self.validation)
        return trainer


def by_name(given: object, names: Sequence[str], operation: str, name: str, kind: str) -> list[object]:
    """Return one of what is given for each name: from a dict by name, from a list in order; for a single name what is given itself."""
    if isinstance(given, Mapping):
        for key in given:
            if key not in names:
                raise ValueError(f"{operation}: expected {name} by the {kind}s {', '.join(map(repr, names))}, got {key!r}")
        missing = [key for key in names if key not in given]
        if missing:
            raise ValueError(
                f"{operation}: expected {name} for all of {', '.join(map(repr, names))}, got none for {', '.join(missing)}"
            )
        return [given[key] for key in names]
    if len(names) == 1:
        return [given]
    if not isinstance(given, list | tuple):
        got = type(given).__name__
        raise TypeError(f"{operation}: expected {name} as a list or dict of {len(names)}, one for each {kind}, got {got}")
    if len(given) != len(names):
        raise ValueError(f"{operation}: expected {len(names)} in {name}, one for each {kind}, got {len(given)}")
    return list(given)


class Labelled(NamedTuple):
    """How targets are checked: against the losses of the outputs, by their names."""

    accept: Accept
    losses: Sequence[Loss]
    outputs: Sequence[str]

    def rows(
        self, x: object, y: object, sample_weight: object, operation: str, prefix: str = "", *, keep_names: bool = False
    ) -> LabelledRows:
        """Check one set of rows with their targets and weights; there must be at least one. Whether x is finite is not looked at.

        `keep_names`: the rows are to be trained on, and the model keeps the names of a first frame's columns.
        """
        accepted = self.accept(x, operation, f"{prefix}x", keep_names)
        validation.require_rows(accepted.x[0].shape, operation, f"{prefix}x")
        count = len(accepted.x[0])
        name = f"{prefix}y"
        many = len(self.outputs) > 1
        checked = [
            targets(one, operation, f"{name}[{output!r}]" if many else name, loss, width, count)
            for one, output, loss, width in zip(
                by_name(y, self.outputs, operation, name, "output"), self.outputs, self.losses, accepted.outputs, strict=True
            )
        ]
        weight = weights(sample_weight, operation, f"{prefix}sample_weight", count)
        require_weight(weight, operation, f"{prefix}sample_weight")
        return LabelledRows(accepted.x, checked, weight)


def require_finite(x: Sequence[Features], operation: str, name: str, first: int = 0) -> None:
    """Raise ValueError for NaN or infinity in the arrays, from row `first` on."""
    for i, array in enumerate(x):
        _core.require_finite(array, operation, name if len(x) == 1 else f"{name}[{i}]", first)


def fit_data(
    labelled: Labelled,
    x: object,
    y: object,
    *,
    sample_weight: object,
    class_weight: object,
    validation_data: object,
    validation_split: float,
) -> FitData:
    """Check everything and take the validation rows off: the last fraction, before any shuffling.

    The training rows' features are looked at for NaN and infinity when their batch is read, in the first epoch: here it would be one
    more pass over memory, or over a file.
    """
    split = validation.real(validation_split, "fit", "validation_split", least=0, below=1)
    if split > 0 and validation_data is not None:
        raise ValueError("fit: expected either validation_data or validation_split, got both")
    training = labelled.rows(x, y, sample_weight, "fit", keep_names=True)
    held_out = None
    if validation_data is not None:
        held_out = held_out_rows(labelled, validation_data, training)
    elif split > 0:
        # As Keras rounds, but for what binary fractions miss: 0.9 of 10 rows leaves 1 row, not 0.9999999999999998.
        keep = int(training.rows * (1 - split) + 1e-9)
        if not 0 < keep < training.rows:
            raise ValueError(f"fit: expected validation_split to leave rows on both sides, got {split:g} of {training.rows} rows")
        rest = training.between(keep, None)
        held_out = (rest.x, rest.values, rest.weight)
        require_weight(rest.weight, "fit", "sample_weight of the rows held out by validation_split")
        require_finite(training.x, "fit", "x", keep)
        training = training.between(0, keep)
    weight = with_class_weight(class_weight, training.y, training.weight)
    require_weight(weight, "fit", "sample_weight times class_weight of the rows to train on")
    return FitData(training._replace(weight=weight), held_out)


def held_out_rows(labelled: Labelled, given: object, training: LabelledRows) -> Rows:
    """Check what is given as validation data."""
    if not isinstance(given, tuple | list) or len(given) not in (2, 3):
        raise TypeError(f"fit: expected validation_data as (x, y) or (x, y, sample_weight), got {type(given).__name__}")
    x, y, sample_weight = given if len(given) == 3 else (*given, None)
    rows = labelled.rows(x, y, sample_weight, "fit", "validation ")
    require_finite(rows.x, "fit", "validation x")
    for own, wanted in zip(rows.y, training.y, strict=True):
        if own.labels != wanted.labels:
            kinds = ("integer labels", "values") if wanted.labels else ("values", "integer labels")
            raise ValueError(f"fit: expected validation y as {kinds[0]}, like y, got {kinds[1]}")
    return rows.x, rows.values, rows.weight
