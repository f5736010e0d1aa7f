"""Trajectories of the optimizers: a small net in float64 for 100 batches, in chainrule and in PyTorch (Lion in optax).

PyTorch computes the gradients, clips, accumulates and averages as the formulas in `Optimizer` say, and steps by `torch.optim`. Run as
a program it writes the parameters on the way to data/trajectories.npz, and the learning rates of torch's schedulers to
data/schedules.npz; it needs PyTorch, JAX and optax. The tests read these files, and compare with PyTorch itself where it is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr

DATA = Path(__file__).parent / "data"
BATCHES, ROWS, EVERY = 100, 8, 10  # parameters are noted after each EVERY batches

_rng = np.random.default_rng(17)
X = _rng.normal(size=(3 * ROWS, 3))
Y = np.sin(X @ _rng.normal(size=(3, 2))) + 0.1 * _rng.normal(size=(3 * ROWS, 2))
# As state_dict names them.
START = {
    "0.weight": 0.6 * _rng.normal(size=(4, 3)),
    "0.bias": 0.1 * _rng.normal(size=4),
    "2.weight": 0.6 * _rng.normal(size=(2, 4)),
    "2.bias": 0.1 * _rng.normal(size=2),
}


class Case(NamedTuple):
    """An optimizer of chainrule, and the name and arguments of PyTorch's; what is done to its gradients and layers."""

    ours: Callable[[], cr.Optimizer]
    theirs: str
    arguments: dict[str, Any]
    clipnorm: float = np.inf
    accumulate: int = 1
    ema: float | None = None
    scales: tuple[float, float] = (1.0, 1.0)  # of the learning rate, by layer
    frozen: tuple[bool, bool] = (False, False)


