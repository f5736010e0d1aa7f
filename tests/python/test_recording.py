"""What NumPy's functions record: the same values as on arrays, and derivatives that differences confirm."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
import chainrule.numpy as cnp
from chainrule.recording.core import FUNCTIONS, OF_VALUES
from chainrule.recording.ufuncs import OPERATIONS, UFUNCS

RNG = np.random.default_rng(3)
A = RNG.standard_normal((3, 4))
B = RNG.standard_normal((3, 4))
SQUARE = RNG.standard_normal((3, 3)) + 3 * np.eye(3)
STACK = RNG.standard_normal((2, 3, 4))
V = RNG.standard_normal(5)
W = RNG.standard_normal(3)
POSITIVE = np.abs(A) + 0.5

Case = tuple[str, Callable[..., Any], tuple[Any, ...]]
CASES: list[Case] = [
    # movement
    ("reshape", lambda x: np.reshape(x, (2, -1)), (A,)),
    ("reshape F", lambda x: np.reshape(x, (4, 3), order="F"), (A,)),
    ("ravel", np.ravel, (A,)),
    ("transpose", lambda x: np.transpose(x, (2, 0, 1)), (STACK,)),
    ("swapaxes", lambda x: np.swapaxes(x, 0, -1), (STACK,)),
    ("moveaxis", lambda x: np.moveaxis(x, 0, -1), (STACK,)),
    ("rollaxis", lambda x: np.rollaxis(x, 2), (STACK,)),
    ("expand_dims", lambda x: np.expand_dims(x, (0, 2)), (A,)),
    ("squeeze", lambda x: np.squeeze(x[:1], 0), (A,)),
    ("flip", lambda x: np.flip(x, 1), (A,)),
    ("rot90", np.rot90, (A,)),
    ("roll", lambda x: np.roll(x, 2, axis=1), (A,)),
    ("repeat", lambda x: np.repeat(x, [1, 0, 2], axis=0), (A,)),
    ("tile", lambda x: np.tile(x, (2, 1, 2)), (A,)),
    ("take", lambda x: np.take(x, [2, 0, 2], axis=1), (A,)),
    ("take_along_axis", lambda x: np.take_along_axis(x, np.array([[0], [3], [1]]), 1), (A,)),
    ("diagonal", lambda x: np.diagonal(x, 1), (A,)),
    ("diag of a vector", lambda x: np.diag(x, -1), (V,)),
    ("diag of a matrix", np.diag, (A,)),
    ("tril", np.tril, (A,)),
    ("triu", lambda x: np.triu(x, 1), (A,)),
    ("split", lambda x: np.split(x, 2, axis=1), (A,)),
    ("array_split", lambda x: np.array_split(x, 3), (V,)),
    ("hsplit", lambda x: np.hsplit(x, 2)[1], (A,)),
    ("concatenate", lambda a, b: np.concatenate([a, b, a], axis=1), (A, B)),
    ("concatenate with an array", lambda a: np.concatenate([B, a]), (A,)),
    ("stack", lambda a, b: np.stack([a, b], axis=-1), (A, B)),
    ("vstack", lambda a, b: np.vstack((a, b)), (A, B)),
    ("hstack", lambda a, b: np.hstack((a, b)), (A, B)),
    ("dstack", lambda a, b: np.dstack((a, b)), (A, B)),
    ("column_stack", lambda a: np.column_stack((a, a * a)), (V,)),
    ("append", lambda a: np.append(a, [1.0, 2.0]), (A,)),
    ("pad", lambda x: np.pad(x, ((1, 2), (0, 1)), constant_values=2.0), (A,)),
    ("pad reflect", lambda x: np.pad(x, 2, mode="reflect"), (A,)),
    ("broadcast_to", lambda x: np.broadcast_to(x, (2, 3, 4)), (A,)),
    ("meshgrid", lambda a, b: np.meshgrid(a, b)[0] * np.meshgrid(a, b)[1], (V, W)),
    ("atleast_2d", np.atleast_2d, (V,)),
    ("where", lambda a, b: np.where(A > 0, a, b[:1]), (A, B)),
    ("where scalar", lambda a: np.where(a > 0, a, 0.0), (A,)),
    ("select", lambda a: np.select([A < -0.5, A < 0.5], [a, a * a], 7.0), (A,)),
    ("choose", lambda a: np.choose(np.array([0, 2, 1, 0]), [a, 2 * a, 3 * a]), (V[:4],)),
    ("clip", lambda a: np.clip(a, -0.7, 0.6), (A,)),
    ("sort", lambda x: np.sort(x, axis=0), (A,)),
    ("partition", lambda x: np.partition(x, 2)[..., :1], (A,)),
    ("nan_to_num", np.nan_to_num, (A,)),
    ("extract", lambda x: np.extract(A > 0, x), (A,)),
    ("compress", lambda x: np.compress([True, False, True], x, axis=0), (A,)),
    ("index", lambda x: x[1], (A,)),
    ("slices", lambda x: x[::-2, 1:3], (A,)),
    ("new axis and ellipsis", lambda x: x[..., None, 0], (STACK,)),
    ("array index", lambda x: x[[0, 2, 0], [1, 1, 3]], (A,)),
    ("boolean index", lambda x: x[A > 0], (A,)),
    # reductions
    ("sum", lambda x: np.sum(x, axis=(0, 2)), (STACK,)),
    ("mean", lambda x: np.mean(x, axis=1, keepdims=True), (A,)),
    ("max", lambda x: np.max(x, axis=-1), (STACK,)),
    ("min", np.min, (A,)),
    ("prod", lambda x: np.prod(x, axis=1), (A,)),
    ("prod with zeros", np.prod, (np.array([0.0, 2.0, 0.0]),)),
    ("prod with a zero", np.prod, (np.array([0.0, 2.0, 3.0]),)),
    ("var", lambda x: np.var(x, axis=0, ddof=1), (A,)),
    ("std", lambda x: np.std(x, axis=1), (A,)),
    ("average", lambda x: np.average(x, axis=0, weights=[1.0, 2.0, 3.0]), (A,)),
    ("ptp", lambda x: np.ptp(x, axis=0), (A,)),
    ("median", lambda x: np.median(x, axis=1), (A,)),
    ("median of odd", lambda x: np.median(x, axis=0, keepdims=True), (A,)),
    ("cumsum", lambda x: np.cumsum(x, axis=1), (A,)),
    ("cumsum of all", np.cumsum, (A,)),
    ("cumprod", lambda x: np.cumprod(x, axis=1), (A,)),
    ("diff", lambda x: np.diff(x, n=2, axis=0), (STACK[0].T,)),
    ("diff prepend", lambda x: np.diff(x, prepend=0.0), (V,)),
    ("add.reduce", np.add.reduce, (A,)),
    ("add.accumulate", np.add.accumulate, (A,)),
    ("multiply.outer", lambda a, b: np.multiply.outer(a, b), (V, W)),
    # products
    ("matmul", lambda a, b: a @ b.T, (A, B)),
    ("matmul of stacks", lambda a, b: a @ b, (STACK, A.T)),
    ("matmul with a vector", lambda a, b: a @ b, (STACK, V[:4])),
    ("vector matmul", lambda a, b: b @ a, (A, W)),
    ("inner product", lambda a: a @ a, (V,)),
    ("dot", lambda a, b: np.dot(a, b), (STACK, A.T)),
    ("inner", lambda a, b: np.inner(a, b), (A, B)),
    ("outer", lambda a, b: np.outer(a, b), (V, W)),
    ("vdot", lambda a, b: np.vdot(a, b), (A, B)),
    ("tensordot", lambda a, b: np.tensordot(a, b, ((0, 2), (1, 0))), (STACK, RNG.standard_normal((4, 2, 5)))),
    ("kron", lambda a, b: np.kron(a, b), (A, B[:2])),
    ("cross", lambda a, b: np.cross(a, b), (A.T, B.T)),
    ("trace", np.trace, (A,)),
    ("einsum", lambda a, b: np.einsum("ij,kj->ik", a, b), (A, B)),
    ("einsum trace", lambda a: np.einsum("ii", a), (SQUARE,)),
    ("einsum diagonal", lambda a: np.einsum("ii->i", a), (SQUARE,)),
    ("einsum of three", lambda a, b, c: np.einsum("ij,jk,k->i", a, b, c), (A, B.T, W)),
    ("einsum dots", lambda a, b: np.einsum("...ij,jk->...k", a, b), (STACK, A.T)),
    ("einsum stack", lambda a: np.einsum("bij,bkj->bik", a, a), (STACK,)),
    ("einsum lists", lambda a, b: np.einsum(a, [0, 1], b, [0, 1], [0]), (A, B)),
    ("convolve", lambda a, b: np.convolve(a, b), (V, W)),
    ("convolve same", lambda a, b: np.convolve(b, a, mode="same"), (V, W)),
    ("convolve valid", lambda a, b: np.convolve(a, b, mode="valid"), (V, W)),
    # linear algebra
    ("inv", np.linalg.inv, (SQUARE,)),
    ("det", np.linalg.det, (SQUARE,)),
    ("slogdet", lambda a: np.linalg.slogdet(a)[1], (SQUARE,)),
    ("solve", np.linalg.solve, (SQUARE, W)),
    ("solve a matrix", np.linalg.solve, (SQUARE, A)),
    ("cholesky", lambda a: np.linalg.cholesky(a @ a.T), (SQUARE,)),
    ("matrix_power", lambda a: np.linalg.matrix_power(a, 3), (SQUARE,)),
    ("matrix_power -2", lambda a: np.linalg.matrix_power(a, -2), (SQUARE,)),
    ("multi_dot", lambda a, b: np.linalg.multi_dot([a, b, a]), (A, B.T)),
    *[
        (f"norm {order} of a vector", lambda x, o=order: np.linalg.norm(x, o), (V,))
        for order in (None, 1, 2, 3, 2.5, math.inf, -math.inf)
    ],
    *[
        (f"norm {order} of a matrix", lambda x, o=order: np.linalg.norm(x, o), (A,))
        for order in (None, "fro", 1, -1, math.inf, -math.inf)
    ],
    ("norm of rows", lambda x: np.linalg.norm(x, axis=1, keepdims=True), (A,)),
    # ufuncs with rules of their own
    ("power of a number", lambda x: x**3, (A,)),
    ("power of a fraction", lambda x: x**-1.5, (POSITIVE,)),
    ("power", lambda a, b: a**b, (POSITIVE, B)),
    ("number to a power", lambda b: 2.0**b, (B,)),
    ("degrees", lambda x: np.degrees(x) + np.deg2rad(x), (A,)),
    ("floor_divide", lambda a: a // 0.7 + np.divmod(a, 0.7)[1], (A,)),
    ("modf", lambda a: np.modf(a)[0], (A,)),
    ("ldexp", lambda a: np.ldexp(a, 3), (A,)),
    # arrays made of variables
    ("array", lambda a: cnp.array([[a[0], 1.0], [2.0, a[1] * a[2]]]), (V,)),
    ("full", lambda a: cnp.full((2, 3), a[0]), (V,)),
    ("linspace", lambda a: cnp.linspace(a[0], a[1], 7), (V,)),
    ("r_", lambda a, b: cnp.r_[a, 1.0, b[0], 2:4], (V, W)),
    ("r_ along an axis", lambda a, b: cnp.r_["1", a, b], (A, B)),
    ("c_", lambda a: cnp.c_[a, np.arange(5.0), a * a], (V,)),
    ("mean of a list", lambda a: cnp.mean([a[0], a[1], 3.0]), (V,)),
    ("std of lists", lambda a: cnp.std([[a[0], a[1]], [2.0, a[2]]], axis=1), (V,)),
    ("var of a tuple", lambda a: cnp.var((a[0], a[1], 3.0)), (V,)),
    ("norm of a list", lambda a: cnp.linalg.norm([a[0], a[3], 1.0]), (V,)),
    ("append to a list", lambda a: cnp.append([a[0], 1.0], a[1:3]), (V,)),
    ("stack of a list", lambda a, b: cnp.stack([a, b]), (A, B)),
    # slopes between neighbours
    ("gradient", np.gradient, (V,)),
    ("gradient along all axes", lambda x: np.gradient(x, 2.0), (A,)),
    ("gradient along an axis", lambda x: np.gradient(x, np.array([0.0, 1.0, 3.0, 3.5]), axis=2, edge_order=2), (STACK,)),
    ("gradient of two", lambda x: np.gradient(x[:2], 0.5), (V,)),
    ("clip by keywords", lambda x: np.clip(x, a_min=-0.5, a_max=0.7), (A,)),
    ("std of one", lambda x: np.std(x[:1]) + x[1], (V,)),
]


@pytest.fixture(params=CASES, ids=lambda case: case[0])
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


def test_value(case: Case) -> None:
    _, function, arrays = case
    got = function(*map(cr.variable, arrays))
    expected = function(*arrays)
    if not isinstance(expected, (list, tuple)):
        got, expected = [got], [expected]
    for one, other in zip(got, expected, strict=True):
        assert isinstance(one, cr.Variable)
        assert one.shape == np.shape(other)
        np.testing.assert_allclose(one.value, other, rtol=1e-13, atol=1e-14)


def test_derivatives(case: Case) -> None:
    _, function, arrays = case
    cr.check_grads(function, arrays, order=2, atol=2e-6, rtol=2e-6)


def test_every_ufunc_says_what_it_does() -> None:
    x = cr.variable(0.5)
    silent = []
    for name in dir(np):
        ufunc = getattr(np, name)
        if not isinstance(ufunc, np.ufunc) or ufunc.nin > 2 or name in ("matmul", "matvec", "vecdot", "vecmat"):  # not of numbers
            continue
        try:
            ufunc(*[x] * ufunc.nin)
        except TypeError:
            with pytest.raises(TypeError, match="expected a function with a derivative of variables, got one without"):
                ufunc(*[x] * ufunc.nin)
            silent.append(ufunc.__name__)
    # Of whole numbers or bits, not differentiable, or not a function of real numbers.
    assert set(silent) <= {
        "bitwise_and", "bitwise_count", "bitwise_or", "bitwise_xor", "gcd", "invert", "isnat", "lcm", "left_shift", "right_shift",
        "nextafter", "spacing", "frexp",
    }  # fmt: skip
    assert np.sin in OPERATIONS
    assert np.power in UFUNCS
    assert np.greater in OF_VALUES
    assert np.sum in FUNCTIONS


def test_what_has_no_derivative_is_named() -> None:
    x = cr.variable(A)
    with pytest.raises(TypeError, match=r"fft.*: expected a function with a derivative"):
        np.fft.fft(x)
    with pytest.raises(TypeError, match="svd: expected a function with a derivative"):
        np.linalg.svd(x)
    with pytest.raises(TypeError, match="nextafter: expected a function with a derivative"):
        np.nextafter(x, 1.0)
    with pytest.raises(TypeError, match=r"linalg.norm: expected an order with a derivative here, got 'nuc'"):
        np.linalg.norm(x, "nuc")
    with pytest.raises(TypeError, match="add: expected no out"):
        np.add(x, 1.0, out=np.empty((3, 4)))


def test_of_values() -> None:
    x = cr.variable(A)
    assert np.argmax(x) == np.argmax(A)
    np.testing.assert_array_equal(x > 0, A > 0)
    np.testing.assert_array_equal(np.isnan(x), np.isnan(A))
    np.testing.assert_array_equal(np.argsort(x, axis=0), np.argsort(A, axis=0))
    assert np.shape(x) == (3, 4)
    assert np.ndim(x) == 2
    assert np.size(x) == 12
    assert np.allclose(x, A)
    assert not isinstance(np.zeros_like(x), cr.Variable)


def test_ties_of_extremes_share() -> None:
    np.testing.assert_array_equal(cr.grad(np.max)(np.array([1.0, 3.0, 3.0])), [0, 0.5, 0.5])
    np.testing.assert_array_equal(cr.grad(np.min)(np.array([1.0, 1.0, 1.0, 2.0])), [1 / 3, 1 / 3, 1 / 3, 0])


def test_sinc_is_smooth_at_zero() -> None:
    derivative = cr.grad(np.sinc)
    assert derivative(0.0) == 0
    assert cr.grad(derivative)(0.0) == pytest.approx(-(np.pi**2) / 3, rel=1e-14)
    assert cr.grad(cr.grad(cr.grad(derivative)))(0.0) == pytest.approx(np.pi**4 / 5, rel=1e-13)


def test_products_of_stacks_of_vectors() -> None:
    x, m = RNG.standard_normal((4, 3)), RNG.standard_normal((4, 3, 3))
    for name, arrays in [("vecdot", (x, x[0])), ("matvec", (m, x)), ("vecmat", (x, m[0]))]:
        if hasattr(np, name):  # NumPy 2.0 and 2.2
            function = getattr(np, name)
            np.testing.assert_allclose(function(*map(cr.variable, arrays)).value, function(*arrays), rtol=1e-13)
            cr.check_grads(function, arrays)


def test_angle_is_piecewise_constant() -> None:
    assert np.array_equal(np.angle(cr.variable([2.0, -3.0]), deg=True), [0.0, 180.0])


def test_spacings_of_gradient_are_checked() -> None:
    with pytest.raises(TypeError, match="one for each of 2 axes, got 3"):
        np.gradient(cr.variable(A), 1.0, 2.0, 3.0)
    with pytest.raises(ValueError, match="too small"):
        np.gradient(cr.variable(A[:1]), axis=0)


def test_nested_sequences_keep_their_order() -> None:
    x = cr.variable([1.0, 2.0])
    y = cnp.array([[x[0], 5.0], [6.0, x[1]]])
    np.testing.assert_array_equal(y.value, [[1, 5], [6, 2]])
    assert cnp.sin(0.0) == 0
    assert cnp.pi == math.pi
    assert "einsum" in dir(cnp)
    assert cnp.array([1, 2]).dtype.kind == "i"
