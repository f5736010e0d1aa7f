"""NumPy's calls that go straight to an operation say and give the same as those that go through Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core

V = np.array([3.0, -1.0, 2.0])


@pytest.mark.parametrize("key", [0, 2, -1, -3, True, np.int64(1), slice(1, 2), None])
def test_single_elements_are_those_of_the_value(key: Any) -> None:
    element = cr.variable(V)[key]
    np.testing.assert_array_equal(element.value, V[key])
    assert element.shape == V[key].shape


def test_the_derivative_of_an_element() -> None:
    np.testing.assert_array_equal(cr.grad(lambda x: x[-1] * x[0])(V), [2.0, 0.0, 3.0])


@pytest.mark.parametrize("key", [3, -4, 10**30])
def test_elements_that_do_not_exist(key: int) -> None:
    with pytest.raises(IndexError):
        cr.variable(V)[key]


@pytest.mark.parametrize(
    ("a", "b"),
    [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((4, 3), (3, 2)), ((5, 4, 3), (3,)), ((3,), (5, 3, 1)), ((0,), (0, 2))],
)
def test_matrix_products_of_all_ranks(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    random = np.random.default_rng(4)
    left, right = random.standard_normal(a), random.standard_normal(b)
    for y in (cr.variable(left) @ right, left @ cr.variable(right), np.matmul(cr.variable(left), cr.variable(right))):
        np.testing.assert_allclose(y.value, left @ right, rtol=1e-14)  # sums of three, in another order
        assert y.shape == (left @ right).shape


def test_matrix_products_of_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="matmul: expected arrays of one dimension or more, got a number"):
        cr.variable(V) @ 2.0


@pytest.mark.parametrize("function", [np.sum, np.mean, np.max, np.min])
def test_reductions_of_everything(function: Any) -> None:
    x = np.arange(6.0).reshape(2, 3)
    result = function(cr.variable(x))
    assert result.shape == ()
    assert result.value == function(x)
    np.testing.assert_array_equal(cr.grad(lambda x: function(x))(x), cr.grad(lambda x: function(x, axis=(0, 1)))(x))


def test_ufuncs_with_keywords() -> None:
    x = cr.variable(V)
    np.testing.assert_array_equal(np.add(x, 1.0, dtype=np.float64).value, V + 1)
    with pytest.raises(TypeError, match="expected no where on variables"):
        np.add(x, 1.0, where=np.array([True, False, True]))
    with pytest.raises(TypeError, match="expected no out"):
        np.exp(x, out=np.zeros(3))


def test_ufuncs_of_other_objects_are_refused() -> None:
    with pytest.raises(TypeError):
        np.add(cr.variable(V), object())


def test_attributes_that_no_operation_has() -> None:
    with pytest.raises(TypeError, match="sum: expected an attribute of operations, got axis"):
        _core.record("sum", [cr.variable(V)], axis=0)
    with pytest.raises(TypeError, match="attribute keepdims: got 'yes'"):
        _core.record("sum", [cr.variable(V)], keepdims="yes")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_come_back_as_numpys_scalars_and_arrays(dtype: Any) -> None:
    for value in (dtype(0.1), np.array([0.1, 3.0], dtype), np.zeros((0, 2), dtype)):
        back = cr.variable(value, dtype=np.dtype(dtype).name).value
        assert type(back) is type(value)
        assert back.dtype == dtype
        np.testing.assert_array_equal(back, value)


def test_arguments_of_other_types_than_float() -> None:
    for x in (3, np.float32(3), np.array(3), np.array(3.0, ">f8"), np.array([3.0])[::-1], True):
        assert cr.grad(lambda x: np.sum(x * x))(x) == 2 * float(np.sum(x))
    assert cr.grad(lambda x: x * x)(np.float32(3)).dtype == np.float32
    assert cr.grad(lambda x: x * x)(np.array(3.0, ">f4")).dtype == np.float64
