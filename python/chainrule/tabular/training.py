"""How a net for a table is trained: batches by the number of rows, early stopping on held-out rows, and the mean of a few members.

Each member holds out another part of the training rows, so that together they have learned from all of them.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

import chainrule as cr
from chainrule.tabular.cells import Column
from chainrule.tabular.elementary import apply
from chainrule.tabular.network import Architecture
from chainrule.tabular.target import Target, standardised
from chainrule.validation import Array

__all__ = ["Member", "permutation", "train"]

_BLOCK = 1 << 16  # rows that are predicted at a time
_LEAST_HELD_OUT = 2  # rows to validate a member on


class Member(NamedTuple):
    """One net of several.

    Attributes
    ----------
    model : Model
        It.
    history : dict of str to list of float
        Losses by epoch.
    best_epoch : int
        Whose parameters it has, from 1.
    """

    model: cr.Model
    history: dict[str, list[float]]
    best_epoch: int


class Outcome(NamedTuple):
    """What training came to: the members, the target as they learned it, and what is to be said about it."""

    members: tuple[Member, ...]
    target: Target
    notes: tuple[str, ...]


def permutation(rows: int, seed: int) -> Array:
    """Return the numbers 0, ..., rows - 1 in an order that a seed says, the same with every version of NumPy."""
    # NumPy keeps the streams of RandomState as they are; those of its newer generators may change.
    return np.random.RandomState(seed % 2**32).permutation(rows)


def shuffled(classes: Array, seed: int) -> Array:
    """Return the numbers of rows sorted by class, and within each class in an order that a seed says."""
    order = permutation(len(classes), seed)
    return order[np.argsort(classes[order], kind="stable")]


def train(
    architecture: Architecture,
    x: Array,
    cells: Column,
    target: Target,
    *,
    members: int,
    seed: int,
    epochs: int | None,
    verbose: int | str,
) -> Outcome:
    """Train the members; for a skewed target of numbers the first one twice, to see whether the logarithm is easier to learn.

    Parameters
    ----------
    architecture : Architecture
        Of each.
    x : array of float32, shape (rows, features)
        The training rows.
    cells : array of shape (rows,)
        The target's cells in them.
    target : Target
        What was learned about them.
    members : int
        How many nets.
    seed : int
        Keys everything random.
    epochs : int or None
        At most; None chooses by the number of rows.
    verbose : {"auto", 0, 1, 2}
        As for `fit`.
    """
    folds = _folds(target.classes_of(cells), members, seed)
    done: list[Member] = []
    notes: list[str] = []
    for i in range(members):
        held_out = folds[i]
        used = np.setdiff1d(np.arange(len(x)), held_out, assume_unique=True)
        if verbose != 0:
            print(f"model {i + 1} of {members}: {len(used):,} rows to train, {len(held_out):,} to validate")

        def fitted(target: Target, used: Array = used, held_out: Array = held_out, i: int = i) -> Member:
            y = target.encode(cells)
            model = architecture.build(seed * members + i)
            return _fit(model, (x[used], y[used]), (x[held_out], y[held_out]), target, epochs, verbose)

        member = fitted(target)
        if i == 0 and target.skewed(cells):
            logarithmic = standardised(target.column, cells, log=True)
            other = fitted(logarithmic)
            errors = [_error(m.model, t, x[held_out], cells[held_out]) for m, t in ((member, target), (other, logarithmic))]
            if errors[1] < errors[0]:
                member, target = other, logarithmic
            kept = "it is kept" if target.log else "it is left as it is"
            notes.append(
                f"the target is skewed: squared error on validation rows {errors[0]:.4g} as it is, "
                f"{errors[1]:.4g} through its logarithm; {kept}"
            )
        done.append(member)
    return Outcome(tuple(done), target, tuple(notes))


def _fit(
    model: cr.Model,
    training: tuple[Array, Array],
    validation: tuple[Array, Array],
    target: Target,
    epochs: int | None,
    verbose: int | str,
) -> Member:
    rows = len(training[0])
    epochs = epochs or _epochs(rows)
    patience = max(1, min(4, epochs // 12))
    stopping = cr.EarlyStopping(patience=3 * patience, restore_best_weights=True)
    history = model.fit(
        *training,
        epochs=epochs,
        batch_size=_batch_size(rows),
        loss="cross_entropy" if target.task == "classification" else "mse",
        optimizer=cr.AdamW(2e-3, weight_decay=1e-2),
        validation_data=validation,
        callbacks=[cr.ReduceLROnPlateau(patience=patience, factor=0.3), stopping],
        verbose=verbose,
    )
    _settle_tables(model, training[0])
    return Member(model, history.history, stopping.best_epoch + 1)


def _settle_tables(model: cr.Model, x: Array) -> None:
    """Give categories that no training row had the mean of those that some had, instead of what they began with."""
    tables = {name: value for name, value in model.parameters().items() if name.endswith(".table")}
    for i, (name, table) in enumerate(tables.items()):
        codes = x[:, x.shape[1] - len(tables) + i].astype(np.int64)
        counts = np.bincount(codes, minlength=len(table)).astype(np.float64)
        if (counts == 0).any():
            table[counts == 0] = (table * counts[:, None]).sum(axis=0) / counts.sum()
            model.set_parameters({name: table})


def predict(models: Sequence[cr.Model], target: Target, x: Array) -> Array:
    """Return probabilities (rows, classes) or numbers (rows,): the mean of what the models say, as float64."""
    parts = []
    for begin in range(0, len(x), _BLOCK):
        values = [model.predict(x[begin : begin + _BLOCK]) for model in models]
        outputs = [np.asarray(value, np.float64) for value in values]
        parts.append(sum(apply("softmax", o) if target.task == "classification" else o for o in outputs) / len(models))
    joined = np.concatenate(parts) if parts else np.empty((0, target.outputs))
    return joined if target.task == "classification" else target.decode(joined)


def _error(model: cr.Model, target: Target, x: Array, cells: Column) -> float:
    return float(((predict([model], target, x) - cells) ** 2).mean())


def _folds(classes: Array, members: int, seed: int) -> list[Array]:
    """Return rows to validate for each member: a tenth of each class, of few rows a fifth; many members share parts of a few rows."""
    parts = min(max(members, 5 if len(classes) < 2000 else 10), len(classes) // _LEAST_HELD_OUT)
    order = shuffled(classes, seed + 1)
    return [np.sort(order[i % parts :: parts]) for i in range(members)]


def _batch_size(rows: int) -> int:
    """Return a power of two near a 128th of the rows, from 32 to 1024."""
    return 1 << min(max(round(math.log2(max(rows, 1) / 128)), 5), 10)


def _epochs(rows: int) -> int:
    """Return epochs enough for early stopping to end the training, but for huge tables."""
    return int(min(200, max(10, 20_000_000 // rows)))
