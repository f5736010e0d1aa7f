"""The workloads: nets, batches and made-up data of the right sizes. Speed does not depend on the values, as long as they stay finite."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Workload:
    """A dense net with one hidden activation, and how it is trained. `widths` runs from the features to the outputs."""

    name: str
    widths: tuple[int, ...]
    activation: Literal["linear", "relu", "tanh"]
    loss: Literal["mse", "cross_entropy"]
    optimizer: Literal["sgd", "adam"]
    batch: int
    steps: int  # of an epoch

    @property
    def rows(self) -> int:
        return self.batch * self.steps

    @property
    def lr(self) -> float:
        return 0.01 if self.optimizer == "sgd" else 0.001

    @property
    def flops(self) -> int:
        """Of one step's matrix products: forward, weight gradient, and input gradient but for the first layer."""
        sizes = [a * b for a, b in zip(self.widths, self.widths[1:], strict=False)]
        return 2 * self.batch * (3 * sum(sizes) - sizes[0])

    @property
    def parameters(self) -> int:
        return sum((a + 1) * b for a, b in zip(self.widths, self.widths[1:], strict=False))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "Workload":
        return cls(**{**fields, "widths": tuple(fields["widths"])})

    def __str__(self) -> str:
        return f"{'-'.join(map(str, self.widths))} {self.activation} {self.loss} {self.optimizer}, batch {self.batch}"


@dataclass(frozen=True)
class Data:
    """x (rows, features) float32; y (rows, outputs) float32 for mse, (rows,) int64 labels for cross_entropy."""

    x: NDArray[np.float32]
    y: NDArray[np.float32] | NDArray[np.int64]


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("xor", (2, 8, 1), "tanh", "mse", "sgd", 4, 1),
        Workload("rl_online", (8, 64, 64, 2), "tanh", "mse", "adam", 1, 500),
        Workload("width46", (10, 46, 46, 10), "linear", "mse", "adam", 128, 50),
        Workload("digits", (64, 100, 10), "relu", "cross_entropy", "adam", 200, 9),
        Workload("tabular", (32, 256, 256, 1), "relu", "mse", "adam", 256, 40),
        Workload("mnist_s", (784, 128, 10), "relu", "cross_entropy", "sgd", 64, 200),
        Workload("mnist_s_adam", (784, 128, 10), "relu", "cross_entropy", "adam", 64, 200),
        Workload("mnist_m", (784, 512, 256, 10), "relu", "cross_entropy", "adam", 128, 50),
        Workload("mnist_l", (784, 1024, 1024, 10), "relu", "cross_entropy", "adam", 256, 10),
        Workload("wide", (2048, 4096, 4096, 1000), "relu", "cross_entropy", "sgd", 512, 2),
    )
}


def family(width: int, depth: int, batch: int, *, features: int | None = None, rows: int | None = None) -> Workload:
    """One of the sweep's nets: `depth` hidden layers of `width`, as many features, 10 classes, ReLU, cross-entropy and Adam.

    `rows` is the size of the data; without it an epoch has as many steps as take 4 MB of features and some milliseconds, from 1 to
    256: enough that what a library spends on an epoch is little beside them, and few enough for several epochs in a measurement.
    """
    features = width if features is None else features
    widths = (features, *[width] * depth, 10)
    flops = Workload("", widths, "relu", "cross_entropy", "adam", batch, 1).flops
    steps = max(1, min(256, (1 << 20) // (batch * features), 1_000_000_000 // flops)) if rows is None else max(1, rows // batch)
    name = f"w{width}-d{depth}-b{batch}" + ("" if features == width else f"-f{features}") + ("" if rows is None else f"-r{rows}")
    return Workload(name, widths, "relu", "cross_entropy", "adam", batch, steps)


def make_data(workload: Workload) -> Data:
    """Draw inputs from 0 to 1 and targets; the same at every call."""
    random = np.random.default_rng(0)
    x = random.random((workload.rows, workload.widths[0]), dtype=np.float32)
    if workload.loss == "cross_entropy":
        return Data(x, random.integers(0, workload.widths[-1], workload.rows))
    return Data(x, random.random((workload.rows, workload.widths[-1]), dtype=np.float32))


def initial(workload: Workload) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Kernels (in, out), Glorot-uniform, and biases for the peers that are given theirs."""
    random = np.random.default_rng(1)
    parameters = []
    for fan_in, fan_out in zip(workload.widths, workload.widths[1:], strict=False):
        limit = np.float32(np.sqrt(6 / (fan_in + fan_out)))
        kernel = (random.random((fan_in, fan_out), dtype=np.float32) * 2 - 1) * limit
        parameters.append((kernel, np.zeros(fan_out, np.float32)))
    return parameters
