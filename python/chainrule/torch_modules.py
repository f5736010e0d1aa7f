"""Models from PyTorch's modules, and back. PyTorch is imported when one of them is made.

`_FROM` and `_TO` are the tables: one line for a module or a layer; `_STEPS` has those that are no module of PyTorch's.
"""

import operator
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from chainrule import activations
from chainrule.activations import ActivationFunction
from chainrule.embedding import Embedding
from chainrule.groups import said_by
from chainrule.layer_calls import Call, Calls, layer_calls, unsupported
from chainrule.layers import Activation, Dense, Dropout, Layer
from chainrule.merging import Add, Columns, Concatenate, Multiply
from chainrule.normalization import BatchNorm, LayerNorm
from chainrule.validation import Array
from chainrule.values import Input

if TYPE_CHECKING:
    from chainrule.sequential import Sequential
    from chainrule.stack import Stack

__all__ = ["from_torch"]


def from_torch(module: Any) -> "Sequential":
    """Make a model with the layers and parameters of a PyTorch module.

    Parameters
    ----------
    module : torch.nn.Module
        A ``torch.nn.Sequential``, which may hold others, or one of these: Linear, LayerNorm, BatchNorm1d, Embedding, Dropout, Identity,
        Flatten (of rows that are flat already, or after an Embedding), ReLU, LeakyReLU, ELU, SELU, GELU, SiLU, Sigmoid, Tanh, Softplus,
        Mish, Softmax, LogSoftmax.

    Returns
    -------
    Sequential
        Of the parameters' dtype; each module is a layer, so that positions, and names of parameters, are those of a flat
        ``torch.nn.Sequential`` without Identity and Flatten. One of whose parameters none requires a gradient is not `trainable`.

    Raises
    ------
    TypeError
        For any other module, and for parameters of another type than float32 or float64.
    ValueError
        For a setting that chainrule has not, such as ``GELU(approximate="tanh")``, for parameters that two modules share, and for a
        module without any.
    ImportError
        Without PyTorch.
    """
    torch = _torch("from_torch")
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"from_torch: expected a torch.nn.Module, got {type(module).__name__}")
    from chainrule.sequential import Sequential  # which imports this file's neighbours

    layers: list[Layer] = []
    values: dict[str, Array] = {}
    features = None
    dtype = None
    seen: set[int] = set()
    for part in _flat(module, torch):
        make = _FROM.get(type(part).__name__) if type(part).__module__.startswith("torch.nn.") else None
        if make is None:
            known = ", ".join(sorted(_FROM))
            raise TypeError(f"from_torch: expected modules among {known}, got {part!r}")
        layer = make(part)
        if layer is None:
            continue
        own = list(part.parameters())
        if not seen.isdisjoint(map(id, own)):
            raise ValueError(f"from_torch: expected parameters of one module each, got {part!r} with another's: layers share none")
        seen.update(map(id, own))
        if own and not any(tensor.requires_grad for tensor in own):
            layer.trainable = False
        for name, tensor in part.state_dict().items():
            if name == "num_batches_tracked":
                continue
            value = tensor.detach().cpu().numpy() if tensor.dtype in (torch.float32, torch.float64) else None
            if value is None or dtype not in (None, value.dtype.name):
                raise TypeError(f"from_torch: expected parameters all of float32 or all of float64, got {tensor.dtype} in {part!r}")
            dtype = value.dtype.name
            values[f"{len(layers)}.{name}"] = value
        if features is None and not isinstance(layer, Embedding):
            features = _width(part)
        layers.append(layer)
    if features is None or dtype is None:
        raise ValueError(
            "from_torch: expected a Linear or a normalisation, which tells the number of features, got a module without any"
        )
    for layer in layers:
        if isinstance(layer, Embedding):
            features //= layer.dim  # columns of numbers, of which each gives so many
    model = Sequential([Input(features), *layers], dtype=dtype)
    model.load_state_dict(values)
    return model


