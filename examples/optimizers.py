"""Optimizers beside each other on the digits that come with the package, and what each may be given beside its rule.

SciPy's L-BFGS, and matplotlib's picture of a schedule, are left out where these are missing.

Run: python examples/optimizers.py --plot schedule.png
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import chainrule as cr
from chainrule.demo import load_digits, split_digits

BATCH = 100


def new_model() -> cr.Sequential:
    """Return the net with its initial parameters, the same for each optimizer."""
    return cr.Sequential([cr.Input(64, scale=1 / 16), cr.Dense(64, "relu", name="hidden"), cr.Dense(10)], seed=1)


def main(argv: Sequence[str] = ()) -> int:
    """Train with each, print the test accuracies, and return 0 when all but the frozen net reach 93 %."""
    parser = argparse.ArgumentParser(description="Read digits with each optimizer.")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--plot", type=Path, help="where to save the picture of the schedule")
    arguments = parser.parse_args(argv)
    training, _, test = split_digits(load_digits())
    x, y = training.images.reshape(len(training), -1), training.labels
    x_test = test.images.reshape(len(test), -1)
    steps = arguments.epochs * -(-len(x) // BATCH)

    up_and_down = cr.schedules.warmup(cr.schedules.cosine(0.02, steps=steps - steps // 10), steps=steps // 10, start=0.1)
    optimizers = [
        cr.SGD(0.2, momentum=0.9, nesterov=True),
        cr.Adam(0.01),
        cr.AdamW(up_and_down, weight_decay=0.05, clipnorm=1.0),
        cr.RMSprop(0.003, momentum=0.5),
        cr.Adagrad(0.05),
        cr.Lion(cr.schedules.one_cycle(0.01, steps=steps), weight_decay=0.1),
        cr.Adam(0.02, accumulate=2, ema=0.95),
        cr.LBFGS(max_iterations=40),
    ]
    worst = 1.0
    for optimizer in optimizers:
        model, start = new_model(), time.perf_counter()
        full_batch = isinstance(optimizer, cr.LBFGS)
        try:
            model.fit(
                x,
                y,
                epochs=100 if full_batch else arguments.epochs,
                batch_size=None if full_batch else BATCH,
                loss="cross_entropy",
                optimizer=optimizer,
                verbose=0,
            )
        except ImportError:
            print("L-BFGS needs SciPy: pip install scipy")
            continue
        seconds = time.perf_counter() - start
        accuracy = model.evaluate(x_test, test.labels, metrics=["accuracy"])["accuracy"]
        worst = min(worst, accuracy)
        line = f"{accuracy:.1%} in {1e3 * seconds:4.0f} ms"
        if optimizer.ema is not None:
            with model.use_ema():
                averaged = model.evaluate(x_test, test.labels, metrics=["accuracy"])["accuracy"]
            line += f" ({averaged:.1%} with averaged weights)"
        print(f"{line}  {optimizer}")

    model = new_model()
    model.layers[0].trainable = False
    model.fit(x, y, epochs=arguments.epochs, loss="cross_entropy", optimizer=cr.Adam(0.01), verbose=0)
    accuracy = model.evaluate(x_test, test.labels, metrics=["accuracy"])["accuracy"]
    print(f"{accuracy:.1%} with the hidden layer as it was drawn: only the last one is trained")

    if arguments.plot is not None:
        try:
            up_and_down.plot(arguments.plot)
            print(f"picture in {arguments.plot}")
        except ImportError:
            print("the picture needs matplotlib: pip install matplotlib")
    return 0 if worst > 0.93 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
