"""From a table to a trained model: what `train_table` and ``chainrule train`` do."""

import math
import time
from collections.abc import Collection

import numpy as np

from chainrule import validation
from chainrule.names import unknown
from chainrule.tabular.cells import texts
from chainrule.tabular.kinds import numbers
from chainrule.tabular.network import Architecture, chosen_architecture
from chainrule.tabular.preprocessing import learn
from chainrule.tabular.reading import Table, read_table
from chainrule.tabular.scores import baselines, scores
from chainrule.tabular.target import TASKS, learned_target, rows_with_target
from chainrule.tabular.trained import Details, TrainedTable
from chainrule.tabular.training import predict, shuffled, train
from chainrule.validation import Array

__all__ = ["train_table"]

_LEAST_ROWS = 20
# Nets, below so many rows: 5 instead of 3 are better by up to 1.5 points of R2 on 150 to 1,500 rows, and cost nothing there. Of very
# many rows one net has seen enough, and would be trained for many minutes three times.
_MEMBERS = ((5, 5_000), (3, 200_000), (1, math.inf))
# A class that is so much rarer than the others is worth a remark.
_RARE = 0.1


def train_table(
    source: object,
    target: str | int,
    *,
    task: str | None = None,
    test: float = 0.2,
    seed: int = 0,
    epochs: int | None = None,
    members: int | None = None,
    drop: Collection[str | int] = (),
    header: bool | None = None,
    verbose: int | str = 0,
) -> TrainedTable:
    """Train a model of one column of a table by the others.

    Parameters
    ----------
    source : path-like, mapping of str to sequence, or data frame
        A CSV file or its like (gzipped or not, any of the usual separators), a Parquet file (where pyarrow or polars is installed), or
        columns of equal length: numbers, strings, booleans, dates, None where a cell is missing.
    target : str or int
        The column to predict, by name, or by position from 1, or from -1 backwards.
    task : {"classification", "regression"}, optional
        Left out: classification for text, booleans and whole numbers of at most 10 kinds, else regression.
    test : float, default 0.2
        The part of the rows on which the model is tested, never trained; above 0, below 1.
    seed : int, default 0
        Keys the split and everything else that is random. The same table and seed give the same bits.
    epochs : int, optional
        At most. Left out: 200, for huge tables fewer. Training stops early anyway.
    members : int, optional
        How many nets are trained; their mean predicts. Left out: 3; 5 for fewer than 5,000 rows, 1 from 200,000.
    drop : collection of str or int, optional
        Columns not to learn from, by name or by position; they may hold anything.
    header : bool, optional
        Whether the first line of a text file has the columns' names. Left out: as `read_table` decides by the cells.
    verbose : {0, "auto", 1, 2}, default 0
        As for `fit`.

    Returns
    -------
    TrainedTable
        Whose `predict` takes tables of the same columns, `metrics` are those in the test rows, and `save` writes a folder.

    Raises
    ------
    TypeError, ValueError
        For a file that is no table, naming line and column; for options and columns that do not fit.
    OSError
        As the system says of a file.
    ImportError
        For Parquet where nothing that reads it is installed.

    Notes
    -----
    Numbers are standardised, clipped at 5 standard deviations, and given once more piecewise linear between quantiles; where cells are
    missing a column says so. Categories are embedded. Nets of two dense layers (by the number of rows 64-32, 128-64 or 256-128) with GELU
    and dropout are trained by AdamW, its rate falling when the loss on held-out rows no longer does, and stopped early.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.tabular import train_table
    >>> random = np.random.default_rng(0)
    >>> table = {"size": random.uniform(20, 200, 300), "town": random.choice(["Bonn", "Ulm", "Kiel"], 300)}
    >>> table["rent"] = table["size"] * np.where(table["town"] == "Ulm", 14, 9) + random.normal(0, 20, 300)
    >>> trained = train_table(table, "rent", members=1)
    >>> trained.metrics["r2"] > 0.9
    True
    >>> trained.predict({"town": ["Kiel", "Rome"], "size": [50, 120]}).shape
    (2,)
    """
    operation = "train_table"
    if task is not None and task not in TASKS:
        raise ValueError(f"{operation}: {unknown('task', task, TASKS)}")
    share = validation.real(test, operation, "test", above=0, below=1)
    seed = validation.integer(seed, operation, "seed", 0, 2**31)
    epochs = None if epochs is None else validation.integer(epochs, operation, "epochs", 1)
    members = None if members is None else validation.integer(members, operation, "members", 1, 100)
    start = time.perf_counter()
    table = read_table(source, target=target, header=header, drop=drop)
    name = table.column(target)
    unwanted = list(dict.fromkeys(table.column(one) for one in drop))
    if name in unwanted:
        raise ValueError(f"{operation}: expected columns to drop beside the target, got the target {name!r}")
    rows = rows_with_target(table, name)
    members = members or next(count for count, most in _MEMBERS if len(rows) < most)
    if len(rows) < _LEAST_ROWS:
        raise ValueError(f"{table.source}: expected at least {_LEAST_ROWS} rows with a target {name!r}, got {len(rows)}")
    goal = learned_target(table, name, task, rows)
    cells = table.columns[name]
    training, testing = split(rows, goal.classes_of(cells[rows]), share, seed)
    if not 0 < len(testing) <= len(rows) - _LEAST_ROWS // 2:
        raise ValueError(f"{operation}: expected test as a part that leaves rows on both sides, got {share:g} of {len(rows)} rows")
    if goal.task == "regression":  # mean and scale know nothing of the test rows
        goal = learned_target(table, name, "regression", training)
        cells = numbers(cells)
    preprocessing, notes = learn(table, name, training, unwanted)
    notes += [f"in test rows, {note}" for note in preprocessing.unread(table, testing)]
    notes += _remarks(table, name, rows, goal.task)
    x, test_x = (preprocessing.transform(_taken(table, part)) for part in (training, testing))
    architecture = chosen_architecture(preprocessing, goal, len(training))
    if verbose != 0:
        _announce(table, len(training), len(testing), architecture)
    outcome = train(architecture, x, cells[training], goal, members=members, seed=seed, epochs=epochs, verbose=verbose)
    models = [member.model for member in outcome.members]
    predicted = predict(models, outcome.target, test_x)
    # For scores: class numbers, or numbers as they are in the table.
    values, truth = (cells[part] if goal.task == "regression" else goal.encode(cells[part]) for part in (training, testing))
    found = {"model": scores(goal, truth, predicted)} | baselines(preprocessing, goal, (x, values), (test_x, truth))
    details = Details(
        source=table.source,
        rows=table.rows,
        notes=(*notes, *outcome.notes),
        histories=tuple(member.history for member in outcome.members),
        best_epochs=tuple(member.best_epoch for member in outcome.members),
        seconds=time.perf_counter() - start,
        target_cells=cells[rows],
        x=test_x,
        truth=truth,
        predicted=predicted,
        training_rows=len(training),
    )
    return TrainedTable(preprocessing, outcome.target, architecture, models, found, seed, details)


