"""Arrays of which only the shape is known: operators made of them run through a product and count its work."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


class Work:
    """FLOPs counted so far; a multiplication with an addition counts two."""

    def __init__(self) -> None:
        self.flops = 0


class Sketch:
    """Stands in for an array of a shape; what is done to it is counted, not done."""

    __array_ufunc__ = None
    dtype = np.dtype("float64")

    def __init__(self, shape: tuple[int, ...], work: Work) -> None:
        self.shape = shape
        self.work = work

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def T(self) -> Sketch:  # noqa: N802
        """The transpose."""
        return Sketch(self.shape[::-1], self.work)

    def reshape(self, *shape: int) -> Sketch:
        """Return a sketch of another shape."""
        return Sketch(shape, self.work)

    def transpose(self, *axes: int) -> Sketch:
        """Return a sketch with its axes in another order."""
        return Sketch(tuple(self.shape[axis] for axis in axes), self.work)

    def _elementwise(self, other: Any) -> Sketch:
        result = Sketch(np.broadcast_shapes(self.shape, other.shape), self.work)
        self.work.flops += math.prod(result.shape)
        return result

    __mul__ = __add__ = _elementwise

    def __matmul__(self, other: Sketch) -> Sketch:
        (rows, inner), columns = self.shape, other.shape[1]
        self.work.flops += 2 * rows * inner * columns
        return Sketch((rows, columns), self.work)
