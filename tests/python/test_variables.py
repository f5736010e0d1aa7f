"""Variables: how they behave as numbers and arrays, backward, and the transforms."""

from __future__ import annotations

import gc
import operator
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core


def test_operators_on_both_sides() -> None:
    for operation in (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod, operator.floordiv):
        for other in (2, 2.5, np.float64(1.5), np.array([1.0, 2.0]), np.array([1, 2])):
            value = np.array([1.25, 3.5])
            x = cr.variable(value)
            for left, right, expected in ((x, other, operation(value, other)), (other, x, operation(other, value))):
                result = operation(left, right)
                assert isinstance(result, cr.Variable)
                np.testing.assert_allclose(result.value, expected, rtol=1e-15)
    x = cr.variable(-3.0)
    assert (-x).value == 3
    assert (+x).value == -3
    assert abs(x).value == 3


def test_is_like_an_array() -> None:
    x = cr.variable([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], name="x")
    assert x.shape == (2, 3)
    assert x.ndim == 2
    assert x.size == 6
    assert len(x) == 2
    assert x.dtype == np.float64
    assert x.T.shape == (3, 2)
    assert x.reshape(3, -1).shape == (3, 2)
    assert x.ravel().shape == (6,)
    assert [row.shape for row in x] == [(3,), (3,)]
    assert float(cr.variable(2.5)) == 2.5
    assert int(cr.variable(2.5)) == 2
    assert bool(cr.variable(0.0)) is False
    assert cr.variable([2.5]).item() == 2.5
    assert f"{cr.variable(2.5):.2f}" == "2.50"
    assert repr(cr.variable([1.0, 2.0], name="v")) == "variable([1., 2.], name='v')"
    assert isinstance(cr.variable(2.0).value, np.float64)
    assert {x: 1}[x] == 1
    with pytest.raises(ValueError, match="truth value"):
        bool(x)
    with pytest.raises(TypeError, match="without dimensions"):
        len(cr.variable(1.0))
    with pytest.raises(TypeError, match="expected no assignment to elements"):
        x[0] = 1.0
    with pytest.raises(TypeError, match=r"expected x\.value for a plain array"):
        np.asarray(x)
    with pytest.raises(IndexError):
        x[2]
    with pytest.raises(TypeError, match=r"chainrule\.variable"):
        cr.Variable()


def test_what_is_not_a_number_is_refused() -> None:
    for value in ("text", [1 + 2j], None, {}):
        with pytest.raises(TypeError):
            cr.variable(value)
    with pytest.raises(TypeError):
        cr.variable(1.0) + "text"
    with pytest.raises(TypeError, match="expected real numbers"):
        cr.variable(1.0) * np.array([1j])
    with pytest.raises(TypeError, match=r"float32 and float64|float64 and float32"):
        cr.variable(1.0) + cr.variable(1.0, dtype="float32")
    assert (cr.variable([1.0], dtype="float32") * 2.0).dtype == np.float32


def test_the_value_is_copied() -> None:
    array = np.array([1.0, 2.0])
    x = cr.variable(array)
    array[0] = 7
    x.value[1] = 7
    np.testing.assert_array_equal(x.value, [1, 2])


def test_backward_adds_up() -> None:
    x, y, unused = cr.variable([1.0, 2.0]), cr.variable(3.0), cr.variable(1.0)
    (x * y).sum().backward()
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad, [5, 7])
    assert y.grad == 3
    assert unused.grad is None
    with pytest.raises(ValueError, match=r"expected a cotangent for a result of shape \(2,\), got none"):
        (x * y).backward()
    (x * y).backward([1.0, 10.0])
    assert y.grad == 3 + 21
    with pytest.raises(ValueError, match=r"expected a cotangent of shape \(2,\), got \(3,\)"):
        (x * y).backward([1.0, 2.0, 3.0])


def test_memory_stays_bounded() -> None:
    w = cr.variable(np.ones(10))
    largest = 0
    for _ in range(3000):
        loss = ((w * w - 2.0) ** 2).sum()
        loss.backward()
        w = cr.variable(w.value - 0.01 * w.grad)
        largest = max(largest, w.node)
    assert largest < 10000
    np.testing.assert_allclose(w.value, np.sqrt(2.0), rtol=1e-6)
    del loss
    gc.collect()
    assert len(_core.variable(0.0, "float64").shape) == 0


def test_an_operand_that_records_while_it_is_read() -> None:
    class Recording:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            y: Any = cr.variable(1.0)
            for _ in range(10000):
                y = y * 1.0
            return np.array(float(y))

    first = [cr.variable(float(i)) for i in range(5)]
    del first[:4]
    x = cr.variable(2.0)
    for _ in range(3):
        y = x * Recording()
        assert y.value == 2
        y.backward()
    assert x.grad == 3


