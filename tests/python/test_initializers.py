"""Initial values: the same bits everywhere, and the distributions that their names promise."""

import hashlib

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core
from chainrule.initializers import VarianceScaling, initializer

# Of the float64 values of parameter 3 of shape (67, 35) under seed 2**40 + 1: a change of any bit is a change for every user's models.
BITS = {
    "glorot_uniform": "5988f68f88dc2264",
    "glorot_normal": "2d2d13d769ed7e82",
    "he_uniform": "bb2704883e69c4f5",
    "he_normal": "4723c11c77162276",
    "lecun_uniform": "2a17733f2482c3c5",
    "lecun_normal": "8d5d2b51f39e0f14",
    "uniform": "7e0a1f82c3b70fce",
    "random_uniform": "7e0a1f82c3b70fce",
    "normal": "9450d662b03f05bb",
    "random_normal": "9450d662b03f05bb",
    "truncated_normal": "b689c20bd25eda21",
    "orthogonal": "f566eaab37cf0f5e",
    "zeros": "4f5993f3351dc7ba",
    "ones": "058dadf1b7d8bcb6",
    "constant": "4f5993f3351dc7ba",
}

CODE = """
import hashlib
from chainrule.initializers import initializer
values = initializer({name!r}).values((67, 35), seed=2**40 + 1, key=3)
print(hashlib.sha256(values.tobytes()).hexdigest()[:16])
"""


def bits(name):
    return hashlib.sha256(initializer(name).values((67, 35), seed=2**40 + 1, key=3).tobytes()).hexdigest()[:16]


@pytest.mark.parametrize("name", BITS)
def test_the_same_bits_as_ever(name):
    assert bits(name) == BITS[name]


@pytest.mark.parametrize("name", ["orthogonal", "truncated_normal", "normal"])
def test_the_same_bits_on_every_instruction_set(name, run_python):
    found = {isa: run_python(CODE.format(name=name), CHAINRULE_ISA=isa).strip() for isa in _core.supported_isas()}
    assert set(found.values()) == {BITS[name]}, found


def test_names():
    assert set(BITS) == {
        *(f"{family}_{kind}" for family in ("glorot", "he", "lecun") for kind in ("uniform", "normal")),
        *("uniform", "random_uniform", "normal", "random_normal", "truncated_normal", "orthogonal", "zeros", "ones", "constant"),
    }
    assert initializer("constant") == initializer("zeros") == cr.initializers.Constant(0.0)
    assert initializer("random_normal") == initializer("normal") == cr.initializers.RandomNormal()
    assert initializer("normal") != initializer("truncated_normal")
    assert repr(initializer("truncated_normal")) == "TruncatedNormal(mean=0.0, std=0.05)"
    assert repr(cr.initializers.Orthogonal(2)) == "Orthogonal(gain=2.0)"


@pytest.mark.parametrize(("mode", "n"), [("fan_in", 200), ("fan_out", 600), ("fan_avg", 400)])
@pytest.mark.parametrize(
    ("distribution", "greatest"), [("uniform", 3**0.5), ("normal", 6.0), ("truncated_normal", 2 / 0.8796256610342398)]
)
def test_variance_scaling(mode, n, distribution, greatest):
    values = VarianceScaling(2.0, mode, distribution).values((200, 600), seed=0, key=0)
    std = np.sqrt(2 / n)
    # Five standard errors of 120000 values; that of the variance of a normal one is sqrt(2 / 120000).
    assert abs(values.mean()) < 5 * std / np.sqrt(120000)
    assert values.var() == pytest.approx(std**2, rel=5 * np.sqrt(2 / 120000))
    assert abs(values).max() <= greatest * std * (1 + 1e-15)
    assert abs(values).max() > 0.7 * greatest * std


def test_truncated_normal_is_the_normal_inside():
    """Its values, put back through the distribution, are uniform: the greatest gap (Kolmogorov) of 40000 is below 1.95 / 200."""
    erf = np.vectorize(__import__("math").erf)
    values = np.sort(cr.initializers.TruncatedNormal(1.0, 3.0).values((40000,), seed=5, key=1))
    assert -5 <= values[0] < values[-1] <= 7
    inside = erf(2**0.5)
    uniform = (erf((values - 1) / 3 / 2**0.5) / inside + 1) / 2
    assert abs(uniform - (np.arange(40000) + 0.5) / 40000).max() < 1.95 / 200


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (8, 8), (33, 32), (32, 33), (70, 70), (300, 37), (37, 300), (257, 257)])
def test_orthogonal_is_the_q_of_qr(shape):
    q = cr.initializers.Orthogonal(1.5).values(shape, seed=3, key=2) / 1.5
    m, n = max(shape), min(shape)
    tall = q if shape == (m, n) else q.T
    assert q.shape == shape
    assert abs(tall.T @ tall - np.eye(n)).max() < 2e-15 * np.sqrt(m) + 1e-15
    numbers = _core.random_normal((m, n), 0, 1, seed=3, key=2)
    theirs, r = np.linalg.qr(numbers)
    # Both are off by the condition number of the numbers times an ulp.
    np.testing.assert_allclose(tall, theirs * np.sign(np.diag(r)), rtol=0, atol=1e-13 * np.linalg.cond(numbers))


def test_keys_and_seeds_differ():
    draws = [initializer("orthogonal").values((9, 9), seed=seed, key=key).tobytes() for seed in (0, 1) for key in (0, 1)]
    assert len(set(draws)) == 4


def test_a_model_of_orthogonal_layers(blobs):
    x, y = blobs
    model = cr.Sequential(
        [cr.Dense(32, "relu", kernel_init=cr.initializers.Orthogonal(2**0.5)), cr.Dense(3, kernel_init="orthogonal")]
    )
    model.fit(x, y, epochs=20, loss="cross_entropy", verbose=0)
    assert model.evaluate(x, y, metrics="accuracy")["accuracy"] > 0.9


def test_errors():
    with pytest.raises(ValueError, match=r"Orthogonal: expected a parameter of 2 dimensions, got shape \(3,\)"):
        cr.Sequential([cr.Input(2), cr.Dense(3, bias_init="orthogonal")])
    with pytest.raises(ValueError, match=r"unknown initializer 'orthogonl': did you mean 'orthogonal'\?"):
        cr.Dense(3, kernel_init="orthogonl")
    with pytest.raises(ValueError, match=r"RandomUniform: expected high as a finite number of at least 1, got 0"):
        cr.initializers.RandomUniform(1, 0)
    for kind in (cr.initializers.RandomNormal, cr.initializers.TruncatedNormal):
        with pytest.raises(ValueError, match=rf"{kind.__name__}: expected std as a finite number of at least 0, got -1"):
            kind(std=-1)
    with pytest.raises(ValueError, match=r"VarianceScaling: expected mode 'fan_in', 'fan_out' or 'fan_avg', got 'fan'"):
        VarianceScaling(1.0, "fan", "normal")
