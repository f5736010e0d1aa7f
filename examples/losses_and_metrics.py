"""Losses and metrics beyond the mean square: quantiles, counts, margins; AUC, R2, a metric of one's own, and an l1 penalty.

Each part trains a net in about a second on made-up data whose right answer is known, and checks that it was found.

Run: python examples/losses_and_metrics.py
"""

import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import chainrule as cr

Floats = NDArray[np.float64]


def coverage(y_true: Floats, y_pred: Floats) -> float:
    """Return the share of targets below the prediction: what a quantile promises. Any such function is a metric."""
    return float((y_true < y_pred).mean())


def quantiles(random: np.random.Generator) -> bool:
    """Let three nets learn, from noise that grows with x, which value 10, 50 and 90 % of the targets stay below."""
    x = random.uniform(0, 1, size=(2000, 1))
    y = np.sin(6 * x) + (0.1 + x) * random.normal(size=(2000, 1))
    good = True
    for q in (0.1, 0.5, 0.9):
        model = cr.Sequential([cr.Dense(32, "tanh"), cr.Dense(1)])
        model.fit(x, y, epochs=100, loss=cr.losses.Quantile(q), optimizer=cr.Adam(0.003), verbose=0)
        found = model.evaluate(x, y, metrics=coverage)["coverage"]
        print(f"quantile {q}: {found:.1%} of the targets are below the prediction")
        good = good and abs(found - q) < 0.04
    return good


def counts(random: np.random.Generator) -> bool:
    """Learn the logarithm of a rate that depends on x from counts."""
    x = random.uniform(-1, 1, size=(2000, 2))
    rate = np.exp(1 + x[:, :1] - x[:, 1:] ** 2)
    model = cr.Sequential([cr.Dense(32, "tanh"), cr.Dense(1)])
    model.fit(x, random.poisson(rate), epochs=60, loss="poisson", optimizer=cr.Adam(0.003), verbose=0)
    error = float(np.abs(np.exp(model.predict(x)) / rate - 1).mean())
    print(f"poisson: the rate is {error:.1%} off on average")
    return error < 0.1


def margin(random: np.random.Generator) -> bool:
    """Tell two classes apart by two of twenty features: a linear classifier with the hinge loss, and l1 to find which."""
    x = random.normal(size=(1000, 20))
    y = (x[:, 0] - x[:, 1] + 0.3 * random.normal(size=1000) > 0).astype(np.int64)
    model = cr.Sequential([cr.Dense(1, l1=0.03)])
    history = model.fit(
        x,
        y,
        epochs=200,
        loss="hinge",
        optimizer=cr.SGD(0.005),
        metrics=["accuracy", "auc", "f1"],
        validation_split=0.2,
        callbacks=cr.EarlyStopping("val_auc", patience=100),  # more of it is better
        verbose=0,
    )
    last = history.last()
    kernel = model.parameters()["0.kernel"].ravel()
    used = np.flatnonzero(np.abs(kernel) > 0.05).tolist()
    print(
        f"hinge: accuracy {last['val_accuracy']:.3f}, AUC {last['val_auc']:.3f}, F1 {last['val_f1']:.3f}; features in use: {used}"
    )
    return last["val_auc"] > 0.97 and used == [0, 1]


def robust(random: np.random.Generator) -> bool:
    """Fit a sine with one target in twenty wrong by far: log cosh is not led astray as the square is."""
    x = random.uniform(-2, 2, size=(1000, 1))
    clean = np.sin(2 * x)
    y = clean + np.where(random.random((1000, 1)) < 0.05, 20.0, 0.0)
    scores = {}
    for loss in ("mse", "log_cosh"):
        model = cr.Sequential([cr.Dense(32, "tanh", kernel_init="orthogonal"), cr.Dense(1)])
        model.fit(x, y, epochs=60, loss=loss, optimizer=cr.Adam(0.01), verbose=0)
        scores[loss] = model.evaluate(x, clean, metrics="r2")["r2"]
        print(f"{loss}: R2 {scores[loss]:.3f} on targets without the errors")
    return scores["log_cosh"] > 0.95 > scores["mse"]


def main(argv: Sequence[str] = ()) -> int:
    """Run all parts and return 0 when each found what it should."""
    random = np.random.default_rng(0)
    found = [part(random) for part in (quantiles, counts, margin, robust)]
    return 0 if all(found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
