"""What a training came to, as a table on the terminal and as a Markdown report with pictures."""

import math
from collections.abc import Sequence
from pathlib import Path

import chainrule as cr
from chainrule import atomic_file
from chainrule.tabular import pictures
from chainrule.tabular.importance import importance
from chainrule.tabular.trained import Details, TrainedTable, fields

__all__ = ["summary", "write_report"]

REPORT_FILE = "report.md"
_NAMES = {
    "accuracy": "accuracy",
    "auc": "AUC",
    "cross_entropy": "cross-entropy",
    "r2": "R2",
    "rmse": "root mean squared error",
    "mae": "mean absolute error",
}


def summary(trained: TrainedTable) -> str:
    """Return task, columns, model and test scores beside those of simple predictions, in lines for a terminal.

    Parameters
    ----------
    trained : TrainedTable
        As `train_table` returns it.
    """
    facts = _facts(trained)
    width = max(len(name) for name, _ in facts)
    lines = [f"{name:<{width}}  {value}" for name, value in facts]
    header, rows = _scores(trained)
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines.append("")
    for row in [header, *rows]:
        lines.append("  ".join([f"{row[0]:<{widths[0]}}", *(f"{cell:>{w}}" for cell, w in zip(row[1:], widths[1:], strict=True))]))
    lines.insert(-len(rows), "-" * (sum(widths) + 2 * len(widths) - 2))
    return "\n".join(lines)


def write_report(trained: TrainedTable, folder: Path) -> Path:
    """Write report.md and its pictures into a folder; without matplotlib it has none and says what to install.

    Parameters
    ----------
    trained : TrainedTable
        As `train_table` returns it, not one that was loaded.
    folder : Path
        Exists.

    Returns
    -------
    Path
        The report.

    Warns
    -----
    UserWarning
        For each picture that cannot be drawn; the report does without it.
    """
    details = _details(trained)
    weights = importance(trained)
    parts = [
        f"# {trained.target.column}, from {Path(details.source).name}",
        _markdown(("", ""), [list(fact) for fact in _facts(trained)]),
    ]
    header, rows = _scores(trained)
    parts += ["## Test rows", _markdown(header, rows), _meaning(trained)]
    if details.notes:
        parts += ["## Remarks", "\n".join(f"* {_escaped(note)}" for note in details.notes)]
    parts += ["## Columns", _markdown(("column", "kind", "importance"), _columns(trained, weights))]
    parts.append(
        f"Importance: how much the {_NAMES[trained.main_score]} in the test rows falls when the column's cells are shuffled. "
        "Columns that say the same share it."
    )
    try:
        drawn = pictures.draw(trained, weights, folder)
    except ImportError:
        parts.append("No pictures: matplotlib is not installed (pip install 'chainrule[plot]').")
    else:
        parts += [f"## {title}\n\n![{title}]({path.name})" for title, path in drawn.items()]
    parts.append(
        f"chainrule {cr.__version__}, seed {trained.seed}. The same table, seed and version give the same model, bit for bit."
    )
    path = folder / REPORT_FILE
    atomic_file.write(path, [("\n\n".join(parts) + "\n").encode()], "report")
    return path


def _details(trained: TrainedTable) -> Details:
    if trained.details is None:
        raise ValueError("report: expected a model that was just trained, got one that was loaded")
    return trained.details


def _facts(trained: TrainedTable) -> list[tuple[str, str]]:
    details = _details(trained)
    epochs = ", ".join(
        f"{best} of {len(history['loss'])}" for best, history in zip(details.best_epochs, details.histories, strict=True)
    )
    return [
        *((name, str(value)) for name, value in fields(trained)),
        ("rows", f"{details.training_rows:,} to train and validate, {len(details.truth):,} to test"),
        ("trained", f"{details.seconds:.1f} s; best epochs: {epochs}"),
    ]


def _scores(trained: TrainedTable) -> tuple[list[str], list[list[str]]]:
    names = list(trained.scores["model"])
    rows = [
        [who, *(_number(name, found[name]) if name in found else "" for name in names)] for who, found in trained.scores.items()
    ]
    return ["test rows", *(_NAMES[name] for name in names)], rows


def _number(name: str, value: float) -> str:
    if name in ("rmse", "mae"):  # in the target's units, of any size
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    return f"{value:.4f}"


def _meaning(trained: TrainedTable) -> str:
    """Say how far the main score may be off, by the number of test rows."""
    rows = len(_details(trained).truth)
    if trained.target.task == "classification":
        accuracy = trained.metrics["accuracy"]
        error = 1.96 * math.sqrt(max(accuracy * (1 - accuracy), 0.25 / rows) / rows)
        return f"With {rows:,} test rows, other rows of the same kind may give an accuracy of {error:.1%} more or less (19 times of 20)."
    return "R2 is the part of the target's variance in the test rows that the model explains; errors are in the target's units."


def _columns(trained: TrainedTable, weights: dict[str, float]) -> list[list[str]]:
    rows = []
    for feature in sorted(trained.preprocessing.features, key=lambda one: -weights[one.column]):
        values = getattr(feature, "values", None)
        kind = getattr(feature, "kind", "") if values is None else f"category, {len(values)} values"
        rows.append([feature.column, kind, f"{weights[feature.column]:.4f}"])
    return rows + [[one.column, f"dropped: {one.note}", ""] for one in trained.preprocessing.dropped]


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|---|" + "---|" * (len(header) - 1)]
    return "\n".join(lines + ["| " + " | ".join(map(_escaped, row)) + " |" for row in rows])


def _escaped(text: str) -> str:
    return "".join("\\" + c if c in "\\|*_<`[" else " " if c in "\r\n" else c for c in text)
