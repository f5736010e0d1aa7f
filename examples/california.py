"""California housing: regression on a table with missing cells and a column of text.

Needs the CSV of the 1990 census, gzipped or not: a header, numeric columns with some empty cells, `ocean_proximity` as text, and the
target `median_house_value`.

Run: python examples/california.py --data FILE
"""

import argparse
import csv
import gzip
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import chainrule as cr

TARGET = "median_house_value"
CATEGORY = "ocean_proximity"


def load(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Features (NaN where a cell is empty; the text column as one column of 0 and 1 for each of its values) and target."""
    with path.open("rb") as probe:
        gzipped = probe.read(2) == b"\x1f\x8b"
    with gzip.open(path, "rt", newline="") if gzipped else path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {TARGET, CATEGORY} <= rows[0].keys():
        raise ValueError(f"{path}: expected columns {CATEGORY} and {TARGET}, got {', '.join(rows[0]) if rows else 'no rows'}")
    numeric = [name for name in rows[0] if name not in (TARGET, CATEGORY)]
    categories = sorted({row[CATEGORY] for row in rows})
    numbers = [[float(row[name] or "nan") for name in numeric] for row in rows]
    flags = [[float(row[CATEGORY] == value) for value in categories] for row in rows]
    return np.hstack([np.array(numbers), np.array(flags)]), np.array([[float(row[TARGET])] for row in rows])


def enrich(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithms of the counts and incomes, whose values spread over decades (columns 3 to 7 of the file)."""
    x = x.copy()
    x[:, 3:8] = np.log(x[:, 3:8])
    return x


def main(argv: Sequence[str] = ()) -> int:
    """Train, print the test R2, and return 0 when it reaches the claim."""
    parser = argparse.ArgumentParser(description="Predict house values.")
    parser.add_argument("--data", type=Path, required=True, help="the CSV file")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--claim", type=float, default=0.75, help="the test R2 to reach (default: %(default)s)")
    arguments = parser.parse_args(argv)
    features, target = load(arguments.data)
    features = enrich(features)

    order = np.random.default_rng(0).permutation(len(target))
    test, train = np.split(order, [len(order) // 5])

    # Everything that is learned about the columns comes from the training rows.
    missing = np.nanmedian(features[train], axis=0)
    features = np.where(np.isnan(features), missing, features)
    mean, std = features[train].mean(axis=0), features[train].std(axis=0)
    x = ((features - mean) / np.where(std > 0, std, 1.0)).astype(np.float32)
    y_mean, y_std = target[train].mean(), target[train].std()
    y = ((target - y_mean) / y_std).astype(np.float32)

    model = cr.Sequential([cr.Dense(64, "relu"), cr.Dense(64, "relu"), cr.Dense(1)], seed=arguments.seed)
    start = time.perf_counter()
    model.fit(
        x[train],
        y[train],
        epochs=arguments.epochs,
        batch_size=64,
        loss="huber",
        optimizer=cr.AdamW(lr=1e-3, weight_decay=1e-3),
        metrics=["mae"],
        validation_split=0.1,
    )
    seconds = time.perf_counter() - start

    predicted = model.predict(x[test]) * y_std + y_mean
    r2 = 1.0 - float(((target[test] - predicted) ** 2).sum() / ((target[test] - target[test].mean()) ** 2).sum())
    error = float(np.abs(target[test] - predicted).mean())
    print(f"test R2 {r2:.3f}, mean absolute error {error:,.0f} dollars, {len(train)} rows to train in {seconds:.1f} s")
    return 0 if r2 >= arguments.claim else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
