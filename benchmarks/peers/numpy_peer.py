"""What one writes by hand in NumPy: the products through its BLAS, everything else in place where NumPy can."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..workloads import Data, Workload, initial
from . import Train

Array = NDArray[np.float32]


def make(workload: Workload, data: Data, threads: int) -> Train:
    from threadpoolctl import threadpool_limits

    threadpool_limits(threads)
    net = _Net(workload)
    random = np.random.default_rng(2)

    def train(epochs: int) -> float:
        loss = 0.0
        for _ in range(epochs):
            order = random.permutation(workload.rows)
            for start in range(0, workload.rows, workload.batch):
                batch = order[start : start + workload.batch]
                loss = net.step(data.x[batch], data.y[batch])
        return loss

    return train


class _Net:
    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.parameters = [array for pair in initial(workload) for array in pair]
        self.moments = [(np.zeros_like(array), np.zeros_like(array)) for array in self.parameters]
        self.steps = 0

    def step(self, x: Array, y: NDArray[Any]) -> float:
        values = [x]
        layers = len(self.parameters) // 2
        for layer in range(layers):
            z = values[-1] @ self.parameters[2 * layer]
            z += self.parameters[2 * layer + 1]
            if layer < layers - 1 and self.workload.activation == "tanh":
                np.tanh(z, out=z)
            elif layer < layers - 1 and self.workload.activation == "relu":
                np.maximum(z, 0, out=z)
            values.append(z)
        loss, delta = self._loss(values[-1], y)
        gradients: list[Array] = []
        for layer in reversed(range(layers)):
            gradients[:0] = [values[layer].T @ delta, delta.sum(axis=0)]
            if layer > 0:
                delta = delta @ self.parameters[2 * layer].T
                if self.workload.activation == "tanh":
                    delta *= 1 - values[layer] ** 2
                elif self.workload.activation == "relu":
                    delta *= values[layer] > 0
        self._update(gradients)
        return loss

    def _loss(self, output: Array, y: NDArray[Any]) -> tuple[float, Array]:
        if self.workload.loss == "mse":
            difference = output - y
            return float(np.mean(difference**2)), difference * np.float32(2 / difference.size)
        rows = np.arange(len(y))
        exps = np.exp(output - output.max(axis=1, keepdims=True))
        exps /= exps.sum(axis=1, keepdims=True)
        loss = -float(np.log(exps[rows, y]).mean())
        exps[rows, y] -= 1
        exps /= len(y)
        return loss, exps

    def _update(self, gradients: list[Array]) -> None:
        lr = np.float32(self.workload.lr)
        self.steps += 1
        if self.workload.optimizer == "sgd":
            for parameter, gradient in zip(self.parameters, gradients, strict=True):
                gradient *= lr
                parameter -= gradient
            return
        first_scale = np.float32(self.workload.lr / (1 - 0.9**self.steps))
        second_scale = np.float32(1 / np.sqrt(1 - 0.999**self.steps))
        for parameter, gradient, (m, v) in zip(self.parameters, gradients, self.moments, strict=True):
            m *= np.float32(0.9)
            m += np.float32(0.1) * gradient
            v *= np.float32(0.999)
            gradient *= gradient
            gradient *= np.float32(0.001)
            v += gradient
            parameter -= first_scale * m / (np.sqrt(v) * second_scale + np.float32(1e-8))
