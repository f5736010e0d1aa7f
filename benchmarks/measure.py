"""Measures one peer on one workload, in a process of its own: python -m benchmarks.measure PEER WORKLOAD THREADS SECONDS.

Prints a line of JSON: "us_per_step" (the fastest of several stretches would flatter noise, so their median), "loss", "steps".
"""

import json
import math
import os
import statistics
import sys
import time


def limit_cpus(threads: int) -> None:
    """Bind the process to as many CPUs as it may use threads: the one limit that every library obeys."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)


def main(peer: str, name: str, threads: int, seconds: float) -> None:
    # Before any of the libraries is loaded: they read the limits when they start.
    limit_cpus(threads)
    from benchmarks.peers import make
    from benchmarks.workloads import WORKLOADS, make_data

    workload = WORKLOADS[name]
    train = make(peer, workload, make_data(workload), threads)
    # Warm up: compile, allocate, spin up the threads; then find out how many epochs make a tenth of the time.
    train(2)
    epochs, elapsed = 1, 0.0
    while elapsed < seconds / 20:
        start = time.perf_counter()
        train(epochs)
        elapsed = time.perf_counter() - start
        if elapsed < seconds / 20:
            epochs = max(epochs + 1, min(epochs * 10, math.ceil(epochs * seconds / 10 / max(elapsed, 1e-9))))
    stretches: list[float] = []
    loss = math.nan
    deadline = time.perf_counter() + seconds
    while len(stretches) < 3 or time.perf_counter() < deadline:
        start = time.perf_counter()
        loss = train(epochs)
        stretches.append((time.perf_counter() - start) / (epochs * workload.steps) * 1e6)
    print(
        json.dumps({"us_per_step": statistics.median(stretches), "loss": loss, "steps": epochs * workload.steps * len(stretches)})
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
