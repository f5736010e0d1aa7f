"""A trained table: what predicts the target from the other columns, with its preprocessing, in one file."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.errors import CorruptFileError
from chainrule.tabular import files
from chainrule.tabular.document import arrays, described, restored
from chainrule.tabular.network import Architecture
from chainrule.tabular.preprocessing import Preprocessing
from chainrule.tabular.reading import Table, read_table
from chainrule.tabular.scores import MAIN
from chainrule.tabular.target import Target
from chainrule.tabular.training import predict
from chainrule.validation import Array

__all__ = ["TrainedTable", "load"]

MODEL_FILE = "model.safetensors"


@dataclass(frozen=True)
class Details:
    """What only the run that trained knows, for its report."""

    source: str
    rows: int
    notes: tuple[str, ...]
    histories: tuple[dict[str, list[float]], ...]
    best_epochs: tuple[int, ...]
    seconds: float
    target_cells: Array  # of all rows
    x: Array  # of the test rows
    truth: Array  # class numbers or numbers in the test rows
    predicted: Array  # probabilities or numbers in the test rows
    training_rows: int


@dataclass(frozen=True)
class TrainedTable:
    """A model of one column of a table by the others: made by `train_table` or `load`.

    Attributes
    ----------
    preprocessing : Preprocessing
        What was learned about the columns.
    target : Target
        The column that is predicted.
    architecture : Architecture
        Of the nets.
    models : list of Model
        The nets, whose mean is the prediction.
    scores : dict of str to dict
        Scores in the test rows: of "model", and of simple predictions.
    seed : int
        That everything random was keyed by.
    details : Details or None
        Of the training; None in one that was loaded.
    """

    preprocessing: Preprocessing
    target: Target
    architecture: Architecture
    models: list[cr.Model]
    scores: Mapping[str, Mapping[str, float]]
    seed: int
    details: Details | None = field(default=None, compare=False)

    @property
    def metrics(self) -> dict[str, float]:
        """The scores in the test rows."""
        return dict(self.scores["model"])

    @property
    def main_score(self) -> str:
        """The name of the score that decides."""
        return MAIN[self.target.task]

    def predict(self, table: object) -> Array:
        """Return the target for rows of a table.

        Parameters
        ----------
        table : path-like, mapping of str to sequence, or data frame
            With the columns that the model was trained on, in any order; others do not matter. Words that were never seen, and
            missing cells, are allowed.

        Returns
        -------
        array of shape (rows,)
            Strings, the most probable classes; or float64.

        Raises
        ------
        ValueError
            For missing columns, by name, or a file that is no table.

        Warns
        -----
        UserWarning
            For each column with cells that are neither missing nor what the column was in training, and so count as missing.
        """
        found = self.outputs(table)
        return found if self.target.task == "regression" else np.array(self.target.classes)[found.argmax(axis=1)]

    def predict_proba(self, table: object) -> Array:
        """Return the probabilities of the classes, in the order of ``target.classes``.

        Parameters
        ----------
        table
            As for `predict`.

        Returns
        -------
        array of float64, shape (rows, classes)

        Raises
        ------
        ValueError
            As for `predict`, and for a model of numbers.
        """
        if self.target.task == "regression":
            raise ValueError(f"predict_proba: expected a model of classes, got one of numbers, {self.target.column!r}")
        return self.outputs(table)

    def outputs(self, table: object) -> Array:
        """Return probabilities of classes (rows, classes), or numbers (rows,)."""
        rows = self.read(table)
        try:
            x = self.preprocessing.transform(rows.columns)
        except ValueError as error:
            raise ValueError(f"{rows.source}: {error}") from None
        for note in self.preprocessing.unread(rows, np.arange(rows.rows)):
            warnings.warn(note, stacklevel=3)
        return predict(self.models, self.target, x)

    def read(self, table: object) -> Table:
        """Return a table with the columns that predictions need."""
        words = [feature.column for feature in self.preprocessing.features if hasattr(feature, "values")]
        return read_table(table, only=self.preprocessing.columns, as_text=words)

    def save(self, folder: "str | PathLike[str]") -> Path:
        """Write the model with its preprocessing into a folder, which is made where there is none.

        Parameters
        ----------
        folder : path-like
            Takes one file, model.safetensors: parameters, and JSON of everything else. A file that was there stays whole until the
            new one is complete.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        OSError
            As the system says.
        """
        Path(folder).mkdir(parents=True, exist_ok=True)
        path = Path(folder) / MODEL_FILE
        document = described(self.preprocessing, self.target, self.architecture, len(self.models), self.scores, self.seed)
        files.write(path, arrays(self.models), document)
        return path

    def __repr__(self) -> str:
        score = self.metrics[self.main_score]
        return f"TrainedTable({self.target.column!r} from {len(self.preprocessing.features)} columns, test {self.main_score} {score:.3f})"


def load(folder: "str | PathLike[str]") -> TrainedTable:
    """Read a model that `TrainedTable.save` or ``chainrule train`` has written.

    Parameters
    ----------
    folder : path-like
        The folder, or the file in it.

    Returns
    -------
    TrainedTable
        Whose predictions have the same bits as those of the one saved.

    Raises
    ------
    OSError
        Where there is no such file, or as the system says.
    CorruptFileError
        For a file that is not as it was written.
    ChainruleError
        For one of another version.
    """
    path = Path(folder)
    path = path / MODEL_FILE if path.is_dir() else path
    tensors, document = files.read(path)
    preprocessing, target, architecture, models, scores, seed = restored(document, tensors, str(path))
    if MAIN[target.task] not in scores.get("model", {}):
        raise CorruptFileError(f"{path}: expected the model's scores, got {', '.join(scores)}")
    return TrainedTable(preprocessing, target, architecture, models, scores, seed)


def fields(trained: TrainedTable) -> Sequence[tuple[str, Any]]:
    """Return what is to be said of a model in a table of two columns."""
    kinds: dict[str, int] = {}
    for feature in trained.preprocessing.features:
        kind = getattr(feature, "kind", "category")
        kinds[kind] = kinds.get(kind, 0) + 1
    task = f"{trained.target.task} of {trained.target.column!r}"
    if trained.target.task == "classification":
        task += f", {len(trained.target.classes)} classes"
    plural = {"number": "numbers", "boolean": "booleans", "date": "dates", "category": "categories"}
    return [
        ("task", task),
        ("columns", ", ".join(f"{count} {plural[kind] if count > 1 else kind}" for kind, count in kinds.items())),
        ("dropped", ", ".join(one.column for one in trained.preprocessing.dropped) or "none"),
        ("model", f"mean of {len(trained.models)} nets: {trained.architecture}"),
    ]
