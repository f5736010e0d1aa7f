"""The native core. Private: the public API is `chainrule` itself."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypedDict, final

import numpy as np
from numpy.typing import NDArray

from chainrule.sparse import Features, SparseRows

__version__: str

class ChainruleError(RuntimeError): ...

class TrainingDiverged(ChainruleError):
    step: int
    layer: str

class CorruptFileError(ChainruleError): ...

FEW_ROWS: int
MANY_ROWS: int

@final
class RowFunction:
    """A function whose value's rows depend on the same rows of its inputs alone, recorded on FEW_ROWS and on MANY_ROWS rows."""

    def __init__(self, name: str, few: tuple[Graph, Sequence[int], int], many: tuple[Graph, Sequence[int], int]) -> None: ...
    @property
    def columns(self) -> int: ...
    @property
    def by_element(self) -> bool: ...

@final
class Graph:
    def __init__(self, dtype: str) -> None: ...
    def __len__(self) -> int: ...
    def input(self, name: str, shape: Sequence[int], dtype: str | None = None) -> int: ...
    def parameter(self, name: str, shape: Sequence[int]) -> int: ...
    def constant(self, value: NDArray[Any]) -> int: ...
    @property
    def dtype(self) -> str: ...
    def apply(
        self,
        operation: str | RowFunction,
        inputs: Sequence[int],
        *,
        axes: Sequence[int] = (),
        shape: Sequence[int] = (),
        alpha: float | None = None,
        momentum: float = 0.0,
        key: int = 0,
        transpose_a: bool = False,
        transpose_b: bool = False,
        keepdims: bool = False,
        reversed: bool = False,
        name: str = "",
    ) -> int: ...
    def shape(self, node: int) -> tuple[int, ...]: ...
    def name(self, node: int) -> str: ...
    def operation(self, node: int) -> str: ...
    def inputs_of(self, node: int) -> list[int]: ...
    def attributes(self, node: int) -> dict[str, Any]: ...
    def alone(self, node: int) -> tuple[Graph, list[int], int]: ...
    def evaluate(self, wanted: Sequence[int], feeds: Mapping[int, NDArray[Any]]) -> list[NDArray[Any]]: ...
    def reverse(self, outputs: Sequence[int], cotangents: Sequence[int], wrt: Sequence[int]) -> list[int]: ...
    def forward(self, inputs: Sequence[int], tangents: Sequence[int], outputs: Sequence[int]) -> list[int]: ...

class Variable:
    """A number or array that records what is done to it. Made by `variable` and by operations, never directly."""

    def __new__(cls, *args: Any, **keywords: Any) -> Variable: ...
    @property
    def value(self) -> Any: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def node(self) -> int: ...
    def __add__(self, value: Any, /) -> Any: ...
    def __radd__(self, value: Any, /) -> Any: ...
    def __sub__(self, value: Any, /) -> Any: ...
    def __rsub__(self, value: Any, /) -> Any: ...
    def __mul__(self, value: Any, /) -> Any: ...
    def __rmul__(self, value: Any, /) -> Any: ...
    def __truediv__(self, value: Any, /) -> Any: ...
    def __rtruediv__(self, value: Any, /) -> Any: ...
    def __floordiv__(self, value: Any, /) -> Any: ...
    def __rfloordiv__(self, value: Any, /) -> Any: ...
    def __mod__(self, value: Any, /) -> Any: ...
    def __rmod__(self, value: Any, /) -> Any: ...
    def __pow__(self, value: Any, mod: Any = None, /) -> Any: ...
    def __rpow__(self, value: Any, mod: Any = None, /) -> Any: ...
    def __matmul__(self, value: Any, /) -> Any: ...
    def __rmatmul__(self, value: Any, /) -> Any: ...
    def __neg__(self) -> Any: ...
    def __pos__(self) -> Any: ...
    def __abs__(self) -> Any: ...
    def __lt__(self, value: Any, /) -> Any: ...
    def __le__(self, value: Any, /) -> Any: ...
    def __gt__(self, value: Any, /) -> Any: ...
    def __ge__(self, value: Any, /) -> Any: ...
    def __eq__(self, value: object, /) -> Any: ...
    def __ne__(self, value: object, /) -> Any: ...
    def __bool__(self) -> bool: ...
    def __float__(self) -> float: ...
    def __int__(self) -> int: ...
    def __len__(self) -> int: ...
    def __getitem__(self, key: Any, /) -> Any: ...
    def __array_ufunc__(self, ufunc: Any, method: str, /, *inputs: Any, **keywords: Any) -> Any: ...
    def __array_function__(self, function: Any, types: Any, arguments: Any, keywords: Any, /) -> Any: ...

