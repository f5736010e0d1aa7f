"""Trains many models one way, in a process of its own: reads a job from standard input (see benchmarks.process).

Prints a line of JSON: "us_per_step" (the median of several trainings), "epochs" of each, and "bits", a hash of all parameters after
one epoch.
"""

import hashlib
import json
import math
import statistics
import sys
import time
from typing import Any

import chainrule as cr

from .peers import chainrule_peer
from .workloads import Workload, make_data

MANY, ALL, ONE = WAYS = ("fit_many", "one after another", "one after another, one thread")
TRAININGS = 5


def main(job: dict[str, Any]) -> None:
    net = Workload.from_json(job["workload"])
    data = make_data(net)
    kind = cr.SGD if net.optimizer == "sgd" else cr.Adam
    options: dict[str, Any] = {"batch_size": net.batch, "loss": net.loss, "verbose": 0}

    def train(epochs: int) -> tuple[float, list[cr.Sequential]]:
        models = [chainrule_peer.net(net, seed).build(net.widths[0]) for seed in range(job["models"])]
        start = time.perf_counter()
        if job["way"] == MANY:
            cr.fit_many(models, data.x, data.y, epochs=epochs, optimizer=kind(net.lr), **options)
        else:
            for model in models:
                model.fit(data.x, data.y, epochs=epochs, optimizer=kind(net.lr), **options)
        return time.perf_counter() - start, models

    if job["way"] == ONE:
        cr.set_num_threads(1)
    bits = hashlib.sha256(b"".join(value.tobytes() for model in train(1)[1] for value in model.parameters().values()))
    each = job["seconds"] / TRAININGS
    epochs, elapsed = 1, train(1)[0]
    while elapsed < each / 2:
        epochs = max(epochs + 1, min(epochs * 10, math.ceil(epochs * each / max(elapsed, 1e-9))))
        elapsed = train(epochs)[0]
    median = statistics.median([elapsed, *(train(epochs)[0] for _ in range(TRAININGS - 1))])
    us = median / (job["models"] * epochs * net.steps) * 1e6
    print(json.dumps({"us_per_step": us, "epochs": epochs, "bits": bits.hexdigest()[:16]}))


if __name__ == "__main__":
    main(json.load(sys.stdin))
