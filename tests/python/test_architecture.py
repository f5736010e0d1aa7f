"""Layers, losses and optimizers as JSON and back."""

import inspect
import json

import numpy as np
import pytest

import chainrule as cr
from chainrule.architecture import _CLASSES, describe, difference, restore

THINGS = [
    (cr.Dense(3), cr.Layer),
    (
        cr.Dense(3, "gelu", use_bias=False, kernel_init="he_normal", bias_init=cr.initializers.Constant(0.25), name="hidden"),
        cr.Layer,
    ),
    (cr.Dense(3, cr.activations.ELU(0.3), kernel_init=cr.initializers.VarianceScaling(0.1, "fan_in", "normal")), cr.Layer),
    (cr.Activation("softmax"), cr.Layer),
    (cr.Activation(cr.activations.LeakyReLU(1 / 3), name="leaky"), cr.Layer),
    (cr.Dropout(0.1), cr.Layer),
    (cr.LayerNorm(epsilon=1e-3), cr.Layer),
    (cr.BatchNorm(momentum=0.2, name="norm"), cr.Layer),
    (cr.Embedding(7, 3, columns=[0, 2]), cr.Layer),
    (cr.Residual(cr.Dense(3, "relu"), cr.Residual(cr.LayerNorm(), name="inner"), cr.Dense(3)), cr.Layer),
    (cr.Input(7, scale=1 / 255), cr.Input),
    (cr.losses.MSE(), cr.losses.Loss),
    (cr.losses.CrossEntropy(0.1), cr.losses.Loss),
    (cr.losses.Huber(), cr.losses.Loss),
    (cr.SGD(0.1, momentum=0.9, nesterov=True), cr.Optimizer),
    (cr.AdamW(), cr.Optimizer),
    (cr.LevenbergMarquardt(tolerance=0), cr.Optimizer),
]


@pytest.mark.parametrize(("thing", "kind"), THINGS, ids=lambda value: repr(value))
def test_round_trip(thing, kind):
    text = json.dumps(describe(thing))
    made = restore(json.loads(text), kind)
    assert type(made) is type(thing)
    assert describe(made) == describe(thing)
    assert repr(made) == repr(thing)
    for name in getattr(thing, "_fields", ()):
        assert getattr(made, name) == getattr(thing, name)


BASES = (
    cr.Layer,
    cr.Input,
    cr.Optimizer,
    cr.losses.Loss,
    cr.activations.ActivationFunction,
    cr.initializers.Initializer,
    cr.schedules.Schedule,
)


def test_every_class_follows_the_rule():
    """A constructor's parameters are attributes; so a class that is added is in files without another line."""
    sample = {
        "units": 3,
        "n": 5,
        "dim": 2,
        "begin": 0,
        "end": 1,
        "function": "relu",
        "p": 0.5,
        "features": 2,
        "value": 1.5,
        "scale": 2.0,
        "mode": "fan_in",
        "distribution": "normal",
        "lr": 0.1,
        "steps": 10,
        "every": 3,
        "factor": 0.5,
        "after": 0.1,
        "max_lr": 0.1,
        "total_steps": 10,
    }
    for kind in _CLASSES.values():
        needed = {
            name: sample[name]
            for name, parameter in inspect.signature(kind).parameters.items()
            if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL
        }
        thing = kind(cr.Dense(3), **needed) if kind is cr.Residual else kind(**needed)
        base = next(base for base in kind.__mro__ if base in BASES)
        assert type(restore(json.loads(json.dumps(describe(thing))), base)) is kind


def test_initial_values_given_as_arrays_are_not_stored():
    assert describe(cr.Dense(1, kernel_init=np.ones((2, 1)), bias_init=np.ones)) == {
        "class": "Dense",
        "units": 1,
        "activation": "linear",
        "kernel_init": "zeros",
    }


def test_functions_are_refused():
    with pytest.raises(TypeError, match=r"Dense\(3, sin\).*which a file cannot hold"):
        describe(cr.Dense(3, np.sin))

    with pytest.raises(TypeError, match=r"got Lambda\(.*which a file cannot hold"):
        describe(cr.Lambda(lambda x: x * x))

    class Mine(cr.Layer):
        pass

    with pytest.raises(TypeError, match="chainrule's own classes"):
        describe(Mine())


@pytest.mark.parametrize(
    "description",
    [
        {"class": "os.system", "command": "true"},
        {"class": "Function", "function": "sin"},
        {"class": ["Dense"]},
        {"units": 3},
        {"class": "Dense"},
        {"class": "Dense", "units": 3, "more": 1},
        {"class": "Dense", "units": -3},
        {"class": "Dense", "units": 3, "activation": "no such"},
        {"class": "Dense", "units": 3, "activation": {"class": "MSE"}},
        {"class": "MSE"},
        [{"class": "Dense", "units": 3}],
        "dense",
        None,
    ],
)
def test_other_descriptions_are_refused(description):
    with pytest.raises(cr.CorruptFileError, match="load: "):
        restore(description, cr.Layer)


def test_differences_in_words():
    one = {"layers": [{"class": "Dense", "units": 3}, {"class": "Dropout", "p": 0.5}], "seed": 0}
    other = {"layers": [{"class": "Dense", "units": 3}, {"class": "Dropout", "p": 0.4}], "seed": 0}
    assert difference(one, one) is None
    assert difference(one, other) == "expected layers[1].p = 0.5, got 0.4"
    assert difference(one, {**one, "layers": one["layers"][:1]}) == "expected 2 layers, got 1"
    assert difference(one, {**one, "extra": 1}) == "expected extra = the default, got 1"
