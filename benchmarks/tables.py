"""How good `chainrule train` is without options: test scores on four public tables, beside scikit-learn's MLP and simple predictions.

scikit-learn has two layers of 128 and 64 units, early stopping, and what one does by hand before: numbers standardised, missing ones
replaced by the median, words as columns of 0 and 1, a target of numbers standardised. Rows to train and to test are the same.

Run: python -m benchmarks.tables --data FOLDER [--peers chainrule,sklearn] [--seeds 0,1,2] [--fresh]
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chainrule.tabular import Table, read_table, train_table
from chainrule.tabular.cells import is_numeric, texts
from chainrule.tabular.scores import MAIN, scores
from chainrule.tabular.tables import split
from chainrule.tabular.target import Target, learned_target, rows_with_target

from . import command, machine
from .progress import say
from .store import Key, Store
from .summary import Summary
from .table import markdown

NEEDS = {"chainrule": "chainrule", "sklearn": "sklearn"}
TEST = 0.2
NOTE = (
    "Scores in the 20 % of rows to test: accuracy of Adult, R2 of the others. Median of the seeds, and the least and the most; each seed "
    "is another split. Seconds include reading the file, and for chainrule everything that the command does but the report."
)


class Case(NamedTuple):
    file: str
    target: str | int
    must: float  # what the project promises with seed 0


CASES = {
    "adult": Case("adult.data.gz", "label", 0.85),
    "california": Case("california-housing.csv.gz", "median_house_value", 0.79),
    "bike": Case("bike.csv.gz", -1, 0.985),
    "protein": Case("protein.csv.gz", -1, 0.64),
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser("tables", __doc__.partition("\n")[0], list(NEEDS), 1, 0, needs=NEEDS)
    parser.add_argument("--data", type=Path, required=True, help="the folder with adult.data.gz and the others, as published")
    parser.add_argument("--seeds", type=command.numbers, default=[0, 1, 2])
    arguments = parser.parse_args(argv)
    if arguments.quick:
        arguments.seeds = arguments.seeds[:1]
    path = command.output(arguments, "tables")
    store = Store(path, machine.describe(arguments.peers, arguments.quick, NEEDS), arguments.fresh or arguments.quick)
    for seed in arguments.seeds:
        for name, case in CASES.items():
            for peer in arguments.peers:
                key = key_of(name, peer, seed)
                if not store.samples(key):
                    say(f"seed {seed}: {name} by {peer}")
                    store.add(key, measure(case, peer, seed, arguments.data, 3 if arguments.quick else None))
    command.publish(report(store, arguments.peers, arguments.seeds), path)
    missed = [] if arguments.quick else misses(store)
    for text in missed:
        say(text)
    return 1 if missed else 0


def key_of(case: str, peer: str, seed: int) -> Key:
    return {"table": case, "peer": peer, "seed": seed}


def measure(case: Case, peer: str, seed: int, data: Path, epochs: int | None = None) -> dict[str, Any]:
    """Train once and return scores and seconds."""
    start = time.perf_counter()
    if peer == "chainrule":
        trained = train_table(data / case.file, case.target, test=TEST, seed=seed, epochs=epochs)
        found = {"seconds": time.perf_counter() - start, "score": trained.metrics[trained.main_score], **trained.metrics}
        simple = {name: values[trained.main_score] for name, values in trained.scores.items() if name != "model"}
        return {**found, "linear": simple.pop("linear, least squares"), "constant": next(iter(simple.values()))}
    table = read_table(data / case.file, target=case.target)
    goal, truth, predicted = sklearn_predictions(table, table.column(case.target), seed, epochs)
    metrics = scores(goal, truth, predicted)
    return {"seconds": time.perf_counter() - start, "score": metrics[MAIN[goal.task]], **metrics}


def sklearn_predictions(table: Table, name: str, seed: int, epochs: int | None) -> tuple[Target, Any, Any]:
    """Return the target, what is true in the test rows, and what scikit-learn predicts there."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    rows = rows_with_target(table, name)
    goal = learned_target(table, name, None, rows)
    cells = table.columns[name]
    training, testing = split(rows, goal.classes_of(cells[rows]), TEST, seed)
    columns = [column for key, column in table.columns.items() if key != name]
    numeric = [i for i, column in enumerate(columns) if is_numeric(column)]
    words = [i for i in range(len(columns)) if i not in numeric]
    x = np.empty((table.rows, len(columns)), object)
    for i, column in enumerate(columns):
        x[:, i] = column if i in numeric else [cell or "missing" for cell in texts(column)]
    prepare = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numeric),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), words),
    )
    design, test_design = prepare.fit_transform(x[training]), prepare.transform(x[testing])
    options: dict[str, Any] = {"hidden_layer_sizes": (128, 64), "early_stopping": True, "random_state": seed}
    if epochs is not None:
        options["max_iter"] = epochs
    if goal.task == "classification":
        classifier = MLPClassifier(**options).fit(design, goal.encode(cells[training]))
        return goal, goal.encode(cells[testing]), classifier.predict_proba(test_design)
    goal = learned_target(table, name, "regression", training)
    regressor = MLPRegressor(**options).fit(design, goal.encode(cells[training])[:, 0])
    return goal, cells[testing], goal.decode(regressor.predict(test_design)[:, None])


def report(store: Store, peers: Sequence[str], seeds: Sequence[int]) -> str:
    header = [
        "table",
        *(f"{peer}, score" for peer in peers),
        "linear",
        "constant",
        "promised",
        *(f"{peer}, seconds" for peer in peers),
    ]
    rows = []
    for name, case in CASES.items():

        def of(peer: str, field: str, name: str = name) -> str:
            values = [value for seed in seeds for value in store.values(key_of(name, peer, seed), field)]
            return _range(values, 0 if field == "seconds" else 4) if values else ""

        own = [of("chainrule", field) for field in ("linear", "constant")]
        times = [of(peer, "seconds") for peer in peers]
        rows.append([name, *(of(peer, "score") for peer in peers), *own, f"{case.must:g}", *times])
    title = f"Seeds {', '.join(map(str, seeds))}."
    return "\n\n".join(["# tables", machine.text(store.machine), f"{NOTE} {title}", markdown(header, rows)])


def _range(values: Sequence[float], places: int) -> str:
    summary = Summary.of(values)
    median, least, most = (f"{round(value, places) + 0.0:.{places}f}" for value in (summary.median, summary.least, summary.most))
    return median if len(values) == 1 else f"{median} ({least} to {most})"


def misses(store: Store) -> list[str]:
    """Return the tables whose score with seed 0 is below what is promised."""
    found = []
    for name, case in CASES.items():
        for score in store.values(key_of(name, "chainrule", 0), "score"):
            if score < case.must:
                found.append(f"{name}: expected a score of at least {case.must:g}, got {score:.4f}")
    return found


if __name__ == "__main__":
    command.start(main)