def set_variable_class(type: type[Variable]) -> None: ...
def set_numpy_rules(
    call_ufunc: Callable[[Any, str, tuple[Any, ...], dict[str, Any]], Any],
    call_function: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any],
    subscript: Callable[[Any, Any], Any],
    operations: dict[Any, str],
) -> None: ...
def variable(value: Any, dtype: str | None = None, type: type[Variable] | None = None) -> Any: ...
def variable_like(other: Any, value: Any = None) -> Any: ...
def record(operation: str, operands: Sequence[Any], *, index: int = -1, **attributes: Any) -> Any: ...
def extract(
    inputs: Sequence[Variable], names: Sequence[str], outputs: Sequence[Variable]
) -> tuple[Graph, list[int], list[int]]: ...
def waists(inputs: Sequence[Variable], output: Variable) -> list[Any]: ...
def jacobian_work(inputs: Sequence[Variable], output: Variable) -> tuple[Any, float, float]: ...
def reverse(outputs: Sequence[Any], cotangents: Sequence[Any], wrt: Sequence[Any]) -> list[Any]: ...
def forward(inputs: Sequence[Any], tangents: Sequence[Any], outputs: Sequence[Any]) -> list[Any]: ...

@final
class Compiled:
    """A graph as a function of numbers and arrays; None for others than it takes."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

def compile(
    graph: Graph,
    inputs: Sequence[int],
    outputs: Sequence[int],
    arguments: tuple[Any, ...] | None = None,
    result: Any = None,
    hole: object = None,
) -> Compiled: ...
def compiled_facts(compiled: Compiled) -> dict[str, Any]: ...
def set_tracing(tracing: bool) -> None: ...
def is_tracing() -> bool: ...

@final
class Network:
    """The parameters of a model, in panels, and its prediction plan. All parameters start at zero.

    graph: the inference graph; inputs, outputs: its nodes of shape (-1, columns).
    """

    def __init__(self, graph: Graph, inputs: Sequence[int], outputs: Sequence[int]) -> None: ...
    @property
    def parameter_names(self) -> list[str]: ...
    def parameter(self, name: str) -> NDArray[Any]:
        """A copy, in the graph's shape and dtype."""
    def set_parameters(self, values: Mapping[str, NDArray[Any]]) -> None:
        """All or nothing: every name and shape is checked before anything is written. Values are cast to the network's dtype."""
    def predict(self, x: Features, scale: float = 1.0) -> NDArray[Any]:
        """Of a network with one output, from its only input. x: (rows, features), any element type that batches take, any strides.
        The GIL is released."""
    def predict_all(self, x: Sequence[Features], scales: Sequence[float]) -> list[NDArray[Any]]:
        """Each output, from each input."""
    def explain(self) -> str: ...

class TrainerState(TypedDict):
    """What a training holds beside the parameters. rows, losses, weight, metrics, penalty: sums of the epoch under way; collected: by
    head, what metrics of all its rows together need. numbers, arrays: the optimizer's; an array "<kind>.<parameter>" has the parameter's shape."""

    epoch: int
    step: int
    iterations: int
    rows: int
    losses: list[float]
    weight: float
    metrics: list[float]
    penalty: float
    collected: list[NDArray[np.float64]]
    numbers: dict[str, float]
    arrays: dict[str, NDArray[Any]]

@final
class Head:
    """A loss of one output, and what is counted beside it.

    labels: targets are class indices; otherwise values of shape (rows, outputs). weight: in the sum of all heads' losses. metrics:
    key, name (of "accuracy", "top_k", "mse", "mae", "rmse", "r2", "auc", "precision", "recall", "f1") and k; threshold: the side of it
    that a single prediction lies on is its class. name: in front of the names of loss and metrics.
    """

    def __init__(
        self,
        loss: str | RowFunction,
        *,
        alpha: float,
        weight: float,
        labels: bool,
        metrics: Sequence[tuple[str, str, int]],
        threshold: float,
        name: str,
    ) -> None: ...

