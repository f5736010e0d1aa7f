"""Products of arrays, einsum among them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from chainrule.recording.core import gather, implements, is_variable, normalized, positions, record, shape_of
from chainrule.recording.movement import reshape


@implements(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """np.tensordot."""
    rank_a, rank_b = len(shape_of(a)), len(shape_of(b))
    if isinstance(axes, (int, np.integer)):
        of_a: Any = tuple(range(rank_a - axes, rank_a))
        of_b: Any = tuple(range(axes))
    else:
        of_a, of_b = axes
    of_a, of_b = normalized(of_a, rank_a), normalized(of_b, rank_b)
    if [shape_of(a)[i] for i in of_a] != [shape_of(b)[i] for i in of_b]:
        raise ValueError(f"tensordot: expected axes of equal sizes, got shapes {shape_of(a)} and {shape_of(b)}")
    free_a = [i for i in range(rank_a) if i not in of_a]
    free_b = [i for i in range(rank_b) if i not in of_b]
    inner = math.prod(shape_of(a)[i] for i in of_a)
    outer = [shape_of(a)[i] for i in free_a], [shape_of(b)[i] for i in free_b]
    left = np.reshape(np.transpose(a, (*free_a, *of_a)), (math.prod(outer[0]), inner))
    right = np.reshape(np.transpose(b, (*of_b, *free_b)), (inner, math.prod(outer[1])))
    return reshape(record("matmul", left, right), (*outer[0], *outer[1]))


@implements(np.dot)
def dot(a: Any, b: Any) -> Any:
    """np.dot."""
    rank_a, rank_b = len(shape_of(a)), len(shape_of(b))
    if rank_a == 0 or rank_b == 0:
        return np.multiply(a, b)
    return tensordot(a, b, ((rank_a - 1,), (max(rank_b - 2, 0),)))


@implements(np.inner)
def inner(a: Any, b: Any) -> Any:
    """np.inner."""
    rank_a, rank_b = len(shape_of(a)), len(shape_of(b))
    if rank_a == 0 or rank_b == 0:
        return np.multiply(a, b)
    return tensordot(a, b, ((rank_a - 1,), (rank_b - 1,)))


@implements(np.vdot)
def vdot(a: Any, b: Any) -> Any:
    """np.vdot."""
    return dot(np.ravel(a), np.ravel(b))


@implements(np.outer)
def outer(a: Any, b: Any) -> Any:
    """np.outer."""
    return np.reshape(a, (-1, 1)) * np.reshape(b, (1, -1))


@implements(np.kron)
def kron(a: Any, b: Any) -> Any:
    """np.kron."""
    rank = max(len(shape_of(a)), len(shape_of(b)))
    shape_a = (1,) * (rank - len(shape_of(a))) + shape_of(a)
    shape_b = (1,) * (rank - len(shape_of(b))) + shape_of(b)
    spread_a = np.reshape(a, tuple(itertools.chain.from_iterable((size, 1) for size in shape_a)))
    spread_b = np.reshape(b, tuple(itertools.chain.from_iterable((1, size) for size in shape_b)))
    return np.reshape(spread_a * spread_b, tuple(m * n for m, n in zip(shape_a, shape_b, strict=True)))


@implements(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """np.cross of vectors with three components."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    if shape_of(a)[-1] != 3 or shape_of(b)[-1] != 3:
        raise ValueError(f"cross: expected vectors of 3 components, got shapes {shape_of(a)} and {shape_of(b)}")
    parts = [a[..., (i + 1) % 3] * b[..., (i + 2) % 3] - a[..., (i + 2) % 3] * b[..., (i + 1) % 3] for i in range(3)]
    return np.moveaxis(np.stack(parts, axis=-1), -1, axisc)


@implements(np.trace)
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Any:
    """np.trace."""
    return np.sum(np.diagonal(x, offset, axis1, axis2), axis=-1)


