"""The native core. Private: the public API is `chainrule` itself."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict, final

import numpy as np
from numpy.typing import NDArray

__version__: str

class ChainruleError(RuntimeError): ...

class TrainingDiverged(ChainruleError):
    step: int
    layer: str

class CorruptFileError(ChainruleError): ...

@final
class Graph:
    def __init__(self, dtype: str) -> None: ...
    def __len__(self) -> int: ...
    def input(self, name: str, shape: Sequence[int], dtype: str | None = None) -> int: ...
    def parameter(self, name: str, shape: Sequence[int]) -> int: ...
    def constant(self, value: NDArray[Any]) -> int: ...
    def apply(
        self,
        operation: str,
        inputs: Sequence[int],
        *,
        axes: Sequence[int] = (),
        shape: Sequence[int] = (),
        alpha: float | None = None,
        key: int = 0,
        transpose_a: bool = False,
        transpose_b: bool = False,
        keepdims: bool = False,
        name: str = "",
    ) -> int: ...
    def shape(self, node: int) -> tuple[int, ...]: ...
    def name(self, node: int) -> str: ...
    def operation(self, node: int) -> str: ...
    def inputs_of(self, node: int) -> list[int]: ...
    def evaluate(self, wanted: Sequence[int], feeds: Mapping[int, NDArray[Any]]) -> list[NDArray[Any]]: ...
    def reverse(self, outputs: Sequence[int], cotangents: Sequence[int], wrt: Sequence[int]) -> list[int]: ...
    def forward(self, inputs: Sequence[int], tangents: Sequence[int], outputs: Sequence[int]) -> list[int]: ...

@final
class Network:
    """The parameters of a model, in panels, and its prediction plan. All parameters start at zero.

    graph: the inference graph; input: its node of shape (-1, features); output: its node of shape (-1, outputs).
    """

    def __init__(self, graph: Graph, input: int, output: int) -> None: ...
    @property
    def parameter_names(self) -> list[str]: ...
    def parameter(self, name: str) -> NDArray[Any]:
        """A copy, in the graph's shape and dtype."""
    def set_parameters(self, values: Mapping[str, NDArray[Any]]) -> None:
        """All or nothing: every name and shape is checked before anything is written. Values are cast to the network's dtype."""
    def predict(self, x: NDArray[Any], scale: float = 1.0) -> NDArray[Any]:
        """x: (rows, features), any element type that batches take, any strides. The GIL is released."""
    def explain(self) -> str: ...

@final
class Trainer:
    """One loss, one optimizer with its state, and the training plan of a network.

    graph: the training graph (with dropout), whose parameters have the network's names and shapes.
    labels: targets are class indices; otherwise values of shape (rows, outputs).
    optimizer: "sgd" (settings lr, momentum, nesterov 0/1, weight_decay), "adam" (lr, beta1, beta2, epsilon, weight_decay),
    "adamw" (the same, decoupled decay). metrics: of "accuracy", "mse", "mae"; threshold: accuracy of one column of predictions.
    """

    def __init__(
        self,
        network: Network,
        graph: Graph,
        input: int,
        output: int,
        *,
        loss: str,
        alpha: float,
        labels: bool,
        optimizer: str,
        settings: Mapping[str, float],
        metrics: Sequence[str],
        threshold: float,
        seed: int,
    ) -> None: ...
    lr: float
    @property
    def epoch(self) -> int:
        """Epochs completed since this trainer was made; keys the shuffles."""
    @property
    def step(self) -> int:
        """Steps done in the epoch under way."""
    @property
    def steps_per_epoch(self) -> int: ...
    @property
    def iterations(self) -> int:
        """Updates made since this trainer was made."""
    def bind(
        self,
        x: NDArray[Any],
        y: NDArray[Any],
        sample_weight: NDArray[Any] | None,
        *,
        batch_size: int,
        shuffle: bool,
        scale: float = 1.0,
        validation: tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None] | None = None,
    ) -> None:
        """Sets the data to train on: kept alive and read in place, never copied. x: (rows, features); y: (rows,) integer labels or
        (rows, outputs) values; sample_weight: (rows,). Ends an epoch left half-way and clears the history. Raises ChainruleError
        while another thread trains."""
    def unbind(self) -> None:
        """Lets go of the data."""
    def run(self, until_epoch: int, until_step: int, seconds: float) -> Literal["epoch", "step", "time"]:
        """Trains until `epoch` reaches until_epoch ("epoch"), `step` of the epoch under way reaches until_step ("step"; 0: never),
        or about `seconds` have passed ("time"); each completed epoch is followed by the validation, natively. Raises
        TrainingDiverged on a NaN or infinite loss (parameters stay as before that step), KeyboardInterrupt on Ctrl-C."""
    def history(self, first: int = 0) -> dict[str, NDArray[np.float64]]:
        """Per epoch completed since `bind`, from number `first` on: "loss", metrics, "val_loss", "val_" + metrics."""
    def running(self) -> dict[str, float]:
        """Loss and metrics so far in the epoch under way."""
    def train_on_batch(
        self, x: NDArray[Any], y: NDArray[Any], sample_weight: NDArray[Any] | None, scale: float = 1.0
    ) -> dict[str, float]: ...
    def evaluate(
        self, x: NDArray[Any], y: NDArray[Any], sample_weight: NDArray[Any] | None, scale: float = 1.0
    ) -> dict[str, float]: ...
    def explain(self) -> str: ...

class ThreadLimits(TypedDict):
    affinity: int
    cgroup: int
    openmp: int
    environment: int
    chosen: int
    least: int

def random_uniform(shape: Sequence[int], low: float, high: float, *, seed: int, key: int) -> NDArray[np.float64]:
    """Uniform in [low, high) from the counter-based generator; key: the parameter's number. The same bits on every machine."""

def random_normal(shape: Sequence[int], mean: float, std: float, *, seed: int, key: int) -> NDArray[np.float64]: ...
def require_finite(array: NDArray[Any], operation: str, name: str, first_row: int = 0) -> None:
    """ValueError naming the first NaN or infinity, in C order, in rows first_row and after; of an array of one or two dimensions."""

def label_range(y: NDArray[Any]) -> tuple[int, int]:
    """Smallest and largest of a non-empty integer array."""

def operation_names() -> list[str]: ...
def activation_names() -> list[str]: ...
def loss_names() -> list[str]: ...
def set_num_threads(count: int) -> None: ...
def get_num_threads() -> int: ...
def override_threads(count: int) -> None:
    """Teams of exactly `count` threads, whatever the limits and the work; 0 takes it back. For tests."""

def thread_limits() -> ThreadLimits: ...
def supported_isas() -> list[str]: ...
def active_isa() -> str: ...
def cpu_name() -> str: ...
def build_info() -> dict[str, str]: ...