@final
class Trainer:
    """The losses of the outputs, one optimizer with its state, and the training plan of a network.

    graph: the training graph (with dropout), whose parameters have the network's names and shapes. heads: one for each output.
    scales: what each input is multiplied by.
    optimizer: "sgd" (settings lr, momentum, nesterov 0/1, weight_decay), "adam" (lr, beta1, beta2, epsilon, weight_decay),
    "adamw" (the same, decoupled decay). penalties: (l1, l2) by parameter, l1 sum |w| + l2 sum w^2 added to the loss.
    "adamw" (the same, decoupled decay), "rmsprop" (lr, alpha, epsilon, momentum, centered 0/1, weight_decay), "adagrad" (lr, lr_decay,
    epsilon, initial_accumulator, weight_decay), "lion" (lr, beta1, beta2, weight_decay); all of them clipnorm, accumulate and ema, where
    0 is none. metrics: of "accuracy", "mse", "mae"; threshold: accuracy of one column of predictions.
    """

    def __init__(
        self,
        network: Network,
        graph: Graph,
        inputs: Sequence[int],
        outputs: Sequence[int],
        *,
        heads: Sequence[Head],
        optimizer: str,
        settings: Mapping[str, float],
        scales: Sequence[float],
        seed: int,
        penalties: Mapping[str, tuple[float, float]] = ...,
    ) -> None: ...
    lr: float
    def set_lrs(self, lrs: NDArray[np.float64]) -> None:
        """The learning rates of the coming batches, one for each: `run` returns "time" where they are used up."""
    def set_groups(self, frozen: Sequence[str], factors: Mapping[str, float]) -> None:
        """Parameters that are not trained from now on, and factors of the learning rate; state of the optimizer stays."""
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
        x: Sequence[Features],
        y: Sequence[NDArray[Any]],
        sample_weight: NDArray[Any] | None,
        *,
        batch_size: int,
        shuffle: bool,
        validation: tuple[Sequence[Features], Sequence[NDArray[Any]], NDArray[Any] | None] | None = None,
    ) -> None:
        """Sets the data to train on: kept alive and read in place, never copied. x: (rows, features) of each input; y, of each
        output: (rows,) integer labels or (rows, outputs) values; sample_weight: (rows,). Ends an epoch left half-way and clears the history. Raises ChainruleError
        while another thread trains."""
    def unbind(self) -> None:
        """Lets go of the data."""
    def run(self, until_epoch: int, until_step: int, seconds: float) -> Literal["epoch", "step", "time"]:
        """Trains until `epoch` reaches until_epoch ("epoch"), `step` of the epoch under way reaches until_step ("step"; 0: never),
        or about `seconds` have passed ("time"); each completed epoch is followed by the validation, natively. Raises
        TrainingDiverged on a NaN or infinite loss (parameters stay as before that step), KeyboardInterrupt on Ctrl-C."""
    def history(self, first: int = 0) -> dict[str, NDArray[np.float64]]:
        """Per epoch completed since `bind`, from number `first` on: "loss", of several heads "<name>_loss", metrics; the same with "val_"."""
    def running(self) -> dict[str, float]:
        """Loss and metrics so far in the epoch under way."""
    def state(self) -> TrainerState:
        """Copies all that training holds beside the parameters. Raises ChainruleError while another thread trains."""
    def set_state(
        self,
        *,
        epoch: int,
        step: int,
        iterations: int,
        rows: int,
        losses: Sequence[float],
        weight: float,
        metrics: Sequence[float],
        penalty: float,
        collected: Sequence[NDArray[np.float64]],
        numbers: Mapping[str, float],
        arrays: Mapping[str, NDArray[Any]],
    ) -> None:
        """Goes on from a state of a trainer like this one, all or nothing. A step other than 0 needs bound data. Raises ValueError."""
    def train_on_batch(
        self, x: Sequence[Features], y: Sequence[NDArray[Any]], sample_weight: NDArray[Any] | None
    ) -> dict[str, float]: ...
    def evaluate(
        self, x: Sequence[Features], y: Sequence[NDArray[Any]], sample_weight: NDArray[Any] | None
    ) -> dict[str, float]: ...
    def loss_and_gradients(
        self, x: Sequence[Features], y: Sequence[NDArray[Any]], sample_weight: NDArray[Any] | None
    ) -> tuple[float, dict[str, NDArray[Any]]]:
        """The mean loss over all rows, and its gradients in the parameters that are trained. Raises TrainingDiverged on a NaN or
        infinite loss, KeyboardInterrupt on Ctrl-C."""
    def ema_parameters(self) -> dict[str, NDArray[Any]]:
        """Moving averages of all parameters (a frozen one's is itself); empty where the optimizer keeps none."""
    def explain(self) -> str: ...