CASES = {
    "sgd": Case(lambda: cr.SGD(0.1), "SGD", {"lr": 0.1}),
    "momentum": Case(
        lambda: cr.SGD(0.05, momentum=0.9, weight_decay=0.01), "SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01}
    ),
    "nesterov": Case(lambda: cr.SGD(0.05, momentum=0.9, nesterov=True), "SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    "adam": Case(lambda: cr.Adam(0.01), "Adam", {"lr": 0.01}),
    "adam, decay": Case(
        lambda: cr.Adam(0.02, 0.8, 0.95, 1e-6, 0.05), "Adam", {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.05}
    ),
    "adamw": Case(lambda: cr.AdamW(0.01, weight_decay=0.1), "AdamW", {"lr": 0.01, "weight_decay": 0.1}),
    "rmsprop": Case(lambda: cr.RMSprop(0.01), "RMSprop", {"lr": 0.01}),
    "rmsprop, momentum": Case(
        lambda: cr.RMSprop(0.01, momentum=0.7, weight_decay=0.02), "RMSprop", {"lr": 0.01, "momentum": 0.7, "weight_decay": 0.02}
    ),
    "rmsprop, centered": Case(
        lambda: cr.RMSprop(0.005, alpha=0.9, epsilon=1e-4, centered=True),
        "RMSprop",
        {"lr": 0.005, "alpha": 0.9, "eps": 1e-4, "centered": True},
    ),
    "rmsprop, both": Case(
        lambda: cr.RMSprop(0.005, epsilon=1e-3, momentum=0.5, centered=True),
        "RMSprop",
        {"lr": 0.005, "eps": 1e-3, "momentum": 0.5, "centered": True},
    ),
    "adagrad": Case(lambda: cr.Adagrad(0.1), "Adagrad", {"lr": 0.1}),
    "adagrad, decay": Case(
        lambda: cr.Adagrad(0.2, lr_decay=0.05, epsilon=1e-6, initial_accumulator=0.1, weight_decay=0.01),
        "Adagrad",
        {"lr": 0.2, "lr_decay": 0.05, "eps": 1e-6, "initial_accumulator_value": 0.1, "weight_decay": 0.01},
    ),
    "lion": Case(lambda: cr.Lion(0.003), "lion", {"learning_rate": 0.003, "b1": 0.9, "b2": 0.99, "weight_decay": 0.0}),
    "lion, decay": Case(
        lambda: cr.Lion(0.003, 0.8, 0.95, 0.1), "lion", {"learning_rate": 0.003, "b1": 0.8, "b2": 0.95, "weight_decay": 0.1}
    ),
    "clipnorm": Case(lambda: cr.SGD(0.1, momentum=0.9, clipnorm=0.3), "SGD", {"lr": 0.1, "momentum": 0.9}, clipnorm=0.3),
    "accumulate": Case(lambda: cr.Adam(0.02, accumulate=4), "Adam", {"lr": 0.02}, accumulate=4),
    "accumulate, clipnorm": Case(
        lambda: cr.RMSprop(0.01, clipnorm=0.2, accumulate=3), "RMSprop", {"lr": 0.01}, clipnorm=0.2, accumulate=3
    ),
    "ema": Case(lambda: cr.Adam(0.02, ema=0.9), "Adam", {"lr": 0.02}, ema=0.9),
    "lr_scale": Case(lambda: cr.AdamW(0.01, weight_decay=0.1), "AdamW", {"lr": 0.01, "weight_decay": 0.1}, scales=(0.1, 3.0)),
    "frozen": Case(
        lambda: cr.SGD(0.1, momentum=0.9, clipnorm=0.5), "SGD", {"lr": 0.1, "momentum": 0.9}, clipnorm=0.5, frozen=(True, False)
    ),
}
IN_TORCH = [name for name, case in CASES.items() if case.theirs != "lion"]

# chainrule's schedule, and torch's: its scheduler's name and arguments, made for an optimizer of the given lr.
SCHEDULES: dict[str, tuple[Callable[[], Any], float, str, dict[str, Any]]] = {
    "step": (lambda: cr.schedules.step(0.1, every=7, factor=0.3), 0.1, "StepLR", {"step_size": 7, "gamma": 0.3}),
    "exponential": (lambda: cr.schedules.exponential(0.1, 0.93), 0.1, "ExponentialLR", {"gamma": 0.93}),
    "cosine": (lambda: cr.schedules.cosine(0.1, 99, least=0.01), 0.1, "CosineAnnealingLR", {"T_max": 99, "eta_min": 0.01}),
    "one_cycle": (lambda: cr.schedules.one_cycle(0.1, 100), 0.1, "OneCycleLR", {"max_lr": 0.1, "total_steps": 100}),
    "one_cycle, linear": (
        lambda: cr.schedules.one_cycle(0.1, 100, 0.37, 10, 50, "linear"),
        0.1,
        "OneCycleLR",
        {
            "max_lr": 0.1,
            "total_steps": 100,
            "pct_start": 0.37,
            "div_factor": 10,
            "final_div_factor": 50,
            "anneal_strategy": "linear",
        },
    ),
    "warmup": (
        lambda: cr.schedules.warmup(cr.schedules.exponential(0.1, 0.93), steps=20, start=0.25),
        0.1,
        "SequentialLR",
        {
            "schedulers": (("LinearLR", {"start_factor": 0.25, "total_iters": 20}), ("ExponentialLR", {"gamma": 0.93})),
            "milestones": [20],
        },
    ),
}


def batches() -> list[tuple[np.ndarray, np.ndarray]]:
    """The 100 batches: three in turn."""
    parts = [slice(i * ROWS, (i + 1) * ROWS) for i in range(3)]
    return [(X[parts[i % 3]], Y[parts[i % 3]]) for i in range(BATCHES)]


def ours(case: Case) -> np.ndarray:
    """The parameters (or their averages) on the way, (notes, parameters), in chainrule."""
    hidden, last = cr.Dense(4, "tanh", name="hidden"), cr.Dense(2, name="last")
    for layer, scale, frozen in zip((hidden, last), case.scales, case.frozen, strict=True):
        layer.lr_scale, layer.trainable = scale, not frozen
    model = cr.Sequential([cr.Input(3), hidden, last], dtype="float64")
    names = {"hidden.kernel": "0.weight", "hidden.bias": "0.bias", "last.kernel": "2.weight", "last.bias": "2.bias"}
    model.set_parameters({own: START[name].T for own, name in names.items()})
    optimizer, notes = case.ours(), []
    for i, (x, y) in enumerate(batches()):
        model.train_on_batch(x, y, loss="mse", optimizer=optimizer)
        if (i + 1) % EVERY == 0:
            found = model.parameters() if case.ema is None else model.ema_parameters()
            notes.append(np.concatenate([found[own].T.ravel() for own in names]))
    return np.array(notes)


def theirs(case: Case) -> np.ndarray:
    """The same in PyTorch."""
    import torch

    parameters = [torch.tensor(value, requires_grad=True) for value in START.values()]
    w1, b1, w2, b2 = parameters
    averages = [value.detach().clone() for value in parameters]
    trained = [p for p, layer in zip(parameters, (0, 0, 1, 1), strict=True) if not case.frozen[layer]]
    if case.theirs == "lion":
        optimizer: Any = _Lion(parameters, case.arguments)
    else:
        lr = case.arguments["lr"]
        groups = [
            {"params": [p for p in pair if any(p is t for t in trained)], "lr": lr * scale}
            for pair, scale in zip(((w1, b1), (w2, b2)), case.scales, strict=True)
        ]
        optimizer = getattr(torch.optim, case.theirs)([group for group in groups if group["params"]], **case.arguments)
    notes = []
    optimizer.zero_grad()
    for i, (x, y) in enumerate(batches()):
        prediction = torch.tanh(torch.from_numpy(x) @ w1.T + b1) @ w2.T + b2
        loss = ((prediction - torch.from_numpy(y)) ** 2).mean()
        (loss / case.accumulate).backward(inputs=trained)
        if (i + 1) % case.accumulate == 0:
            norm = torch.sqrt(sum((p.grad**2).sum() for p in trained))
            for p in trained:
                if norm > case.clipnorm:
                    p.grad *= case.clipnorm / norm
            optimizer.step()
            optimizer.zero_grad()
            if case.ema is not None:
                averages = [case.ema * a + (1 - case.ema) * p.detach() for a, p in zip(averages, parameters, strict=True)]
        if (i + 1) % EVERY == 0:
            found = parameters if case.ema is None else averages
            notes.append(np.concatenate([value.detach().numpy().ravel() for value in found]))
    return np.array(notes)


class _Lion:
    """optax's Lion on PyTorch's parameters."""

    def __init__(self, parameters: Sequence[Any], arguments: dict[str, Any]) -> None:
        import jax
        import optax

        jax.config.update("jax_enable_x64", True)
        self._parameters = parameters
        self._rule = optax.lion(**arguments)
        self._state = self._rule.init([p.detach().numpy().copy() for p in parameters])

    def zero_grad(self) -> None:
        for p in self._parameters:
            p.grad = None

    def step(self) -> None:
        import torch

        values = [p.detach().numpy().copy() for p in self._parameters]
        updates, self._state = self._rule.update([p.grad.numpy() for p in self._parameters], self._state, values)
        with torch.no_grad():
            for p, update in zip(self._parameters, updates, strict=True):
                p += torch.from_numpy(np.array(update))


def torch_schedule(lr: float, name: str, arguments: dict[str, Any]) -> list[float]:
    """The learning rates of 100 steps by torch's scheduler."""
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr)

    def scheduler(name: str, arguments: dict[str, Any]) -> Any:
        given = dict(arguments)
        if "schedulers" in given:
            given["schedulers"] = [scheduler(*inner) for inner in given["schedulers"]]
        return getattr(torch.optim.lr_scheduler, name)(optimizer, **given)

    made, rates = scheduler(name, arguments), []
    for i in range(BATCHES):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        if i + 1 < BATCHES:
            made.step()
    return rates


def main() -> int:
    """Write both files."""
    np.savez_compressed(DATA / "trajectories.npz", **{name: theirs(case) for name, case in CASES.items()})
    np.savez_compressed(DATA / "schedules.npz", **{name: torch_schedule(*more) for name, (_, *more) in SCHEDULES.items()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