def split(rows: Array, classes: Array, share: float, seed: int) -> tuple[Array, Array]:
    """Return rows to train and rows to test, both in ascending order; each class has its part of both."""
    order = rows[shuffled(classes, seed)]
    # Of rows that are sorted by class, every fifth, say.
    tested = np.diff(np.floor(np.arange(len(rows) + 1) * share)) > 0
    return np.sort(order[~tested]), np.sort(order[tested])


def _taken(table: Table, rows: Array) -> dict[str, Array]:
    return {name: column[rows] for name, column in table.columns.items()}


def _remarks(table: Table, name: str, rows: Array, task: str) -> list[str]:
    """Return what is to be said of the target."""
    found = []
    absent = table.rows - len(rows)
    if absent:
        found.append(f"{name}: {absent:,} rows without a target are left out")
    if task == "classification":
        words, counts = np.unique([word or "" for word in texts(table.columns[name][rows])], return_counts=True)
        rarest = int(counts.argmin())
        if counts[rarest] * len(counts) < 2 * _RARE * len(rows):
            share = counts[rarest] / len(rows)
            rare = str(words[rarest])
            found.append(f"{name}: classes are of unequal size, {rare!r} has {share:.1%} of the rows: accuracy alone says little")
    return found


def _announce(table: Table, training: int, testing: int, architecture: Architecture) -> None:
    print(f"{table.source}: {table.rows:,} rows, {len(table.names)} columns; {training:,} rows to train, {testing:,} to test")
    print(f"net: {architecture}")
