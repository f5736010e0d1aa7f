"""What can watch a training and steer it: logs, a rate that falls, an early end, a callback of one's own, TensorBoard, Optuna.

The net learns the digits that come with the package. TensorBoard's events need tensorboardX, the search for a learning rate optuna, the
picture matplotlib; without them the rest runs.

Run: python examples/callbacks.py --folder /tmp/digits
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import chainrule as cr
from chainrule.demo import load_digits, split_digits

EPOCHS = 60


class Gap(cr.Callback):
    """Notes by how much the validation loss exceeds the training's. The methods that may be written are Keras'."""

    def __init__(self) -> None:
        self.gaps: list[float] = []

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Take note of both losses, which the logs have by name."""
        if logs is not None:
            self.gaps.append(logs["val_loss"] - logs["loss"])


class Digits:
    """Pictures to train on and to validate with."""

    def __init__(self) -> None:
        training, validation, _ = split_digits(load_digits())
        self.x, self.y = training.images.reshape(len(training), -1), training.labels
        self.held_out = validation.images.reshape(len(validation), -1), validation.labels

    def fit(self, lr: float, callbacks: Sequence[cr.Callback]) -> cr.History:
        """Train a net, with whatever watches it."""
        model = cr.Sequential([cr.Input(64, scale=1 / 16), cr.Dense(64, "relu"), cr.Dense(10)])
        return model.fit(
            self.x,
            self.y,
            epochs=EPOCHS,
            batch_size=100,
            loss="cross_entropy",
            optimizer=cr.Adam(lr),
            metrics=["accuracy"],
            validation_data=self.held_out,
            callbacks=callbacks,
            verbose=0,
        )


def without(package: str, part: Callable[[], Any]) -> None:
    """Do a part, or say which package it needs."""
    try:
        part()
    except ImportError:
        print(f"left out: needs {package}")


def watched(digits: Digits, folder: Path) -> float:
    """Train with all that watch; return the best validation accuracy."""
    gap = Gap()
    callbacks: list[cr.Callback] = [
        cr.CSVLogger(folder / "log.csv"),
        cr.ReduceLROnPlateau("val_loss", factor=0.3, patience=3),
        cr.EarlyStopping("val_loss", patience=8, restore_best_weights=True),
        cr.LambdaCallback(on_train_end=lambda _: print("trained")),
        gap,
    ]
    without("tensorboardX", lambda: callbacks.append(cr.TensorBoard(folder / "events")))
    history = digits.fit(0.01, callbacks)
    best = history.best_epoch
    assert best is not None
    print(f"{len(history)} of {EPOCHS} epochs, the best is {best + 1}; there validation exceeds training by {gap.gaps[best]:.3f}")
    print(f"{len((folder / 'log.csv').read_text().splitlines()) - 1} lines in {folder / 'log.csv'}")
    without("matplotlib", lambda: history.plot(folder / "history.png"))
    return max(history.history["val_accuracy"])


def searched(digits: Digits) -> None:
    """Let Optuna look for a learning rate, which ends trials early that promise nothing."""
    import optuna

    def objective(trial: Any) -> float:
        history = digits.fit(trial.suggest_float("lr", 1e-5, 1.0, log=True), [cr.OptunaPruning(trial)])
        return min(history.history["val_loss"])

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0), pruner=optuna.pruners.MedianPruner(n_startup_trials=3))
    study.optimize(objective, n_trials=10)
    pruned = sum(trial.state == optuna.trial.TrialState.PRUNED for trial in study.trials)
    print(f"optuna: {pruned} of {len(study.trials)} trials ended early, the best rate is {study.best_params['lr']:.2g}")


def main(argv: Sequence[str] = ()) -> int:
    """Run both parts and return 0 when the net reads at least 93 % of the validation digits."""
    parser = argparse.ArgumentParser(description="Watch a training.")
    parser.add_argument("--folder", type=Path, help="where to write log, events and picture (default: one that is removed)")
    arguments = parser.parse_args(argv)
    digits = Digits()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        accuracy = watched(digits, folder)
        print(f"best validation accuracy {accuracy:.1%}")
    without("optuna", lambda: searched(digits))
    return 0 if accuracy > 0.93 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
