"""An operation and its operands as one would write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.graphs.previews import number, one_line, shortened

_ROOM = 40
_TEMPLATES = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "pow": "{0} ** {1}",
    "negate": "-{0}",
    "square": "{0} ** 2",
    "reciprocal": "1 / {0}",
    "power": "{0} ** {alpha}",
    "scale": "{alpha} * {0}",
    "absolute": "abs({0})",
}
_REDUCTIONS = {"sum", "mean", "max", "min"}


def operand(name: str, constant: NDArray[Any] | None) -> str:
    """Return what stands for an operand: its name, or the number itself of a constant that is one number."""
    if constant is None or (constant.ndim > 0 and constant.dtype.kind == "f"):
        return name
    text = one_line(constant, 16)
    return f"({text})" if text.startswith("-") else text


def _element(names: Sequence[str], positions: NDArray[Any], shape: tuple[int, ...]) -> str:
    """Return which element of an array a gather of one number takes."""
    index = ", ".join(str(i) for i in np.unravel_index(int(positions), shape))
    return f"{names[0]}[{index}]"


def formula(
    operation: str,
    names: Sequence[str],
    constants: Sequence[NDArray[Any] | None],
    attributes: Mapping[str, Any],
    first_shape: tuple[int, ...],
) -> str:
    """Return an operation as one would write it; constants: the values of the operands that are constants."""
    shown = [operand(name, constant) for name, constant in zip(names, constants, strict=True)]
    if operation == "gather" and constants[1] is not None and constants[1].ndim == 0 and first_shape:
        return _element(shown, constants[1], first_shape)
    if operation == "matmul":
        shown = [f"{name}.T" if attributes.get(f"transpose_{side}") else name for name, side in zip(shown, "ab", strict=True)]
        return shortened(" @ ".join(shown), _ROOM)
    if operation in _TEMPLATES:
        return shortened(_TEMPLATES[operation].format(*shown, alpha=number(attributes.get("alpha", 0.0))), _ROOM)
    axes = attributes.get("axes", ())
    if operation in _REDUCTIONS and 0 < len(axes) < len(first_shape):
        shown.append(f"axis={axes[0] if len(axes) == 1 else tuple(axes)}")
    return shortened(f"{operation}({', '.join(shown)})", _ROOM)
