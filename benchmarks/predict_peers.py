"""Measures `predict` of one peer, in a process of its own: reads {"peer", "threads", "seconds", "widths", "activation", "rows"}."""

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .kernel_peers import time_of
from .peers import chainrule_peer
from .workloads import Workload, initial


def main(job: dict[str, Any]) -> None:
    workload = Workload("predict", tuple(job["widths"]), job["activation"], "mse", "sgd", 1, 1)
    x = np.random.default_rng(0).random((job["rows"], workload.widths[0]), dtype=np.float32)
    call = {"chainrule": _chainrule, "numpy": _numpy, "torch": _torch, "jax": _jax}[job["peer"]](workload, x, job["threads"])
    print(json.dumps(time_of(call, job["seconds"])))


def _chainrule(workload: Workload, x: Any, threads: int) -> Callable[[], Any]:
    import chainrule as cr

    cr.set_num_threads(threads)
    model = chainrule_peer.net(workload)
    model.fit(x[:1], np.zeros((1, workload.widths[-1]), np.float32), loss="mse", verbose=0)
    return lambda: model.predict(x)


def _numpy(workload: Workload, x: Any, threads: int) -> Callable[[], Any]:  # noqa: ARG001  # the parent sets the limits
    parameters = initial(workload)

    def predict() -> Any:
        h = x
        for layer, (kernel, bias) in enumerate(parameters):
            h = h @ kernel
            h += bias
            if layer + 1 < len(parameters):
                np.tanh(h, out=h) if workload.activation == "tanh" else np.maximum(h, 0, out=h)
        return h

    return predict


def _torch(workload: Workload, x: Any, threads: int) -> Callable[[], Any]:
    import torch

    torch.set_num_threads(threads)
    layers: list[torch.nn.Module] = []
    for a, b in zip(workload.widths, workload.widths[1:], strict=False):
        layers += [torch.nn.Linear(a, b), torch.nn.Tanh() if workload.activation == "tanh" else torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])

    def predict() -> Any:
        with torch.inference_mode():
            return model(torch.from_numpy(x)).numpy()

    return predict


def _jax(workload: Workload, x: Any, threads: int) -> Callable[[], Any]:  # noqa: ARG001  # the parent sets the affinity
    import jax

    activation = jax.numpy.tanh if workload.activation == "tanh" else jax.nn.relu
    parameters: Any = initial(workload)

    @jax.jit
    def forward(x: Any, parameters: Any) -> Any:
        for kernel, bias in parameters[:-1]:
            x = activation(x @ kernel + bias)
        return x @ parameters[-1][0] + parameters[-1][1]

    parameters = jax.device_put(parameters)
    return lambda: np.asarray(forward(x, parameters))


if __name__ == "__main__":
    main(json.load(sys.stdin))