@final
class RowGradients:
    """The gradient of each row of a batch by itself, without dropout: of a loss, or without one of each output.

    labels: targets are class indices; otherwise values of shape (rows, outputs).
    """

    def __init__(
        self, network: Network, *, loss: str | RowFunction | None = None, alpha: float = 0.0, labels: bool = False
    ) -> None: ...
    def run(self, x: NDArray[Any], y: NDArray[Any] | None = None, scale: float = 1.0) -> NDArray[Any]:
        """(rows, parameters), or without a loss (rows * outputs, parameters): all parameters in the network's order, each in C order.
        ValueError names a NaN or infinity in x. The GIL is released."""

class ThreadLimits(TypedDict):
    affinity: int
    cgroup: int
    openmp: int
    environment: int
    chosen: int
    caller: int
    least: int

def random_uniform(shape: Sequence[int], low: float, high: float, *, seed: int, key: int) -> NDArray[np.float64]:
    """Uniform in [low, high) from the counter-based generator; key: the parameter's number. The same bits on every machine."""

def random_normal(shape: Sequence[int], mean: float, std: float, *, seed: int, key: int) -> NDArray[np.float64]: ...
def random_truncated_normal(shape: Sequence[int], mean: float, std: float, *, seed: int, key: int) -> NDArray[np.float64]:
    """Within two standard deviations of the mean."""

def random_orthogonal(rows: int, columns: int, gain: float, *, seed: int, key: int) -> NDArray[np.float64]:
    """gain times orthonormal columns, or rows where there are fewer."""

def require_finite(array: Features, operation: str, name: str, first_row: int = 0) -> None:
    """ValueError naming the first NaN or infinity, in C order, in rows first_row and after; of an array of one or two dimensions."""

def is_canonical(rows: SparseRows, operation: str, name: str) -> bool:
    """Whether the columns of each row ascend, none twice. Raises ValueError where offsets or columns are out of range."""

def label_range(y: NDArray[Any]) -> tuple[int, int]:
    """Smallest and largest of a non-empty integer array."""

def operation_names() -> list[str]: ...
def negate_rule(operation: str | None, mode: str = "vjp", input: int = 0) -> None:
    """Turns the sign of one derivative rule, of what goes back to the input ("vjp") or of the part of the tangent that comes from it
    ("jvp"), until another call; None takes it back. For tests of the checks."""

def activation_names() -> list[str]: ...
def loss_names() -> list[str]: ...
def set_num_threads(count: int) -> None: ...
def get_num_threads() -> int: ...
def limit_caller(count: int) -> None:
    """At most `count` threads for the work that the calling thread asks for, from here on; 0 takes it back."""

def override_threads(count: int) -> None:
    """Teams of exactly `count` threads, whatever the limits and the work; 0 takes it back. For tests."""

def override_schedule(schedule: str | None) -> None:
    """Teams work by "rows" or by "columns" whatever the work; None takes it back. For tests."""

def thread_limits() -> ThreadLimits: ...
def supported_isas() -> list[str]: ...
def active_isa() -> str: ...
def cpu_name() -> str: ...
def build_info() -> dict[str, str]: ...

class ThreadProfile(TypedDict):
    """Of one thread; arrays have an element for each label, or for each event."""

    name: str
    steps: int
    dropped: int
    totals: dict[str, NDArray[Any]]
    events: dict[str, NDArray[Any]]

@final
class Profile:
    """What native loops and Python's spans say, from construction to `stop`."""

    def __init__(self, *, first_steps: int, last_steps: int) -> None: ...
    def stop(self) -> None: ...
    @property
    def seconds(self) -> float: ...
    def threads(self) -> list[ThreadProfile]: ...

def profiling() -> bool: ...
def profile_label(operation: str) -> int: ...
def profile_labels() -> list[tuple[str, str, str]]: ...
def profile_begin(label: int) -> None: ...
def profile_end() -> None: ...

TRIAD_BYTES: int

def measure_product(m: int, k: int, n: int, threads: int, seconds: float) -> float: ...
def measure_machine(isa: str, threads: int, seconds: float) -> dict[str, float]: ...
