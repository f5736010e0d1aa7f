"""Initial values of parameters.

They are drawn from the counter-based generator, keyed by the model's seed and the parameter's number: the same bits on every machine.
An initializer is given by name, as an instance, as an array of the parameter's shape, or as a function of the shape that returns such
an array. The names:

"glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal"
    `VarianceScaling`. As in PyTorch, and unlike Keras, the normal ones are not truncated:
    ``VarianceScaling(2.0, "fan_in", "truncated_normal")`` is Keras' "he_normal".
"uniform" or "random_uniform", "normal" or "random_normal", "truncated_normal"
    `RandomUniform`, `RandomNormal` and `TruncatedNormal` with Keras' defaults.
"orthogonal"
    `Orthogonal`.
"zeros", "ones", "constant"
    `Constant` of 0, 1 and 0.

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

__all__ = [
    "Constant",
    "Initializer",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "initializer",
]

# Normal numbers within two standard deviations of their mean have this one.
_TRUNCATED_STD = 0.8796256610342398


class Initializer(Configured):
    """Base of the initializers."""

    def values(self, shape: tuple[int, ...], seed: int, key: int) -> Array:
        """Return the values of parameter number `key`."""
        raise NotImplementedError


class Constant(Initializer):
    """Every element is `value`.

    Parameters
    ----------
    value : float, default 0.0
    """

    _fields = ("value",)

    def __init__(self, value: float = 0.0) -> None:
        self.value = validation.real(value, "Constant", "value")

    def values(self, shape: tuple[int, ...], seed: int, key: int) -> Array:
        """Return the values of parameter number `key`."""
        return np.full(shape, self.value)


class RandomUniform(Initializer):
    """Uniform on [low, high).

    Parameters
    ----------
    low, high : float, default -0.05 and 0.05

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.initializers.RandomUniform(0.0, 1.0).values((2,), seed=0, key=0)
    array([0.17893147, 0.98817259])
    """

    _fields = ("low", "high")

    def __init__(self, low: float = -0.05, high: float = 0.05) -> None:
        self.low = validation.real(low, "RandomUniform", "low")
        self.high = validation.real(high, "RandomUniform", "high", least=self.low)

    def values(self, shape: tuple[int, ...], seed: int, key: int) -> Array:
        """Return the values of parameter number `key`."""
        return _core.random_uniform(shape, self.low, self.high, seed=seed, key=key)


class RandomNormal(Initializer):
    """Normal.

    Parameters
    ----------
    mean : float, default 0.0
    std : float, default 0.05
        At least 0.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.initializers.RandomNormal(std=1.0).values((2,), seed=0, key=0)
    array([-0.91944486,  2.26268965])
    """

    _fields = ("mean", "std")

    def __init__(self, mean: float = 0.0, std: float = 0.05) -> None:
        self.mean = validation.real(mean, type(self).__name__, "mean")
        self.std = validation.real(std, type(self).__name__, "std", least=0)

    def values(self, shape: tuple[int, ...], seed: int, key: int) -> Array:
        """Return the values of parameter number `key`."""
        return _core.random_normal(shape, self.mean, self.std, seed=seed, key=key)


class TruncatedNormal(RandomNormal):
    """Normal, under the condition that it is within two standard deviations `std` of the mean: of standard deviation 0.88 std.

    Parameters
    ----------
    mean : float, default 0.0
    std : float, default 0.05
        At least 0.

    Examples
    --------
    >>> import chainrule as cr
    >>> bool(abs(cr.initializers.TruncatedNormal(std=1.0).values((1000,), seed=0, key=0)).max() <= 2)
    True
    """

    def values(self, shape: tuple[int, ...], seed: int, key: int) -> Array:
        """Return the values of parameter number `key`."""
        return _core.random_truncated_normal(shape, self.mean, self.std, seed=seed, key=key)


class Orthogonal(Initializer):
    """A random matrix with orthonormal columns, or rows where there are fewer, times `gain` (Saxe, McClelland, Ganguli 2014).

    Uniform among these matrices: the Q of the QR decomposition, with a positive diagonal of R, of a matrix of normal numbers.

    Parameters
    ----------
    gain : float, default 1.0

    Raises
    ------
    ValueError
        For a parameter that is no matrix, such as a bias.

    Examples
    --------
    >>> import chainrule as cr
    >>> q = cr.initializers.Orthogonal().values((2, 5), seed=0, key=0)
    >>> (q @ q.T).round(12) + 0
    array([[1., 0.],
           [0., 1.]])
    """

    _fields = ("gain",)

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = validation.real(gain, "Orthogonal", "gain")

    def values(self, shape: tuple[int, ...], seed: int, key: int) -> Array:
        """Return the values of parameter number `key`."""
        if len(shape) != 2:
            raise ValueError(f"Orthogonal: expected a parameter of 2 dimensions, got shape {shape}")
        return _core.random_orthogonal(*shape, self.gain, seed=seed, key=key)


class VarianceScaling(Initializer):
    """Random values of mean 0 and variance scale / n.

    Parameters
    ----------
    scale : float
        Above 0.
    mode : {"fan_in", "fan_out", "fan_avg"}
        Whether n is the number of inputs, of outputs, or their mean.
    distribution : {"uniform", "normal", "truncated_normal"}
        Uniform on (-sqrt(3 scale / n), sqrt(3 scale / n)), normal, or normal within two standard deviations (those of the whole normal
        distribution, which is made wider, as in Keras, to leave the variance as it is said).

    Notes
    -----
    glorot_*: scale 1, fan_avg (Glorot, Bengio 2010). he_*: scale 2, fan_in (He et al. 2015). lecun_*: scale 1, fan_in (LeCun et al. 1998).
    """

    _fields = ("scale", "mode", "distribution")

    def __init__(
        self,
        scale: float,
        mode: Literal["fan_in", "fan_out", "fan_avg"],
        distribution: Literal["uniform", "normal", "truncated_normal"],
    ) -> None:
        self.scale = validation.real(scale, "VarianceScaling", "scale", above=0)
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f"VarianceScaling: expected mode 'fan_in', 'fan_out' or 'fan_avg', got {mode!r}")
        if distribution not in ("uniform", "normal", "truncated_normal"):
            raise ValueError(
                f"VarianceScaling: expected distribution 'uniform', 'normal' or 'truncated_normal', got {distribution!r}"
            )
        self.mode = mode
        self.distribution = distribution

    def values(self, shape: tuple[int, ...], seed: int, key: int) -> Array:
        """Return the values of parameter number `key`."""
        fan_in, fan_out = (shape[0], shape[-1]) if len(shape) > 1 else (shape[0], shape[0])
        variance = self.scale / {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        if self.distribution == "normal":
            return _core.random_normal(shape, 0.0, math.sqrt(variance), seed=seed, key=key)
        if self.distribution == "truncated_normal":
            return _core.random_truncated_normal(shape, 0.0, math.sqrt(variance) / _TRUNCATED_STD, seed=seed, key=key)
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
    "uniform": RandomUniform,
    "random_uniform": RandomUniform,
    "normal": RandomNormal,
    "random_normal": RandomNormal,
    "truncated_normal": TruncatedNormal,
    "orthogonal": Orthogonal,
    "zeros": Constant,
    "ones": lambda: Constant(1.0),
    "constant": Constant,
}


def initializer(given: object) -> Initializer:
    """Return the initializer that a name, an instance, an array or a function of the shape stands for."""
    if isinstance(given, np.ndarray | list | tuple) or (callable(given) and not isinstance(given, type)):
        return Given(given)
    return resolve("initializer", given, Initializer, _TABLE)
