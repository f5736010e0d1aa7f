"""chainrule itself, through `fit`."""

import re

import chainrule as cr

from ..workloads import Data, Workload


def net(workload: Workload, seed: int = 0) -> cr.Sequential:
    *hidden, outputs = workload.widths[1:]
    activation = None if workload.activation == "linear" else workload.activation
    return cr.Sequential([*(cr.Dense(width, activation) for width in hidden), cr.Dense(outputs)], seed=seed)


class Train:
    def __init__(self, workload: Workload, data: Data) -> None:
        self.model = net(workload)
        self.workload, self.data = workload, data
        self.optimizer = cr.SGD(workload.lr) if workload.optimizer == "sgd" else cr.Adam(workload.lr)

    def __call__(self, epochs: int) -> float:
        history = self.model.fit(
            self.data.x,
            self.data.y,
            epochs=epochs,
            batch_size=self.workload.batch,
            loss=self.workload.loss,
            optimizer=self.optimizer,
            verbose=0,
        )
        return history.history["loss"][-1]

    def threads_used(self) -> int | None:
        """Return how many threads a step used at last: what the plan chose, or fewer where the run found them faster."""
        plan = self.model.explain_plan()
        found = re.search(r"measured by the last fit: (\d+)", plan) or re.search(r"threads: (\d+) of at most", plan)
        return int(found[1]) if found else None


def make(workload: Workload, data: Data, threads: int, fixed: bool = False) -> Train:
    """With `fixed`, a step uses just so many threads, whatever the plan or the run would choose."""
    cr.set_num_threads(threads)
    if fixed:
        cr._core.override_threads(threads)
    return Train(workload, data)
