"""Levenberg-Marquardt beside Adam and L-BFGS: a 1-20-1 net fits a sine without noise (MATH F5).

L-BFGS is SciPy's and the picture matplotlib's; without them the rest runs.

Run: python examples/levenberg_marquardt.py --plot mse.png
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import chainrule as cr

Floats = NDArray[np.float64]


def new_model(seed: int) -> cr.Sequential:
    """Return the net with its initial parameters, the same for each method."""
    return cr.Sequential([cr.Input(1), cr.Dense(20, "tanh"), cr.Dense(1)], seed=seed, dtype="float64")


def fit(x: Floats, y: Floats, iterations: int, seed: int, optimizer: cr.Optimizer) -> list[float]:
    """Return the mse before each step on all rows, and after the last."""
    model = new_model(seed)
    history = model.fit(x, y, epochs=iterations, batch_size=len(x), loss="mse", optimizer=optimizer, verbose=0)
    return [*history.history["loss"], model.evaluate(x, y)["loss"]]


def fit_lbfgs(x: Floats, y: Floats, iterations: int, seed: int) -> list[float]:
    """Return the same of L-BFGS; nothing where SciPy is missing."""
    try:
        return fit(x, y, iterations, seed, cr.LBFGS(tolerance=0.0))
    except ImportError:
        print("L-BFGS needs SciPy: pip install scipy")
        return []


def plot(curves: dict[str, list[float]], path: Path) -> None:
    """Draw mse against iterations."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("the picture needs matplotlib: pip install matplotlib")
        return
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    for name, curve in curves.items():
        axes.semilogy(curve, label=name)
    axes.set_xlabel("iteration")
    axes.set_ylabel("mse")
    axes.legend(loc="center right")
    figure.savefig(path)
    print(f"picture in {path}")


def main(argv: Sequence[str] = ()) -> int:
    """Fit three times, print the errors, and return 0 when Levenberg-Marquardt reaches 1e-8."""
    parser = argparse.ArgumentParser(description="Fit a sine with Levenberg-Marquardt, Adam and L-BFGS.")
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, help="where to save the picture of mse against iterations")
    arguments = parser.parse_args(argv)
    x = np.linspace(-np.pi, np.pi, 100)[:, None]
    y = np.sin(x)

    fits: dict[str, Callable[[], list[float]]] = {
        "Levenberg-Marquardt": lambda: fit(x, y, arguments.iterations, arguments.seed, cr.LevenbergMarquardt()),
        "Adam": lambda: fit(x, y, arguments.iterations, arguments.seed, cr.Adam(lr=1e-2)),
        "L-BFGS": lambda: fit_lbfgs(x, y, arguments.iterations, arguments.seed),
    }
    curves = {}
    for name, run in fits.items():
        start = time.perf_counter()
        curve = run()
        if curve:
            curves[name] = curve
            print(
                f"{name:20} mse {curve[-1]:.1e} after {len(curve) - 1} iterations in {(time.perf_counter() - start) * 1e3:.0f} ms"
            )
    if arguments.plot is not None:
        plot(curves, arguments.plot)
    return 0 if min(curves["Levenberg-Marquardt"]) < 1e-8 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