def _einsum_labels(subscripts: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """Return the labels of each operand and of the result, one for each axis; what "..." stands for gets letters of its own."""
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(ranks):
        raise ValueError(f"einsum: expected {len(parts)} operands for {subscripts!r}, got {len(ranks)}")
    used = set(subscripts)
    spare = "".join(chr(code) for code in range(0x100, 0x140) if chr(code) not in used)
    widest = max((rank - len(part) + 3 for part, rank in zip(parts, ranks, strict=True) if "..." in part), default=0)
    expanded = []
    for part, rank in zip(parts, ranks, strict=True):
        dots = rank - len(part) + 3 if "..." in part else 0
        part = part.replace("...", spare[widest - dots : widest])
        if len(part) != rank:
            raise ValueError(f"einsum: expected an operand of {len(part)} dimensions for {part!r} of {subscripts!r}, got {rank}")
        expanded.append(part)
    if arrow:
        result = right.replace("...", spare[:widest])
    else:
        letters = "".join(expanded)
        result = spare[:widest] + "".join(sorted(c for c in set(letters) if letters.count(c) == 1 and c not in spare[:widest]))
    return expanded, result


def _one_of_each(x: Any, labels: str) -> tuple[Any, str]:
    """Return the diagonal along axes with the same label."""
    once = "".join(dict.fromkeys(labels))
    if once == labels:
        return x, labels
    plain_labels = {label: chr(ord("a") + i) for i, label in enumerate(once)}
    spelt = "".join(plain_labels[label] for label in labels) + "->" + "".join(plain_labels[label] for label in once)
    index = np.einsum(spelt, positions(x))
    return (gather(x, index) if is_variable(x) else np.asarray(x).reshape(-1)[index]), once


def _summed_to(x: Any, labels: str, kept: Iterable[str]) -> tuple[Any, str]:
    """Sum over the axes whose labels are not kept."""
    kept = set(kept)
    axes = tuple(i for i, label in enumerate(labels) if label not in kept)
    return (np.sum(x, axis=axes), "".join(label for label in labels if label in kept)) if axes else (x, labels)


def _contracted(a: Any, of_a: str, b: Any, of_b: str, kept: set[str]) -> tuple[Any, str]:
    """Return the product of two operands, summed over the labels that are not kept, as one stack of matrix products."""
    a, of_a = _summed_to(a, of_a, kept | set(of_b))
    b, of_b = _summed_to(b, of_b, kept | set(of_a))
    both = [label for label in of_a if label in of_b]
    stack = [label for label in both if label in kept]
    inner_labels = [label for label in both if label not in kept]
    free_a = [label for label in of_a if label not in of_b]
    free_b = [label for label in of_b if label not in of_a]
    sizes = dict(zip(of_b, shape_of(b), strict=True))
    for label, size in zip(of_a, shape_of(a), strict=True):
        sizes[label] = max(size, sizes.get(label, 1)) if size != 0 else 0

    def widened(x: Any, labels: str) -> Any:  # axes of size 1 are repeated
        shape = tuple(sizes[label] for label in labels)
        return x if shape_of(x) == shape else np.broadcast_to(x, shape)

    def as_matrices(x: Any, labels: str, rows: list[str], columns: list[str]) -> Any:
        order = [labels.index(label) for label in (*stack, *rows, *columns)]
        shape = [sizes[label] for label in stack] + [
            math.prod(map(sizes.__getitem__, rows)),
            math.prod(map(sizes.__getitem__, columns)),
        ]
        return np.reshape(np.transpose(widened(x, labels), order), shape)

    y = np.matmul(as_matrices(a, of_a, free_a, inner_labels), as_matrices(b, of_b, inner_labels, free_b))
    labels = stack + free_a + free_b
    return np.reshape(y, [sizes[label] for label in labels]), "".join(labels)


def _spelt(labels: Sequence[Any]) -> str:
    """Return numbers of axes as letters."""
    return "".join("..." if label is Ellipsis else chr(ord("a") + label) for label in labels)


@implements(np.einsum)
def einsum(*operands: Any, **keywords: Any) -> Any:
    """np.einsum, operand by operand from the left, each step a matrix product."""
    if isinstance(operands[0], str):
        subscripts, arrays = operands[0], list(operands[1:])
    else:  # einsum(a, [0, 1], b, [1, 2], [0, 2])
        arrays = list(operands[0 : len(operands) - len(operands) % 2 : 2])
        subscripts = ",".join(_spelt(labels) for labels in operands[1 : len(operands) : 2])
        if len(operands) % 2:
            subscripts += "->" + _spelt(operands[-1])
    labels, result = _einsum_labels(subscripts, [len(shape_of(x)) for x in arrays])
    terms = [_one_of_each(x, of_x) for x, of_x in zip(arrays, labels, strict=True)]
    x, of_x = terms[0]
    for number, (other, of_other) in enumerate(terms[1:], start=2):
        later = set(result).union(*(of_term for _, of_term in terms[number:]))
        x, of_x = _contracted(x, of_x, other, of_other, later)
    x, of_x = _summed_to(x, of_x, result)
    return np.transpose(x, [of_x.index(label) for label in result]) if of_x != result else x


@implements(np.convolve)
def convolve(a: Any, b: Any, mode: str = "full") -> Any:
    """np.convolve."""
    if len(shape_of(a)) > 1 or len(shape_of(b)) > 1:
        raise ValueError(f"convolve: expected vectors, got shapes {shape_of(a)} and {shape_of(b)}")
    a, b = np.atleast_1d(a), np.atleast_1d(b)
    if len(b) > len(a):
        a, b = b, a
    n, m = len(a), len(b)
    if m == 0:
        raise ValueError("convolve: expected one element or more, got none")
    # Row i of the matrix is what the elements of b meet at shift i.
    shifts = np.arange(n + m - 1)[:, None] - np.arange(m)[None, :]
    inside = (shifts >= 0) & (shifts < n)
    rows = np.where(inside, np.reshape(a, -1)[np.clip(shifts, 0, n - 1)], 0.0)
    first, count = {"full": (0, n + m - 1), "same": ((m - 1) // 2, n), "valid": (m - 1, n - m + 1)}[mode]
    return np.matmul(rows[first : first + count], b)