def to_torch(model: "Stack") -> Any:
    """Return the model as a module of PyTorch's; see `Sequential.to_torch`."""
    torch = _torch("to_torch")
    calls = layer_calls(model, "to_torch", inference=False)
    taken = {*dir(torch.nn.Sequential()), *dir(torch.fx.GraphModule)}
    for call in calls.calls:
        if not taken.isdisjoint(call.name.split(".")):
            raise TypeError(
                f"to_torch: expected names of layers that a torch.nn.Module has not itself, got {call.name!r}; rename it"
            )
    made = _sequential(torch, calls) if _is_chain(calls) else _graph(torch, calls)
    result = made.to(getattr(torch, calls.dtype))
    result.load_state_dict({name: torch.from_numpy(value) for name, value in model.state_dict().items()})
    frozen = {call.place.prefix for call in model._structure.calls if not said_by((*call.owners, call.layer))[0]}
    for name, parameter in result.named_parameters():
        parameter.requires_grad_(name.rpartition(".")[0] not in frozen)
    return result.eval()


def _is_chain(calls: Calls) -> bool:
    """Say whether each layer is a module, of one name, on what the one before has made."""
    return (
        len(calls.inputs) == 1
        and list(calls.outputs.values()) == [len(calls.calls)]
        and all(call.inputs == (before,) for before, call in enumerate(calls.calls))
        and not any(type(call.layer) in _STEPS or "." in call.name or _columns_of(call) for call in calls.calls)
    )


def _sequential(torch: Any, calls: Calls) -> Any:
    modules: OrderedDict[str, Any] = OrderedDict()
    (scale,) = calls.inputs.values()
    if scale != 1:
        modules["scale"] = _scale_class()(scale)
    for call in calls.calls:
        modules[call.name] = _module(torch, call)
        if isinstance(call.layer, Embedding):
            modules[f"{call.name}-flat"] = torch.nn.Flatten()
    return torch.nn.Sequential(modules)


def _graph(torch: Any, calls: Calls) -> Any:
    graph = torch.fx.Graph()
    modules: dict[str, Any] = {}
    values = []
    for name, scale in calls.inputs.items():
        value = graph.placeholder("x" if len(calls.inputs) == 1 else f"x_{name}")  # the bare name may be Python's
        values.append(value if scale == 1 else graph.call_function(operator.mul, (value, scale)))
    for call in calls.calls:
        operands = [values[number] for number in call.inputs]
        if step := _STEPS.get(type(call.layer)):
            values.append(step(torch, graph, call, operands))
            continue
        modules[call.name] = _module(torch, call)
        if isinstance(call.layer, Embedding):
            values.append(_looked_up(torch, graph, call, operands[0], calls.columns[call.inputs[0]]))
        else:
            values.append(graph.call_module(call.name, tuple(operands)))
    outputs = tuple(values[number] for number in calls.outputs.values())
    graph.output(outputs if len(outputs) > 1 else outputs[0])
    return torch.fx.GraphModule(modules, graph, "Model")


def _module(torch: Any, call: Call) -> Any:
    make = _TO.get(type(call.layer))
    if make is None:
        raise unsupported("to_torch", call)
    return make(torch.nn, call)


def _looked_up(torch: Any, graph: Any, call: Call, x: Any, features: int) -> Any:
    """Add the look-up of some columns' numbers, which may stand among values, and the other columns in front."""
    assert isinstance(call.layer, Embedding)
    numbers = list(call.layer._numbers(features))
    others = [column for column in range(features) if column not in numbers]
    rows = graph.call_module(call.name, (graph.call_method("long", (_taken(graph, x, numbers),)),))
    flat = graph.call_function(torch.flatten, (rows, 1))
    return graph.call_function(torch.cat, ([_taken(graph, x, others), flat], 1)) if others else flat


