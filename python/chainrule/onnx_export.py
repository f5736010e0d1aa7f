"""Models as ONNX graphs. `_LAYERS` and `_ACTIVATIONS` are the tables: one function for a layer, one for an activation.

ONNX Runtime (1.32, CPU) has no float64 kernels for Elu, Selu, Erf and Softplus, and its Elu and Selu lose all digits near 0, where
exp(x) - 1 cancels: these are composed of operations that it has, and computes well.
"""

import math
from collections.abc import Callable
from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainrule import activations, atomic_file
from chainrule._core import __version__
from chainrule.activations import ActivationFunction
from chainrule.embedding import Embedding
from chainrule.layer_calls import Call, batch_norm_factor, layer_calls, unsupported
from chainrule.layers import Activation, Dense, Layer
from chainrule.merging import Add, Columns, Concatenate, Multiply
from chainrule.normalization import BatchNorm, LayerNorm
from chainrule.validation import Array

if TYPE_CHECKING:
    from chainrule.stack import Stack

_OPSET = 17
_INT64 = 7  # onnx.TensorProto.INT64
_IR_VERSION = 8  # that of opset 17: newer ones are refused by runtimes that know the opset
_ERF_DEGREE = 45  # 2e-16 is reached with 43
_MOST_BYTES = 2**31 - 2**20  # protocol buffers end at 2 GB; the last MB is for what is no parameter


def export(model: "Stack", path: "str | PathLike[str]") -> None:
    """Write the file; see `Portable.export_onnx`."""
    onnx = _onnx()
    calls = layer_calls(model, "export_onnx", inference=True)
    size = sum(value.nbytes for call in calls.calls for value in call.parameters.values())
    if size > _MOST_BYTES:
        raise ValueError(f"export_onnx: expected at most 2 GB of parameters, got {size} bytes")
    if shared := [name for name in calls.outputs if name in calls.inputs]:
        raise ValueError(
            f"export_onnx: expected names of inputs that are no names of outputs, got {', '.join(map(repr, shared))} for both; "
            "rename one of them"
        )
    graph = _Graph(onnx, calls.dtype)
    names = {
        value: name if scale == 1 else graph.add("Mul", name, graph.number(scale))
        for value, (name, scale) in enumerate(calls.inputs.items())
    }
    for call in calls.calls:
        make = _LAYERS.get(type(call.layer))
        if make is None:
            raise unsupported("export_onnx", call)
        names[call.output] = make(graph, call, *(_Matrix(names[value], calls.columns[value]) for value in call.inputs))
    for name, value in calls.outputs.items():
        graph.add("Identity", names[value], output=name)
    made = graph.model(
        {name: calls.columns[value] for value, name in enumerate(calls.inputs)},
        {name: calls.columns[value] for name, value in calls.outputs.items()},
    )
    onnx.checker.check_model(made, full_check=True)
    atomic_file.write(path, [made.SerializeToString(deterministic=True)], "export_onnx")


class _Graph:
    """Nodes and constants under names of their own."""

    def __init__(self, onnx: Any, dtype: str) -> None:
        self._onnx = onnx
        self.dtype = np.dtype(dtype)
        self.is_single = dtype == "float32"
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def add(self, operation: str, *inputs: str, output: str | None = None, **attributes: object) -> str:
        """Add a node; return the name of its value."""
        name = output or f"/{operation.lower()}_{len(self._nodes)}"  # no word, so no name of the caller's
        self._nodes.append(self._onnx.helper.make_node(operation, inputs, [name], name=f"node_{name}", **attributes))
        return name

    def constant(self, name: str, value: Array) -> str:
        """Add an array."""
        return self._kept(name, np.ascontiguousarray(value, dtype=self.dtype))

    def integers(self, *values: int) -> str:
        """Add a vector of integers, or find it among those that are there."""
        return self._kept(f"integers_{'_'.join(map(str, values))}", np.array(values, np.int64))

    def _kept(self, name: str, value: Array) -> str:
        name = f"/{name}"
        self._constants[name] = self._onnx.numpy_helper.from_array(value, name)
        return name

    def number(self, value: float) -> str:
        """Add a number, or find it among those that are there."""
        return self.constant(f"number_{value!r}", np.array(value))

    def model(self, inputs: dict[str, int], outputs: dict[str, int]) -> Any:
        """Return the whole."""
        helper = self._onnx.helper
        kind = helper.np_dtype_to_tensor_dtype(self.dtype)
        ends = [
            [helper.make_tensor_value_info(name, kind, ["rows", columns]) for name, columns in side.items()]
            for side in (inputs, outputs)
        ]
        graph = helper.make_graph(self._nodes, "chainrule", *ends, list(self._constants.values()))
        opset = [helper.make_opsetid("", _OPSET)]
        return helper.make_model(
            graph, opset_imports=opset, ir_version=_IR_VERSION, producer_name="chainrule", producer_version=__version__
        )


