"""Three trainings that are slower than they need be, what a profile says of each, and what helps. docs/profiling.md reads these tables.

Run: python examples/profiling.py
"""

import argparse
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

import chainrule as cr

RNG = np.random.default_rng(0)


def profiled(title: str, train: Callable[[], object], rows: int) -> float:
    """Print the profile of a training; return the rows that it takes in a second."""
    train()  # the first fit makes the plan
    with cr.profile(trace_steps=0) as prof:
        train()
    rate = rows / prof.seconds
    print(f"## {title}: {rate:,.0f} rows a second\n\n{prof.table()}\n")
    return rate


def too_small_batches(rows: int) -> None:
    """Train in batches of 4: each step reads and writes all parameters for four rows."""
    x = RNG.normal(size=(rows, 64)).astype(np.float32)
    y = RNG.integers(0, 10, rows)
    for batch_size in (4, 128):
        model = cr.Sequential([cr.Dense(128, "relu"), cr.Dense(128, "relu"), cr.Dense(10)])
        train = partial(model.fit, x, y, batch_size=batch_size, loss="cross_entropy", optimizer=cr.Adam(), verbose=0)
        profiled(f"batches of {batch_size}", train, rows)


def memory_bound_optimizer(rows: int, width: int) -> None:
    """Train wide layers: Adam's state and the parameters do not fit into the caches, and pass through them at every step."""
    x = RNG.normal(size=(rows, width)).astype(np.float32)
    y = RNG.integers(0, 10, rows)
    kinds: list[tuple[str, int, Callable[[], cr.Optimizer]]] = [("Adam", 32, cr.Adam), ("SGD", 32, cr.SGD), ("Adam", 256, cr.Adam)]
    for name, batch_size, make in kinds:
        model = cr.Sequential([cr.Dense(width, "relu"), cr.Dense(width, "relu"), cr.Dense(10)])
        train = partial(model.fit, x, y, batch_size=batch_size, loss="cross_entropy", optimizer=make(), verbose=0)
        profiled(f"{name}, batches of {batch_size}", train, rows)


def too_many_threads(rows: int, seconds: float) -> None:
    """Train on all CPUs beside something else that computes: members of the team wait for the one that has lost its CPU."""
    x = RNG.normal(size=(rows, 64)).astype(np.float32)
    y = RNG.integers(0, 10, rows)
    stop = threading.Event()

    def other_work() -> None:
        a = RNG.normal(size=(1500, 1500))
        while not stop.is_set():
            a @ a

    other = threading.Thread(target=other_work)
    other.start()
    try:
        for threads in (0, 1):
            cr.set_num_threads(threads)
            model = cr.Sequential([cr.Dense(256, "relu"), cr.Dense(256, "relu"), cr.Dense(10)])
            with cr.profile(trace_steps=0) as prof:
                steps, began = 0, time.perf_counter()
                while time.perf_counter() - began < seconds:
                    model.train_on_batch(x, y, loss="cross_entropy")
                    steps += 1
            title = f"at most {threads} thread" if threads else "all CPUs"
            print(
                f"## {title}, beside other work: {steps * rows / prof.seconds:,.0f} rows a second\n\n{prof.table(group='thread')}\n"
            )
            print(prof.table(), end="\n\n")
    finally:
        stop.set()
        other.join()
        cr.set_num_threads(0)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the three, and print their profiles."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, for a look at the script itself")
    quick = parser.parse_args(argv).quick
    too_small_batches(1000 if quick else 20_000)
    memory_bound_optimizer(500 if quick else 4096, 128 if quick else 1024)
    too_many_threads(256, 0.2 if quick else 3.0)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
