"""Operators: every product, transpose and sum of structures equals that of the matrices."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator, cg

from chainrule import operators
from chainrule.operators import Chain, Dense, Diagonal, Identity, Kronecker, LowRank

RNG = np.random.default_rng(8)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape)


SQUARE = [
    Identity(6),
    Diagonal(normal(6)),
    Dense(normal(6, 6)),
    LowRank(normal(6, 2), normal(6, 2)),
    LowRank(normal(6, 1), normal(6, 1), diagonal=normal(6)),
    Kronecker(normal(2, 2), normal(3, 3)),
    Kronecker(normal(3, 3), Diagonal(normal(2))),
    Kronecker(LowRank(normal(2, 1), normal(2, 1), normal(2)), Identity(3)),
    Chain([Dense(normal(6, 3)), Dense(normal(3, 6))]),
]
OBLONG = [
    Dense(normal(6, 4)),
    Dense(normal(6, 0)),
    Kronecker(normal(1, 4), Identity(6)),
    Kronecker(normal(6, 1), normal(1, 3)),
    Kronecker(normal(2, 5), normal(3, 1)),
    LowRank(normal(6, 1), normal(9, 1)),
    Chain([Dense(normal(6, 3)), Kronecker(normal(1, 2), Dense(normal(3, 4)))]),
]
ALL = SQUARE + OBLONG


@pytest.mark.parametrize("op", ALL, ids=repr)
def test_products_with_arrays_and_transposes(op: Any) -> None:
    matrix, (rows, columns) = op.dense(), op.shape
    assert matrix.shape == op.shape
    x, y = normal(columns, 3), normal(rows, 3)
    np.testing.assert_allclose(op @ x, matrix @ x, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(op @ x[:, 0], matrix @ x[:, 0], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(y.T @ op, y.T @ matrix, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(y[:, 0] @ op, y[:, 0] @ matrix, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(op.T.dense(), matrix.T, rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(np.asarray(op), matrix)


@pytest.mark.parametrize(("left", "right"), list(itertools.product([*SQUARE, *(op.T for op in OBLONG)], ALL)), ids=repr)
def test_products_of_two(left: Any, right: Any) -> None:
    expected = left.dense() @ right.dense()
    lazy = left @ right
    assert isinstance(lazy, operators.Operator)
    assert lazy.shape == expected.shape
    np.testing.assert_allclose(lazy.dense(), expected, rtol=1e-11, atol=1e-12)
    chain = Chain([left, right])
    product = chain.product()
    assert not isinstance(product, Chain)
    np.testing.assert_allclose(product.dense(), expected, rtol=1e-11, atol=1e-12)
    assert chain.plan().result == repr(product)  # what sketches foresee is what comes out


@pytest.mark.parametrize("op", ALL, ids=repr)
def test_scipy_takes_them(op: Any) -> None:
    linear = aslinearoperator(op)
    x, y = normal(op.shape[1]), normal(op.shape[0])
    assert linear.dtype == np.float64
    np.testing.assert_allclose(linear @ x, op.dense() @ x, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(linear.rmatvec(y), op.dense().T @ y, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(linear.matmat(x[:, None]), op.dense() @ x[:, None], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(linear.H.matmat(y[:, None]), op.dense().T @ y[:, None], rtol=1e-12, atol=1e-13)


def test_scipy_solves_with_them() -> None:
    u = normal(5, 1)
    op = LowRank(u, u, diagonal=np.full(5, 2.0))
    b = normal(5)
    solution, failed = cg(op, b, rtol=1e-12)
    assert failed == 0
    np.testing.assert_allclose(op @ solution, b, rtol=1e-9)


@pytest.mark.parametrize(
    ("left", "right", "structure"),
    [
        (Identity(6), Kronecker(normal(2, 2), normal(3, 3)), Kronecker),
        (Diagonal(normal(6)), Diagonal(normal(6)), Diagonal),
        (Diagonal(normal(6)), Dense(normal(6, 2)), Dense),
        (Dense(normal(2, 6)), Diagonal(normal(6)), Dense),
        (Kronecker(normal(2, 2), Identity(3)), Kronecker(normal(2, 5), Identity(3)), Kronecker),
        (Dense(normal(5, 6)), LowRank(normal(6, 1), normal(4, 1)), LowRank),
        (LowRank(normal(6, 2), normal(6, 2)), LowRank(normal(6, 1), normal(6, 1)), LowRank),
        (Diagonal(normal(6)), Kronecker(normal(1, 4), Identity(6)), Kronecker),
        (Dense(normal(6, 6)), Dense(normal(6, 6)), Chain),
    ],
)
def test_what_structure_a_product_keeps(left: Any, right: Any, structure: type) -> None:
    assert type(left @ right) is structure


def test_the_smaller_rank_stays() -> None:
    wide, narrow = LowRank(normal(9, 3), normal(9, 3)), LowRank(normal(9, 1), normal(9, 1))
    assert (wide @ narrow).rank == 1
    assert (narrow @ wide).rank == 1


def test_results_are_arrays_of_their_own() -> None:
    x = normal(6)
    y = Identity(6) @ x
    y[:] = 0
    assert x.any()
    matrix = normal(3, 3)
    Dense(matrix).dense()[:] = 0
    assert matrix.any()


def test_types() -> None:
    single = Dense(np.ones((2, 2), np.float32))
    assert (single @ Diagonal(np.ones(2, np.float32))).dtype == np.float32
    assert Dense([[1, 2]]).dtype == np.float64
    assert Kronecker(single, Identity(3, "float32")).dense().dtype == np.float32


def test_a_chain_costs_what_is_counted() -> None:
    chain = Chain([Diagonal(normal(7)), Dense(normal(7, 5)), Dense(normal(5, 1))])
    plan = chain.plan()
    assert plan.order("DAB") == "D (A B)"
    assert plan.work == 2 * 7 * 5 + 7
    assert plan.forward == 7 + 2 * 7 * 5 + 2 * 5
    assert plan.reverse == 7 * (7 + 2 * 7 * 5 + 2 * 5)


def test_a_long_chain() -> None:
    chain = Chain([Diagonal(np.full(2, 1.01))] * 60 + [Dense(np.eye(2))] * 60)
    np.testing.assert_allclose(chain.dense(), 1.01**60 * np.eye(2), rtol=1e-13)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: Diagonal([[1.0]]), ValueError, "Diagonal: expected an array of 1 dimensions, got shape (1, 1)"),
        (lambda: Dense([1j, 2]), TypeError, "Dense: expected real numbers, got complex128"),
        (lambda: Dense(np.ones(3)), ValueError, "Dense: expected an array of 2 dimensions, got shape (3,)"),
        (lambda: LowRank(np.ones((2, 1)), np.ones((2, 2))), ValueError, "as many columns in u as in v"),
        (lambda: LowRank(np.ones((2, 1)), np.ones((3, 1)), np.ones(2)), ValueError, "a matrix of shape (2, 3), got shape (2,)"),
        (lambda: Identity(2) @ Identity(3), ValueError, "matmul: expected an operator with 2 rows, got Identity(3, 3)"),
        (lambda: Identity(2) @ np.ones(3), ValueError, "matmul: expected 2 elements, or rows of a matrix, got shape (3,)"),
        (lambda: Identity(2).rmatvec(np.ones(3)), ValueError, "rmatvec: expected 2 elements"),
        (lambda: Chain([]), ValueError, "Chain: expected at least one factor, got none"),
        (lambda: Chain([np.ones((2, 2))]), TypeError, "Chain: expected operators, got array"),
        (lambda: Identity(-1), ValueError, "Identity: expected size as an integer of at least 0, got -1"),
    ],
)
def test_errors(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
