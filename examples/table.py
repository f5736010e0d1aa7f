"""A table from start to end: a CSV file with gaps, words and dates is made, learned, saved, and predicted from.

The same on the command line: chainrule train flats.csv --target rent, then chainrule predict flats-model new.csv.

Run: python examples/table.py [--folder FOLDER]
"""

import argparse
import csv
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from chainrule.tabular import load, train_table
from chainrule.tabular.report import summary, write_report


def make_table(path: Path, rows: int = 3000) -> None:
    """Write flats whose rent depends on size, town, lift and the date of the contract, with cells missing here and there."""
    random = np.random.default_rng(0)
    per_metre = {"Bonn": 11.0, "Kiel": 9.0, "Munich": 19.0, "Ulm": 12.0}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["flat_id", "size", "town", "lift", "since", "rent"])
        for i in range(rows):
            size, day = random.uniform(20, 160), int(random.integers(0, 3650))
            town, lift = str(random.choice(list(per_metre))), bool(random.integers(0, 2))
            rent = size * per_metre[town] * 1.03 ** (day / 365) + 60 * lift + random.normal(0, 50)
            cells = [i, f"{size:.0f}", town, "yes" if lift else "no", np.datetime64("2014-01-01") + day, f"{rent:.0f}"]
            if random.random() < 0.05:
                cells[int(random.integers(1, 5))] = ""
            writer.writerow(cells)


def main(argv: Sequence[str] = ()) -> int:
    """Train, report, predict three flats, and return 0 when the test R2 reaches the claim."""
    parser = argparse.ArgumentParser(description="Predict rents.")
    parser.add_argument("--folder", type=Path, help="where the table, the model and the report go (default: one that is removed)")
    parser.add_argument("--claim", type=float, default=0.93, help="the test R2 to reach (default: %(default)s)")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        make_table(folder / "flats.csv")
        trained = train_table(folder / "flats.csv", "rent")
        print(summary(trained))
        trained.save(folder / "flats-model")
        write_report(trained, folder / "flats-model")

        new = {
            "town": ["Munich", "Kiel", "Paris"],  # nobody has seen Paris
            "size": [80, 80, None],
            "lift": [True, False, True],
            "since": ["2023-12-01", "2014-02-01", "2020-01-01"],
        }
        print("\npredicted:", load(folder / "flats-model").predict(new).round().tolist())
    return 0 if trained.metrics["r2"] >= arguments.claim else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
