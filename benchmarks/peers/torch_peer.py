"""PyTorch, eager: the loop of its tutorials over tensors that are already in memory (no DataLoader, which would be slower)."""

from collections.abc import Callable
from typing import Any

import torch

from ..workloads import Data, Workload, initial
from . import Train


def make(workload: Workload, data: Data, threads: int, wrap: Callable[[Any], Any] = lambda step: step) -> Train:
    torch.set_num_threads(threads)
    modules: list[torch.nn.Module] = []
    for kernel, bias in initial(workload):
        layer = torch.nn.Linear(*kernel.shape)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(kernel.T))
            layer.bias.copy_(torch.from_numpy(bias))
        modules.append(layer)
        if workload.activation != "linear":
            modules.append(torch.nn.ReLU() if workload.activation == "relu" else torch.nn.Tanh())
    if workload.activation != "linear":
        modules.pop()
    model = torch.nn.Sequential(*modules)
    loss_function = torch.nn.MSELoss() if workload.loss == "mse" else torch.nn.CrossEntropyLoss()
    optimizer: torch.optim.Optimizer
    if workload.optimizer == "sgd":
        optimizer = torch.optim.SGD(model.parameters(), lr=workload.lr)
    else:
        optimizer = torch.optim.Adam(model.parameters(), lr=workload.lr)
    x, y = torch.from_numpy(data.x), torch.from_numpy(data.y)
    forward = wrap(lambda rows, targets: loss_function(model(rows), targets))

    def train(epochs: int) -> float:
        loss = torch.zeros(())
        for _ in range(epochs):
            order = torch.randperm(workload.rows)
            for batch in torch.split(order, workload.batch):
                optimizer.zero_grad(set_to_none=True)
                loss = forward(x[batch], y[batch])
                loss.backward()
                optimizer.step()
        return float(loss)

    return train
