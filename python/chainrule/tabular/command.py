"""``chainrule train`` and ``chainrule predict``."""

import argparse
import csv
import io
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from chainrule import atomic_file
from chainrule.tabular.cells import number_text
from chainrule.tabular.reading import read_table
from chainrule.tabular.report import summary, write_report
from chainrule.tabular.tables import train_table
from chainrule.tabular.target import TASKS
from chainrule.tabular.trained import TrainedTable, load

__all__ = ["TASKS", "run_predict", "run_train"]

# Endings that say of which kind a file is; "sales.2023" and "sales.2024" are names.
_ENDINGS = frozenset({".csv", ".dat", ".data", ".gz", ".parquet", ".pq", ".tab", ".tsv", ".txt"})
_MODEL = "-model"


def run_train(arguments: argparse.Namespace) -> int:
    """Train, write the model, print a table, and write the report."""
    folder = arguments.out or Path(f"{_stem(arguments.file)}{_MODEL}")
    drop = arguments.drop.split(",") if arguments.drop else ()
    table = read_table(arguments.file, target=arguments.target, header=False if arguments.no_header else None, drop=drop)
    with _made(folder):  # before the training, not after it: it may fail
        trained = train_table(
            table,
            arguments.target,
            task=arguments.task,
            test=arguments.test,
            seed=arguments.seed,
            epochs=arguments.epochs,
            drop=drop,
            verbose="auto",
        )
        trained.save(folder)
    print(f"\n{summary(trained)}\n")
    if trained.details is not None:
        for note in trained.details.notes:
            print(f"note: {note}")
    for one in trained.preprocessing.dropped:
        print(f"note: {one.column} is dropped: {one.note}")
    print(f"saved in {folder}; try: chainrule predict {folder} {arguments.file}")
    with _notes():
        print(f"report: {write_report(trained, folder)}")
    return 0


def run_predict(arguments: argparse.Namespace) -> int:
    """Predict each row of a table and write a CSV, to the terminal unless a file is named."""
    with _notes():
        content = predictions(load(arguments.model), arguments.file)
    if arguments.out is None:
        sys.stdout.write(content)
    else:
        atomic_file.write(arguments.out, [content.encode()], "predict")
        print(f"{arguments.out}: {content.count(chr(10)) - 1:,} predictions")
    return 0


def predictions(trained: TrainedTable, file: Any) -> str:
    """Return a CSV with a line for each row: the prediction, and of classes each one's probability."""
    found = trained.outputs(trained.read(file))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if trained.target.task == "regression":
        writer.writerow([trained.target.column])
        writer.writerows([number_text(value)] for value in found.tolist())
    else:
        classes = trained.target.classes
        writer.writerow([trained.target.column, *(f"probability {name}" for name in classes)])
        for best, row in zip(found.argmax(axis=1).tolist(), found.tolist(), strict=True):
            writer.writerow([classes[best], *(f"{value:.6g}" for value in row)])
    return text.getvalue()


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder, and if what then happens fails, remove it again unless something is in it."""
    new = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        with suppress(OSError):
            for one in new:
                one.rmdir()
        raise


@contextmanager
def _notes() -> Iterator[None]:
    """Say warnings as notes on standard error."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda message, *_, **__: print(f"note: {message}", file=sys.stderr)
        yield


def _stem(path: Path) -> str:
    """Return a file's name without what says of which kind it is, cut so that the folder's name is not too long."""
    stem = Path(path.name.lstrip("."))
    while stem.suffix.lower() in _ENDINGS:
        stem = stem.with_suffix("")
    return atomic_file.cut(stem.name, len(_MODEL))
