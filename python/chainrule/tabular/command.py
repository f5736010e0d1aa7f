"""``chainrule train`` and ``chainrule predict``."""

import argparse
import csv
import io
import sys
from pathlib import Path
from typing import Any

from chainrule.tabular.cells import number_text
from chainrule.tabular.files import write_bytes
from chainrule.tabular.reading import read_table
from chainrule.tabular.report import summary, write_report
from chainrule.tabular.tables import train_table
from chainrule.tabular.target import TASKS
from chainrule.tabular.trained import TrainedTable, load

__all__ = ["TASKS", "run_predict", "run_train"]


def run_train(arguments: argparse.Namespace) -> int:
    """Train, print a table, and write model and report."""
    folder = arguments.out or Path(f"{_stem(arguments.file)}-model")
    table = read_table(arguments.file, target=arguments.target, header=False if arguments.no_header else None)
    target = table.column(arguments.target)
    folder.mkdir(parents=True, exist_ok=True)  # before the training, not after it: it may fail
    trained = train_table(
        table,
        target,
        task=arguments.task,
        test=arguments.test,
        seed=arguments.seed,
        epochs=arguments.epochs,
        drop=arguments.drop.split(",") if arguments.drop else (),
        verbose="auto",
    )
    trained.save(folder)
    report = write_report(trained, folder)
    print(f"\n{summary(trained)}\n")
    if trained.details is not None:
        for note in trained.details.notes:
            print(f"note: {note}")
    for one in trained.preprocessing.dropped:
        print(f"note: {one.column} is dropped: {one.note}")
    print(f"saved in {folder}: the model, and {report.name}; try: chainrule predict {folder} {arguments.file}")
    return 0


def run_predict(arguments: argparse.Namespace) -> int:
    """Predict each row of a table and write a CSV, to the terminal unless a file is named."""
    content = predictions(load(arguments.model), arguments.file)
    if arguments.out is None:
        sys.stdout.write(content)
    else:
        write_bytes(arguments.out, content.encode())
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


def _stem(path: Path) -> str:
    """Return a file's name without what says of which kind it is."""
    return path.name.split(".")[0] or path.name.strip(".")