class _Matrix(NamedTuple):
    """The name of a value, and its columns."""

    name: str
    columns: int


def _dense(graph: _Graph, call: Call, x: _Matrix) -> str:
    kernel, *bias = (graph.constant(f"{call.name}.{name}", value) for name, value in call.parameters.items())
    return graph.add("Gemm", x.name, kernel, *bias)


def _activation(graph: _Graph, call: Call, x: _Matrix) -> str:
    assert isinstance(call.layer, Activation)
    make = _ACTIVATIONS.get(type(call.layer.activation))
    if make is None:
        raise unsupported("export_onnx", call)
    return make(graph, x.name, call.layer.activation)


def _affine(graph: _Graph, call: Call, x: str, scale: Array) -> str:
    shifted = graph.add("Mul", x, graph.constant(f"{call.name}.scale", scale))
    return graph.add("Add", shifted, graph.constant(f"{call.name}.shift", call.parameters["shift"]))


def _layer_norm(graph: _Graph, call: Call, x: _Matrix) -> str:
    """Return the layer in small operations: LayerNormalization would round epsilon to float32."""
    assert isinstance(call.layer, LayerNorm)
    centred = graph.add("Sub", x.name, graph.add("ReduceMean", x.name, axes=[1], keepdims=1))
    variance = graph.add("ReduceMean", graph.add("Mul", centred, centred), axes=[1], keepdims=1)
    deviation = graph.add("Sqrt", graph.add("Add", variance, graph.number(call.layer.epsilon)))
    return _affine(graph, call, graph.add("Div", centred, deviation), call.parameters["scale"])


def _batch_norm(graph: _Graph, call: Call, x: _Matrix) -> str:
    centred = graph.add("Sub", x.name, graph.constant(f"{call.name}.running_mean", call.parameters["running_mean"]))
    return _affine(graph, call, centred, batch_norm_factor(call))


def _embedding(graph: _Graph, call: Call, x: _Matrix) -> str:
    assert isinstance(call.layer, Embedding)
    columns = call.layer._numbers(x.columns)
    others = [column for column in range(x.columns) if column not in columns]
    numbers = graph.add("Gather", x.name, graph.integers(*columns), axis=1) if others else x.name
    rows = graph.add(
        "Gather", graph.constant(f"{call.name}.table", call.parameters["table"]), graph.add("Cast", numbers, to=_INT64)
    )
    looked_up = graph.add("Reshape", rows, graph.integers(0, len(columns) * call.layer.dim))
    return (
        graph.add("Concat", graph.add("Gather", x.name, graph.integers(*others), axis=1), looked_up, axis=1)
        if others
        else looked_up
    )


def _columns(graph: _Graph, call: Call, x: _Matrix) -> str:
    assert isinstance(call.layer, Columns)
    return graph.add("Slice", x.name, graph.integers(call.layer.begin), graph.integers(call.layer.end), graph.integers(1))


def _fold(operation: str) -> Callable[..., str]:
    def folded(graph: _Graph, call: Call, *values: _Matrix) -> str:
        result = values[0].name
        for value in values[1:]:
            result = graph.add(operation, result, value.name)
        return result

    return folded


_LAYERS: dict[type[Layer], Callable[..., str]] = {
    Dense: _dense,
    Activation: _activation,
    LayerNorm: _layer_norm,
    BatchNorm: _batch_norm,
    Embedding: _embedding,
    Add: _fold("Add"),
    Multiply: _fold("Mul"),
    Concatenate: lambda graph, call, *values: graph.add("Concat", *(value.name for value in values), axis=1),
    Columns: _columns,
}


def _as(operation: str, **attributes: object) -> Callable[..., str]:
    return lambda graph, x, function: graph.add(operation, x, **attributes)


def _scaled(graph: _Graph, x: str, factor: float) -> str:
    return graph.add("Mul", x, graph.number(factor))


