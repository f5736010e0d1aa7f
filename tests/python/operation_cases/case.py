"""What a case is, and the shapes and values that cases are drawn from: by a seed, for every operation alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray
Shape = tuple[int, ...]

SAMPLES = 28  # of each operation at least: the kinds of shapes below take turns, so seven of each
KINDS = ("empty", "one", "odd", "any")
# By rank, so that central differences stay cheap; long vectors fill some registers and leave a tail.
SIZES = {1: (2, 3, 8, 35), 2: (1, 2, 3, 4, 17), 3: (1, 2, 3, 4), 4: (1, 2, 3)}
ODD = {1: (3, 7, 35), 2: (3, 5, 7), 3: (3, 5), 4: (3,)}


@dataclass(frozen=True)
class Case:
    operation: str
    arrays: list[Array]
    formula: Callable[..., Any]
    attributes: dict[str, Any] = field(default_factory=dict)
    rows: tuple[int, ...] = ()  # inputs whose first dimension is declared as rows
    fixed: tuple[int, ...] = ()  # inputs that are there for their shape or as labels: not differentiated

    def __str__(self) -> str:
        shapes = "-".join("x".join(map(str, array.shape)) or "scalar" for array in self.arrays)
        extra = "-".join(f"{key}={value}".replace(" ", "") for key, value in self.attributes.items())
        return "-".join(filter(None, [self.operation, shapes, extra, "rows" if self.rows else ""]))


def generator(*words: object) -> np.random.Generator:
    return np.random.default_rng([sum(str(word).encode()) for word in words])


# --- shapes -----------------------------------------------------------------------------------------------------------------------


def drawn_shape(rng: np.random.Generator, kind: str, ranks: tuple[int, int]) -> Shape:
    low, high = ranks
    rank = int(rng.integers(low if kind == "one" else max(low, 1), high + 1))
    if kind == "one":
        return (1,) * rank
    sizes = [int(size) for size in rng.choice(ODD[rank] if kind == "odd" else SIZES[rank], rank)]
    if kind == "empty":
        sizes[rng.integers(rank)] = 0
    return tuple(sizes)


def shapes(seed: str, ranks: tuple[int, int] = (0, 3), count: int = SAMPLES) -> list[Shape]:
    """Of ranks from the first to the second: zero-size, of one element, of odd sizes and any, in turn."""
    rng = generator(seed)
    return [drawn_shape(rng, KINDS[number % len(KINDS)], ranks) for number in range(count)]


def narrowed(rng: np.random.Generator, shape: Shape) -> Shape:
    """A shape that broadcasts to this one: without leading dimensions, and with ones for some that are left."""
    kept = shape[int(rng.integers(len(shape) + 1)) :]
    return tuple(1 if rng.random() < 0.4 else size for size in kept)


def broadcast_shapes(
    seed: str, operands: int = 2, ranks: tuple[int, int] = (0, 3), count: int = SAMPLES
) -> list[tuple[Shape, ...]]:
    """Shapes that broadcast together: all equal every third time, else one as a whole and the others narrowed from it."""
    rng = generator(seed, "broadcast")
    found: list[tuple[Shape, ...]] = []
    for number, shape in enumerate(shapes(seed, ranks, count)):
        together = [shape if number % 3 == 0 else narrowed(rng, shape) for _ in range(operands)]
        together[int(rng.integers(operands))] = shape
        found.append(tuple(together))
    return found


def rows_of(number: int, *operands: Shape) -> tuple[int, ...]:
    """For every other case the operands that have rows: those of full rank and full first dimension, where no other has that rank."""
    rank = max(len(shape) for shape in operands)
    full = [i for i, shape in enumerate(operands) if len(shape) == rank]
    first = max((operands[i][0] for i in full), default=0) if rank else 0
    if number % 2 or rank == 0 or any(operands[i][0] != first for i in full):
        return ()
    return tuple(full)


# --- values -----------------------------------------------------------------------------------------------------------------------


def away_from_zero(shape: Shape, seed: object) -> Array:
    """Of both signs, of a size from 0.2 to 2."""
    rng = generator(seed, shape)
    return rng.uniform(0.2, 2.0, shape) * rng.choice([-1.0, 1.0], shape)


def positive(shape: Shape, seed: object) -> Array:
    return generator(seed, shape).uniform(0.3, 2.0, shape)


def apart(x: Array, shape: Shape, seed: object) -> Array:
    """Values away from zero whose sizes differ from those of x by 0.2 at least (for another shape: beyond the range of x)."""
    rng = generator(seed, shape)
    signs = rng.choice([-1.0, 1.0], shape)
    if shape != x.shape:
        return signs * rng.uniform(2.3, 2.7, shape)
    step = rng.uniform(0.2, 0.9, shape)
    return signs * np.where(abs(x) < 1.1, abs(x) + step, abs(x) - step)
