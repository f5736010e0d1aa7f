"""chainrule itself, through `fit`."""

import chainrule as cr
from benchmarks.peers import Train
from benchmarks.workloads import Data, Workload


def make(workload: Workload, data: Data, threads: int) -> Train:
    cr.set_num_threads(threads)
    *hidden, outputs = workload.widths[1:]
    activation = None if workload.activation == "linear" else workload.activation
    model = cr.Sequential([*(cr.Dense(width, activation) for width in hidden), cr.Dense(outputs)])
    optimizer = cr.SGD(workload.lr) if workload.optimizer == "sgd" else cr.Adam(workload.lr)

    def train(epochs: int) -> float:
        history = model.fit(
            data.x, data.y, epochs=epochs, batch_size=workload.batch, loss=workload.loss, optimizer=optimizer, verbose=0
        )
        return history.history["loss"][-1]

    return train