def _leaky_relu(graph: _Graph, x: str, function: ActivationFunction) -> str:
    assert function.alpha is not None
    low = graph.add("Min", x, graph.number(0.0))
    return graph.add("Add", graph.add("Relu", x), _scaled(graph, low, function.alpha))


def _expm1_negative(graph: _Graph, x: str) -> str:
    """Return exp(x) - 1 of the negative part, as tanh(x / 2) (exp(x) + 1), which does not cancel near 0."""
    low = graph.add("Min", x, graph.number(0.0))
    return graph.add("Mul", graph.add("Tanh", _scaled(graph, low, 0.5)), graph.add("Add", graph.add("Exp", low), graph.number(1.0)))


def _elu(graph: _Graph, x: str, function: ActivationFunction) -> str:
    assert function.alpha is not None
    return graph.add("Add", graph.add("Relu", x), _scaled(graph, _expm1_negative(graph, x), function.alpha))


def _selu(graph: _Graph, x: str, function: ActivationFunction) -> str:
    alpha, scale = activations.SELU_ALPHA, activations.SELU_SCALE
    return _scaled(graph, graph.add("Add", graph.add("Relu", x), _scaled(graph, _expm1_negative(graph, x), alpha)), scale)


def _gelu(graph: _Graph, x: str, function: ActivationFunction) -> str:
    """Return x / 2 (1 + erf(x / sqrt 2))."""
    z = _scaled(graph, x, 0.5**0.5)
    erf = graph.add("Erf", z) if graph.is_single else _erf(graph, z)
    return graph.add("Mul", _scaled(graph, x, 0.5), graph.add("Add", erf, graph.number(1.0)))


def _erf(graph: _Graph, z: str) -> str:
    """Return erf(z) = z E(z^2), where E is entire: a Chebyshev series for |z| < 6, beyond which erf is 1 in float64."""
    most = 36.0
    nodes = np.polynomial.chebyshev.chebpts1(_ERF_DEGREE + 1)
    values = [math.erf(root) / root for root in np.sqrt(most / 2 * (nodes + 1)).tolist()]
    series = np.polynomial.chebyshev.chebfit(nodes, values, _ERF_DEGREE)
    z = graph.add("Max", graph.add("Min", z, graph.number(most**0.5)), graph.number(-(most**0.5)))
    s = graph.add("Sub", _scaled(graph, graph.add("Mul", z, z), 2 / most), graph.number(1.0))
    twice = graph.add("Add", s, s)
    last = before = graph.number(0.0)  # Clenshaw's recurrence
    for coefficient in series[:0:-1].tolist():
        step = graph.add("Sub", graph.add("Mul", twice, last), before)
        last, before = graph.add("Add", step, graph.number(coefficient)), last
    value = graph.add("Add", graph.add("Sub", graph.add("Mul", s, last), before), graph.number(float(series[0])))
    return graph.add("Mul", z, value)


def _silu(graph: _Graph, x: str, function: ActivationFunction) -> str:
    return graph.add("Mul", x, graph.add("Sigmoid", x))


def _softplus(graph: _Graph, x: str, function: ActivationFunction) -> str:
    """Return, in float64, max(x, 0) - log sigmoid(|x|)."""
    if graph.is_single:
        return graph.add("Softplus", x)
    return graph.add("Sub", graph.add("Relu", x), graph.add("Log", graph.add("Sigmoid", graph.add("Abs", x))))


def _mish(graph: _Graph, x: str, function: ActivationFunction) -> str:
    return graph.add("Mul", x, graph.add("Tanh", _softplus(graph, x, function)))


_ACTIVATIONS: dict[type[ActivationFunction], Callable[..., str]] = {
    activations.ReLU: _as("Relu"),
    activations.LeakyReLU: _leaky_relu,
    activations.ELU: _elu,
    activations.SELU: _selu,
    activations.GELU: _gelu,
    activations.SiLU: _silu,
    activations.Sigmoid: _as("Sigmoid"),
    activations.Tanh: _as("Tanh"),
    activations.Softplus: _softplus,
    activations.Mish: _mish,
    activations.Softmax: _as("Softmax", axis=1),
    activations.LogSoftmax: _as("LogSoftmax", axis=1),
}


def _onnx() -> Any:
    try:
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise ImportError("export_onnx: expected onnx to be installed; pip install 'chainrule[onnx]'") from error
    return onnx
