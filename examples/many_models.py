"""Many small models side by side: five folds of a table, each with three widths, trained together, each as its own `fit` would.

The best width is the one whose held-out error, the mean over the folds, is least; the same fits one after another are timed beside.

Run: python examples/many_models.py
"""

import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

import chainrule as cr

WIDTHS = (2, 8, 32)
FOLDS = 5


def net(width: int) -> cr.Sequential:
    """Return a net that has not been trained."""
    return cr.Sequential([cr.Input(3), cr.Dense(width, "tanh"), cr.Dense(1)], seed=width)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train 15 models together and one after another; print the held-out error of each width."""
    del arguments
    random = np.random.default_rng(0)
    x = random.uniform(-1, 1, (600, 3))
    y = np.sin(3 * x[:, 0]) * x[:, 1] + x[:, 2] ** 2 + 0.05 * random.normal(size=600)
    fold = random.permutation(600) % FOLDS
    settings: list[dict[str, Any]] = [
        {"x": x[fold != held_out], "y": y[fold != held_out], "validation_data": (x[fold == held_out], y[fold == held_out])}
        for _ in WIDTHS
        for held_out in range(FOLDS)
    ]
    common: dict[str, Any] = {"epochs": 150, "loss": "mse", "optimizer": cr.Adam(0.01), "verbose": 0}

    models = [net(width) for width in WIDTHS for _ in range(FOLDS)]
    start = time.perf_counter()
    histories = cr.fit_many(models, settings=settings, **common)
    together = time.perf_counter() - start

    alone = [net(width) for width in WIDTHS for _ in range(FOLDS)]
    start = time.perf_counter()
    for model, own in zip(alone, settings, strict=True):
        model.fit(**own, **{**common, "optimizer": cr.Adam(0.01)})
    one_by_one = time.perf_counter() - start

    errors = np.array([history.history["val_loss"][-1] for history in histories]).reshape(len(WIDTHS), FOLDS).mean(axis=1)
    for width, error in zip(WIDTHS, errors, strict=True):
        print(f"{width:3} units: held-out mse {error:.4f}")
    same = all(
        np.array_equal(one, other)
        for model, copy in zip(models, alone, strict=True)
        for one, other in zip(model.parameters().values(), copy.parameters().values(), strict=True)
    )
    print(f"together {together:.2f} s, one after another {one_by_one:.2f} s; the same bits: {same}")
    return 0 if same and errors[-1] < errors[0] else 1


if __name__ == "__main__":
    sys.exit(main())