def _taken(graph: Any, x: Any, columns: "list[int] | slice") -> Any:
    return graph.call_function(operator.getitem, (x, (slice(None), columns)))


def _fold(operation: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def folded(torch: Any, graph: Any, call: Call, values: list[Any]) -> Any:
        result = values[0]
        for value in values[1:]:
            result = graph.call_function(operation, (result, value))
        return result

    return folded


def _slice(torch: Any, graph: Any, call: Call, values: list[Any]) -> Any:
    assert isinstance(call.layer, Columns)
    return _taken(graph, values[0], slice(call.layer.begin, call.layer.end))


_STEPS: dict[type[Layer], Callable[..., Any]] = {
    Add: _fold(operator.add),
    Multiply: _fold(operator.mul),
    Concatenate: lambda torch, graph, call, values: graph.call_function(torch.cat, (values, 1)),
    Columns: _slice,
}


def _dense(part: Any) -> Layer:
    return Dense(part.out_features, use_bias=part.bias is not None)


def _require(part: Any, holds: bool, setting: str) -> None:
    if not holds:
        raise ValueError(f"from_torch: expected settings that chainrule has, {setting}, got {part!r}")


def _plain(make: Callable[[], ActivationFunction]) -> Callable[[Any], Layer]:
    return lambda part: Activation(make())


def _by_row(make: Callable[[], ActivationFunction]) -> Callable[[Any], Layer]:
    def made(part: Any) -> Layer:
        _require(part, part.dim in (None, 1, -1), "dim=1")
        return Activation(make())

    return made


def _gelu(part: Any) -> Layer:
    _require(part, part.approximate == "none", "approximate='none'")
    return Activation("gelu")


def _softplus(part: Any) -> Layer:
    # Above the threshold PyTorch returns x, which from 20 on is what rounding makes of it.
    _require(part, part.beta == 1 and part.threshold >= 20, "beta=1, threshold=20")
    return Activation("softplus")


def _layer_norm(part: Any) -> Layer:
    _require(part, len(part.normalized_shape) == 1, "normalized_shape of one number")
    _require(part, part.weight is not None and part.bias is not None, "elementwise_affine=True, bias=True")
    return LayerNorm(part.eps)


def _batch_norm(part: Any) -> Layer:
    _require(part, part.affine and part.bias is not None, "affine=True, bias=True")
    _require(part, part.track_running_stats and part.momentum is not None, "track_running_stats=True, momentum as a number")
    return BatchNorm(part.momentum, part.eps)


def _embedding(part: Any) -> Layer:
    _require(part, part.padding_idx is None and part.max_norm is None, "padding_idx=None, max_norm=None")
    _require(part, not part.scale_grad_by_freq, "scale_grad_by_freq=False")
    return Embedding(part.num_embeddings, part.embedding_dim)


def _flatten(part: Any) -> None:
    _require(part, part.start_dim == 1, "start_dim=1")


_FROM: dict[str, Callable[[Any], Layer | None]] = {
    "Linear": _dense,
    "LayerNorm": _layer_norm,
    "BatchNorm1d": _batch_norm,
    "Embedding": _embedding,
    "Dropout": lambda part: Dropout(part.p),
    "Identity": lambda part: None,
    "Flatten": _flatten,
    "ReLU": _plain(activations.ReLU),
    "LeakyReLU": lambda part: Activation(activations.LeakyReLU(part.negative_slope)),
    "ELU": lambda part: Activation(activations.ELU(part.alpha)),
    "SELU": _plain(activations.SELU),
    "GELU": _gelu,
    "SiLU": _plain(activations.SiLU),
    "Sigmoid": _plain(activations.Sigmoid),
    "Tanh": _plain(activations.Tanh),
    "Softplus": _softplus,
    "Mish": _plain(activations.Mish),
    "Softmax": _by_row(activations.Softmax),
    "LogSoftmax": _by_row(activations.LogSoftmax),
}

_ACTIVATIONS: dict[type[ActivationFunction], Callable[[Any, Any], Any]] = {
    activations.Linear: lambda nn, function: nn.Identity(),
    activations.ReLU: lambda nn, function: nn.ReLU(),
    activations.LeakyReLU: lambda nn, function: nn.LeakyReLU(function.alpha),
    activations.ELU: lambda nn, function: nn.ELU(function.alpha),
    activations.SELU: lambda nn, function: nn.SELU(),
    activations.GELU: lambda nn, function: nn.GELU(),
    activations.SiLU: lambda nn, function: nn.SiLU(),
    activations.Sigmoid: lambda nn, function: nn.Sigmoid(),
    activations.Tanh: lambda nn, function: nn.Tanh(),
    activations.Softplus: lambda nn, function: nn.Softplus(),
    activations.Mish: lambda nn, function: nn.Mish(),
    activations.Softmax: lambda nn, function: nn.Softmax(dim=-1),
    activations.LogSoftmax: lambda nn, function: nn.LogSoftmax(dim=-1),
}


def _linear(nn: Any, call: Call) -> Any:
    return nn.Linear(*call.parameters["kernel"].shape, bias="bias" in call.parameters)


def _activation(nn: Any, call: Call) -> Any:
    assert isinstance(call.layer, Activation)
    make = _ACTIVATIONS.get(type(call.layer.activation))
    if make is None:
        raise unsupported("to_torch", call)
    return make(nn, call.layer.activation)


def _table(nn: Any, call: Call) -> Any:
    assert isinstance(call.layer, Embedding)
    return nn.Embedding(call.layer.n, call.layer.dim)


def _columns_of(call: Call) -> tuple[int, ...] | None:
    return call.layer.columns if isinstance(call.layer, Embedding) else None


def _by_column(nn: Any, call: Call) -> Any:
    assert isinstance(call.layer, BatchNorm)
    return nn.BatchNorm1d(len(call.parameters["scale"]), call.layer.epsilon, call.layer.momentum)


_TO: dict[type[Layer], Callable[[Any, Any], Any]] = {
    Dense: _linear,
    LayerNorm: lambda nn, call: nn.LayerNorm(len(call.parameters["scale"]), call.layer.epsilon),
    BatchNorm: _by_column,
    Embedding: _table,
    Activation: _activation,
    Dropout: lambda nn, call: nn.Dropout(call.layer.p),
}


def _width(part: Any) -> int | None:
    """Return the number of columns that a module takes, where it knows."""
    width: int | None = getattr(part, "in_features", getattr(part, "num_features", None))
    return part.normalized_shape[0] if hasattr(part, "normalized_shape") else width


def _flat(module: Any, torch: Any) -> Iterator[Any]:
    if type(module) is torch.nn.Sequential:
        for part in module:
            yield from _flat(part, torch)
    else:
        yield module


def _torch(operation: str) -> Any:
    try:
        import torch
        import torch.fx
    except ImportError as error:
        raise ImportError(f"{operation}: expected PyTorch to be installed; see https://pytorch.org") from error
    return torch


def _scale_class() -> Any:
    """Return the module that multiplies by a constant, made once: it is found by this file's name when it is unpickled."""
    if "Scale" not in globals():
        torch = _torch("to_torch")

        class Scale(torch.nn.Module):  # type: ignore[misc,name-defined]  # PyTorch may not be there to be checked
            """x times a constant: what `Input(scale=...)` does."""

            def __init__(self, factor: float) -> None:
                super().__init__()
                self.factor = factor

            def forward(self, x: Any) -> Any:
                """Return x times the factor."""
                return x * self.factor

            def extra_repr(self) -> str:
                """Return the factor."""
                return repr(self.factor)

        Scale.__qualname__ = "Scale"
        globals()["Scale"] = Scale
    return globals()["Scale"]


def __getattr__(name: str) -> Any:
    if name == "Scale":
        return _scale_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
