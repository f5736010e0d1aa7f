"""A fit that is watched: stopped early, slowed down on plateaus, written down, drawn, and searched for by Optuna.

TensorBoard, MLflow, Optuna and the picture are left out where their packages are missing.

Run: python examples/callbacks.py --folder watched
"""

import argparse
import importlib.util
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import chainrule as cr

Rows = tuple[NDArray[np.float64], NDArray[np.float64]]


class Norms(cr.Callback):
    """A callback of one's own: the norm of each kernel after every epoch."""

    def __init__(self) -> None:
        self.found: list[list[float]] = []

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Take the norms."""
        kernels = (value for name, value in self.model.parameters().items() if name.endswith("kernel"))
        self.found.append([round(float(np.linalg.norm(kernel)), 2) for kernel in kernels])


def data(rows: int, seed: int) -> Rows:
    """Return points and a noisy surface over them: few enough points that a net can learn the noise by heart."""
    random = np.random.default_rng(seed)
    x = random.uniform(-1, 1, (rows, 2))
    return x, np.sin(4 * x[:, 0]) * x[:, 1] + 0.15 * random.normal(size=rows)


def net() -> cr.Sequential:
    """Return a net that has not been trained."""
    return cr.Sequential([cr.Dense(64, "gelu"), cr.Dense(64, "gelu"), cr.Dense(1)], seed=1)


def trackers(folder: Path) -> list[cr.Callback]:
    """Return callbacks for the trackers that are installed."""
    found: list[cr.Callback] = []
    if importlib.util.find_spec("tensorboardX"):
        found.append(cr.TensorBoard(folder / "board"))  # tensorboard --logdir board
    if importlib.util.find_spec("mlflow"):
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # files in a folder, in place of a database
        import mlflow

        mlflow.set_tracking_uri((folder / "runs").absolute().as_uri())
        found.append(cr.MLflow(every=10))
    return found


def search(training: Rows, held_out: Rows) -> None:
    """Let Optuna look for a learning rate, and give up trials that are worse than the others were at the same epoch."""
    import optuna

    def objective(trial: optuna.Trial) -> float:
        history = net().fit(
            *training,
            epochs=60,
            loss="mse",
            optimizer=cr.Adam(trial.suggest_float("lr", 1e-5, 1e-1, log=True)),
            validation_data=held_out,
            callbacks=[cr.OptunaPruning(trial)],
            verbose=0,
        )
        return min(history.history["val_loss"])

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), pruner=optuna.pruners.MedianPruner(4))
    study.optimize(objective, n_trials=12)
    pruned = sum(trial.state == optuna.trial.TrialState.PRUNED for trial in study.trials)
    print(f"Optuna: lr {study.best_params['lr']:.1e}, val_loss {study.best_value:.4f}; {pruned} of 12 trials given up early")


def main(arguments: Sequence[str] = ()) -> int:
    """Train under watch and return 0 when the fit was stopped early, at the parameters of its best epoch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where files go; without it to a folder that is deleted")
    folder = parser.parse_args(arguments).folder
    training, held_out = data(300, 0), data(1000, 1)
    with tempfile.TemporaryDirectory() as temporary:
        place = folder or Path(temporary)
        place.mkdir(parents=True, exist_ok=True)
        norms = Norms()
        model = net()
        history = model.fit(
            *training,
            epochs=2000,
            loss="mse",
            optimizer=cr.Adam(0.005),
            metrics=["mae", "r2"],
            validation_data=held_out,
            callbacks=[
                cr.ReduceLROnPlateau(factor=0.5, patience=15),
                cr.EarlyStopping(patience=50, restore_best_weights=True),
                cr.CSVLogger(place / "log.csv"),
                cr.Checkpoint(place / "best.safetensors", save_best_only=True),
                norms,
                *trackers(place),
            ],
            verbose=0,
        )
        best = history.best_epoch
        assert best is not None
        found = model.evaluate(*held_out)["loss"]
        print(f"stopped after {len(history)} of 2000 epochs; the best was epoch {best + 1}: val_loss {found:.4f}")
        print(f"norms of the kernels: {norms.found[0]} after the first epoch, {norms.found[-1]} after the last")
        kept = cr.load(place / "best.safetensors").evaluate(*held_out)["loss"]
        try:
            history.plot(place / "history.png")
        except ImportError:
            print("the picture needs matplotlib: pip install matplotlib")
        if importlib.util.find_spec("optuna"):
            search(training, held_out)
        print("written:", ", ".join(sorted(entry.name for entry in place.iterdir())))
    return 0 if len(history) < 2000 and found == kept == min(history.history["val_loss"]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
