"""A table of flats for tests, with something of everything in it."""

from __future__ import annotations

from typing import Any

import numpy as np

ROWS = 400


def made_up(rows: int = ROWS, seed: int = 0) -> dict[str, list[Any]]:
    """Numbers with gaps, a boolean, dates, words, an identifier, a constant, and targets that follow from them."""
    random = np.random.default_rng(seed)
    size = random.uniform(20, 200, rows)
    town = random.choice(["Bonn", "Ulm", "Kiel"], rows)
    days = random.integers(0, 3000, rows)
    rent = size * np.where(town == "Ulm", 14.0, 9.0) + random.normal(0, 30, rows)
    return {
        "id": list(range(rows)),
        "size": [None if i % 10 == 0 else float(value) for i, value in enumerate(size)],
        "town": [None if i % 25 == 0 else str(value) for i, value in enumerate(town)],
        "lift": [bool(value) for value in random.integers(0, 2, rows)],
        "since": [str(np.datetime64("2015-01-01") + int(day)) for day in days],
        "country": ["DE"] * rows,
        "rent": rent.tolist(),
        "class": np.where(rent > 1400, "dear", np.where(rent > 700, "usual", "cheap")).tolist(),
    }
