"""Initial values of parameters.

They are drawn from the counter-based generator, keyed by the model's seed and the parameter's number: the same bits on every machine.
An initializer is given by name ("glorot_uniform", "he_normal", "zeros", ...), as an instance, as an array of the parameter's shape, or as a
function of the shape that returns such an array.

Examples
--------
>>> import chainrule as cr
>>> layer = cr.Dense(4, "relu", kernel_init="he_normal", bias_init=cr.initializers.Constant(0.1))
>>> cr.Sequential([cr.Input(3), layer]).parameters()["0.bias"]
array([0.1, 0.1, 0.1, 0.1], dtype=float32)
"""

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from chainrule import _core, validation
from chainrule.names import Configured, resolve
from chainrule.validation import Array

__all__ = ["Constant", "Initializer", "VarianceScaling", "initializer"]


class Initializer(Configured):
    """Base of the initializers."""

    def values(self, shape: tuple[int, ...], seed: int, key: int) -> Array:
        """Return the values of parameter number `key`."""
        raise NotImplementedError


class Constant(Initializer):
    """Every element is `value`.

    Parameters
    ----------
    value : float
    """

    _fields = ("value",)

    def __init__(self, value: float) -> None:
        self.value = validation.real(value, "Constant", "value")

    def values(self, shape: tuple[int, ...], seed: int, key: int) -> Array:
        """Return the values of parameter number `key`."""
        return np.full(shape, self.value)


class VarianceScaling(Initializer):
    """Random values of mean 0 and variance scale / n.

    Parameters
    ----------
    scale : float
        Above 0.
    mode : {"fan_in", "fan_avg"}
        Whether n is the number of inputs, or the mean of the numbers of inputs and outputs.
    distribution : {"uniform", "normal"}
        Uniform on (-sqrt(3 scale / n), sqrt(3 scale / n)), or normal (not truncated).

    Notes
    -----
    glorot_*: scale 1, fan_avg (Glorot, Bengio 2010). he_*: scale 2, fan_in (He et al. 2015). lecun_*: scale 1, fan_in (LeCun et al. 1998).
    """

    _fields = ("scale", "mode", "distribution")

    def __init__(self, scale: float, mode: Literal["fan_in", "fan_avg"], distribution: Literal["uniform", "normal"]) -> None:
        self.scale = validation.real(scale, "VarianceScaling", "scale", above=0)
        if mode not in ("fan_in", "fan_avg"):
            raise ValueError(f"VarianceScaling: expected mode 'fan_in' or 'fan_avg', got {mode!r}")
        if distribution not in ("uniform", "normal"):
            raise ValueError(f"VarianceScaling: expected distribution 'uniform' or 'normal', got {distribution!r}")
        self.mode = mode
        self.distribution = distribution

    def values(self, shape: tuple[int, ...], seed: int, key: int) -> Array:
        """Return the values of parameter number `key`."""
        fan_in, fan_out = (shape[0], shape[-1]) if len(shape) > 1 else (shape[0], shape[0])
        variance = self.scale / (fan_in if self.mode == "fan_in" else (fan_in + fan_out) / 2)
        if self.distribution == "normal":
            return _core.random_normal(shape, 0.0, math.sqrt(variance), seed=seed, key=key)
        limit = math.sqrt(3 * variance)
        return _core.random_uniform(shape, -limit, limit, seed=seed, key=key)


class Given(Initializer):
    """Values that the caller gives, as an array or as a function of the shape."""

    def __init__(self, source: Any) -> None:
        self.source = source

    def values(self, shape: tuple[int, ...], seed: int, key: int) -> Array:
        """Return the values of parameter number `key`."""
        given = self.source(shape) if callable(self.source) else self.source
        array = validation.numeric(given, "initializer", "values")
        if array.shape != shape:
            raise ValueError(f"initializer: expected values of shape {shape}, got shape {array.shape}")
        _core.require_finite(array, "initializer", "values")
        return array.astype(np.float64)

    def __repr__(self) -> str:
        if callable(self.source):
            return getattr(self.source, "__name__", repr(self.source))
        return f"array of shape {np.shape(self.source)}"

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__


_TABLE: dict[str, Callable[[], Initializer]] = {
    "glorot_uniform": lambda: VarianceScaling(1.0, "fan_avg", "uniform"),
    "glorot_normal": lambda: VarianceScaling(1.0, "fan_avg", "normal"),
    "he_uniform": lambda: VarianceScaling(2.0, "fan_in", "uniform"),
    "he_normal": lambda: VarianceScaling(2.0, "fan_in", "normal"),
    "lecun_uniform": lambda: VarianceScaling(1.0, "fan_in", "uniform"),
    "lecun_normal": lambda: VarianceScaling(1.0, "fan_in", "normal"),
    "zeros": lambda: Constant(0.0),
    "ones": lambda: Constant(1.0),
}


def initializer(given: object) -> Initializer:
    """Return the initializer that a name, an instance, an array or a function of the shape stands for."""
    if isinstance(given, np.ndarray | list | tuple) or (callable(given) and not isinstance(given, type)):
        return Given(given)
    return resolve("initializer", given, Initializer, _TABLE)
