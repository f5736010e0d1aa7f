"""Parameters by name: chainrule's own names and layout, and PyTorch's.

A kernel of shape (in, out) called "0.kernel" is PyTorch's "0.weight" of shape (out, in); biases are the same; scale and shift of
a normalisation are its weight and bias, the table of an embedding is its weight, running statistics are the same. The number is the
layer's position in `Sequential` (`Input` does not count), so that the state of an `nn.Sequential` with the same layers at the same
positions fits: there, activations are layers of their own, as `Activation` is here.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from chainrule import _core, validation
from chainrule.names import unknown
from chainrule.validation import Array

_TORCH_NAMES = {"kernel": "weight", "scale": "weight", "shift": "bias", "table": "weight"}
# PyTorch counts batches; its own loading does without the count, too.
_COUNT = ".num_batches_tracked"


def to_torch(parameters: Mapping[str, Array]) -> dict[str, Array]:
    """Return the parameters under PyTorch's names, in PyTorch's layout."""
    return {_torch_name(name): np.ascontiguousarray(_turned(name, value)) for name, value in parameters.items()}


def from_torch(state: Mapping[str, object], names: Iterable[str]) -> dict[str, object]:
    """Return the state under chainrule's names, in chainrule's layout; every parameter must be there, and nothing else."""
    by_torch_name = {_torch_name(name): name for name in names}
    if not isinstance(state, Mapping):
        raise TypeError(f"load_state_dict: expected a dict from name to array, got {type(state).__name__}")
    for name in state:
        if name not in by_torch_name and not str(name).endswith(_COUNT):
            raise unknown("parameter", str(name), by_torch_name)
    missing = [name for name in by_torch_name if name not in state]
    if missing:
        raise ValueError(f"load_state_dict: expected all of {', '.join(by_torch_name)}, got none for {', '.join(missing)}")
    return {own: _turned(own, validation.numeric(state[name], "load_state_dict", name)) for name, own in by_torch_name.items()}


def checked(values: Mapping[str, object], shapes: Mapping[str, tuple[int, ...]], dtype: str, operation: str) -> dict[str, Array]:
    """Check names, shapes and elements of new parameters, and cast them."""
    if not isinstance(values, Mapping):
        raise TypeError(f"{operation}: expected a dict from name to array, got {type(values).__name__}")
    result = {}
    for name, value in values.items():
        if name not in shapes:
            raise unknown("parameter", str(name), shapes)
        array = validation.numeric(value, operation, name)
        if array.shape != shapes[name]:
            raise ValueError(f"{operation}: expected {name} of shape {shapes[name]}, got shape {array.shape}")
        with np.errstate(over="ignore"):  # what overflows is refused by the next check
            result[name] = array.astype(dtype, copy=False)
        _core.require_finite(result[name], operation, name)
    return result


def _torch_name(name: str) -> str:
    prefix, _, own = name.rpartition(".")
    return f"{prefix}.{_TORCH_NAMES.get(own, own)}"


def _turned(name: str, value: Array) -> Array:
    """Return a kernel in the other layout; everything else is the same in both."""
    return value.T if name.endswith(".kernel") else value