def test_a_long_chain_and_many_paths() -> None:
    x = cr.variable(1.0)
    y: Any = x
    for _ in range(5000):
        y = np.sin(y)
    y.backward()
    expected, value = 1.0, 1.0
    for _ in range(5000):
        expected *= np.cos(value)
        value = np.sin(value)
    assert x.grad == pytest.approx(expected, rel=1e-9)


def test_containers() -> None:
    def f(p: dict[str, Any], pair: tuple[Any, list[Any]]) -> Any:
        return np.sum(p["w"] * pair[0]) + p["b"] * pair[1][0]

    p = {"w": np.array([1.0, 2.0]), "b": 3.0}
    pair = (np.array([4.0, 5.0]), [6.0])
    of_p, of_pair = cr.grad(f, (0, 1))(p, pair)
    np.testing.assert_array_equal(of_p["w"], [4, 5])
    assert of_p["b"] == 6
    np.testing.assert_array_equal(of_pair[0], [1, 2])
    assert of_pair[1] == [3.0]
    value, tangent = cr.jvp(lambda q: {"s": q["w"] ** 2, "t": q["b"]}, (p,), ({"w": np.array([1.0, 0.0]), "b": 2.0},))
    np.testing.assert_array_equal(value["s"], [1, 4])
    np.testing.assert_array_equal(tangent["s"], [2, 0])
    assert tangent["t"] == 2


def test_orders_and_mixtures() -> None:
    def f(x: Any) -> Any:
        return np.exp(np.sin(x)) * x

    def along(g: Any) -> Any:
        return lambda x: cr.jvp(g, (x,), (1.0,))[1]

    third = cr.grad(cr.grad(cr.grad(f)))(0.7)
    for mixture in (along(cr.grad(along(f))), cr.grad(along(cr.grad(f))), along(along(along(f))), cr.hessian(cr.grad(f))):
        np.testing.assert_allclose(mixture(0.7), third, rtol=1e-12)
    # An inner derivative does not see the outer variable, though both have the same value.
    assert cr.grad(lambda x: x * cr.grad(lambda y: x * y)(x))(3.0) == 6
    assert cr.grad(lambda x: cr.grad(lambda y: x * y**2)(2.0) * x)(3.0) == 24


def test_jacobian_of_any_rank() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3))

    def f(x: Any) -> Any:
        return np.sin(x) @ np.ones((3, 4))

    modes = [cr.jacobian(f, mode=mode)(x) for mode in ("forward", "reverse", "auto")]
    assert modes[0].shape == (2, 4, 2, 3)
    np.testing.assert_allclose(modes[0], modes[1], rtol=1e-14)
    np.testing.assert_allclose(modes[0], modes[2], rtol=1e-14)
    np.testing.assert_allclose(modes[0][1, 2, 1], np.cos(x[1]), rtol=1e-14)
    assert cr.jacobian(lambda x: x[:0])(x).shape == (0, 3, 2, 3)
    assert cr.jacobian(lambda _: np.ones(2))(x).shape == (2, 2, 3)
    with pytest.raises(ValueError, match="expected mode"):
        cr.jacobian(f, mode="sideways")  # type: ignore[arg-type]


def test_transforms_name_what_is_wrong() -> None:
    with pytest.raises(TypeError, match=r"grad: expected a function with one number as its result, got shape \(2,\)"):
        cr.grad(lambda x: x)(np.ones(2))
    with pytest.raises(TypeError, match="got a tuple"):
        cr.grad(lambda x: (x, x))(1.0)
    with pytest.raises(ValueError, match="grad: expected argnums from -1 below 1, got 1"):
        cr.grad(lambda x: x, 1)(1.0)
    with pytest.raises(TypeError, match="expected real numbers"):
        cr.grad(lambda x: x)("text")
    with pytest.raises(ValueError, match=r"jvp: expected a tangent of shape \(2,\), got \(3,\)"):
        cr.jvp(np.sin, (np.ones(2),), (np.ones(3),))
    with pytest.raises(ValueError, match=r"vjp: expected a cotangent of shape \(2,\), got \(3,\)"):
        cr.vjp(np.sin, np.ones(2))[1](np.ones(3))
    with pytest.raises(AssertionError, match="check_grads: order 1, mode fwd"):
        cr.check_grads(lambda x: np.where(x > 0, x.value * 2, 1.0) * 1.0 if isinstance(x, cr.Variable) else 2 * x, (1.0,))


def test_aux_and_constants() -> None:
    (value, aux), gradient = cr.value_and_grad(lambda x: (x**2, {"twice": 2 * x}), has_aux=True)(3.0)
    assert (value, aux["twice"], gradient) == (9, 6, 6)
    assert cr.grad(lambda _: 1.0)(2.0) == 0
    assert cr.grad(lambda x: x, has_aux=False)(2) == 1
    assert cr.hvp(lambda x: (x**3).sum())(np.array([1.0, 2.0]), np.array([1.0, 1.0])).tolist() == [6, 12]
