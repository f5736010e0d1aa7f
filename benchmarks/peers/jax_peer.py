"""JAX: one jitted scan over the batches of an epoch, with the parameters donated. Threads follow the process's CPU affinity."""

from typing import Any

import jax
import jax.numpy as jnp

from ..workloads import Data, Workload, initial
from . import Train


def make(workload: Workload, data: Data, threads: int) -> Train:  # noqa: ARG001  # the runner sets the affinity
    activation = {"linear": lambda z: z, "relu": jax.nn.relu, "tanh": jnp.tanh}[workload.activation]
    x_all, y_all = jnp.asarray(data.x), jnp.asarray(data.y)
    parameters: Any = [(jnp.asarray(kernel), jnp.asarray(bias)) for kernel, bias in initial(workload)]
    zeros = jax.tree.map(jnp.zeros_like, parameters)
    state: Any = (parameters, zeros, jax.tree.map(jnp.copy, zeros), jnp.zeros((), jnp.int32))

    def loss_of(parameters: Any, x: Any, y: Any) -> Any:
        for kernel, bias in parameters[:-1]:
            x = activation(x @ kernel + bias)
        x = x @ parameters[-1][0] + parameters[-1][1]
        if workload.loss == "mse":
            return jnp.mean((x - y) ** 2)
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], axis=1))

    def step(state: Any, rows: Any) -> Any:
        parameters, m, v, t = state
        loss, gradients = jax.value_and_grad(loss_of)(parameters, x_all[rows], y_all[rows])
        t = t + 1
        if workload.optimizer == "sgd":
            return (jax.tree.map(lambda p, g: p - workload.lr * g, parameters, gradients), m, v, t), loss
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradients)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradients)
        first, second = 1 - 0.9**t, 1 - 0.999**t
        update = jax.tree.map(lambda p, m, v: p - workload.lr * (m / first) / (jnp.sqrt(v / second) + 1e-8), parameters, m, v)
        return (update, m, v, t), loss

    @jax.jit
    def epoch(state: Any, key: Any) -> Any:
        order = jax.random.permutation(key, workload.rows).reshape(workload.steps, workload.batch)
        return jax.lax.scan(step, state, order)

    key = jax.random.key(0)

    def train(epochs: int) -> float:
        nonlocal state, key
        losses = jnp.zeros(1)
        for _ in range(epochs):
            key, used = jax.random.split(key)
            state, losses = epoch(state, used)
        return float(losses[-1])

    return train
