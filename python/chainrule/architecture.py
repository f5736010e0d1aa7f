"""Layers, losses and optimizers as JSON, and back: a class's name and the arguments that its constructor takes.

One rule serves every class: a constructor's parameter called `units` is kept in an attribute called `units`. What equals the
parameter's default is left out, and what has a name is written as it: ``{"class": "Dense", "units": 10, "activation": "relu"}``.
Of layers, `trainable` and `lr_scale`, which no constructor takes, are written in the same way.
Classes come from a closed list, so that a file cannot name code.

Examples
--------
>>> import chainrule as cr
>>> from chainrule.architecture import describe, restore
>>> describe(cr.Dense(10, cr.activations.LeakyReLU(0.2)))
{'class': 'Dense', 'units': 10, 'activation': {'class': 'LeakyReLU', 'alpha': 0.2}}
>>> restore({"class": "Dropout", "p": 0.5}, cr.Layer)
Dropout(0.5)
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, TypeAlias, TypeVar

from chainrule import activations, embedding, initializers, layers, losses, merging, normalization, optimizers, schedules, values
from chainrule.errors import CorruptFileError
from chainrule.groups import said_by
from chainrule.initializers import Given
from chainrule.layers import Layer
from chainrule.names import Configured

T = TypeVar("T")
Json: TypeAlias = "bool | int | float | str | list[Any] | dict[str, Any] | None"

_MODULES: tuple[ModuleType, ...] = (
    values,
    layers,
    embedding,
    merging,
    normalization,
    activations,
    initializers,
    losses,
    optimizers,
    schedules,
)
# Their argument is code, or they are bases of the others.
_NOT_STORED = {"ActivationFunction", "Composite", "Function", "Initializer", "Layer", "Loss", "Optimizer", "Schedule", "Value"}
# The one argument that is kept under another name.
_KEPT_AS = {("Activation", "function"): "activation"}


def _classes() -> dict[str, type]:
    found = {name: getattr(module, name) for module in _MODULES for name in module.__all__ if name not in _NOT_STORED}
    return {name: kind for name, kind in found.items() if isinstance(kind, type)}


_CLASSES = _classes()
_NAMES = {kind: name for name, kind in _CLASSES.items()}


class _LeftOut:
    """Stands for an argument that is not written down."""

    def __repr__(self) -> str:
        return "the default"


_LEFT_OUT = _LeftOut()
_BY_NAME: dict[type, Callable[[object], object]] = {
    activations.ActivationFunction: activations.activation,
    initializers.Initializer: initializers.initializer,
    losses.Loss: losses.loss,
}


def describe(thing: object, owner: str = "save") -> Json:
    """Return JSON from which `restore` makes an equal object.

    Initial values given as an array or a function become "zeros": once a parameter exists they say nothing. Other functions given in
    Python cannot be written down: TypeError names `owner`, the innermost object that holds one.
    """
    if thing is None or isinstance(thing, bool | int | float | str):
        return thing
    if isinstance(thing, list | tuple):
        return [describe(item, owner) for item in thing]
    if isinstance(thing, Given):
        return "zeros"
    name = _name_of(thing)
    if name is not None:
        return name
    kind = _NAMES.get(type(thing))
    if kind is None:
        raise TypeError(
            f"{owner}: expected layers and settings of chainrule's own classes, got {thing!r}, which a file cannot hold"
        )
    described: dict[str, Any] = {"class": kind}
    for parameter in inspect.signature(type(thing)).parameters.values():
        attribute = _KEPT_AS.get((kind, parameter.name), parameter.name)
        written = describe(getattr(thing, attribute), f"{owner}: {thing!r}")
        if written != parameter.default or type(written) is not type(parameter.default):
            described[parameter.name] = written
    return {**described, **training_of(thing)} if isinstance(thing, Layer) else described


def training_of(*parts: Layer) -> dict[str, Json]:
    """Return what `groups.said_by` says of a layer, behind those that it is a part of, where it is not the default."""
    trainable, lr_scale = said_by(parts)
    return {**({} if trainable else {"trainable": False}), **({} if lr_scale == 1 else {"lr_scale": lr_scale})}


def restore(description: object, kind: type[T]) -> T:
    """Return the object of class `kind` that is described; CorruptFileError for anything unknown or out of place."""
    try:
        made = _BY_NAME[kind](description) if isinstance(description, str) and kind in _BY_NAME else _restored(description)
    except ValueError as error:
        raise CorruptFileError(f"load: {error}") from None
    if not isinstance(made, kind):
        raise CorruptFileError(f"load: expected the description of a {kind.__name__}, got {_short(description)}")
    return made


def difference(expected: object, got: object, place: str = "") -> str | None:
    """Return in words where two descriptions differ first, or None."""
    if isinstance(expected, dict) and isinstance(got, dict):
        pairs: Iterator[tuple[str, Any, Any]] = (
            (f"{place}.{key}" if place else str(key), expected.get(key, _LEFT_OUT), got.get(key, _LEFT_OUT))
            for key in {**expected, **got}
        )
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        pairs = ((f"{place}[{i}]", one, other) for i, (one, other) in enumerate(zip(expected, got, strict=True)))
    elif isinstance(expected, list) and isinstance(got, list):
        return f"expected {len(expected)} {place}, got {len(got)}"
    else:
        return None if expected == got else f"expected {place} = {_short(expected)}, got {_short(got)}"
    return next((found for where, one, other in pairs if (found := difference(one, other, where)) is not None), None)


def _name_of(thing: object) -> str | None:
    if not isinstance(thing, Configured):
        return None
    tables = (activations._TABLE, initializers._TABLE, losses._TABLE)
    return next((name for table in tables for name, make in table.items() if make() == thing), None)


def _restored(description: object) -> object:
    if isinstance(description, list):
        return [_restored(item) for item in description]
    if not isinstance(description, Mapping):
        return description
    arguments = dict(description)
    name = arguments.pop("class", None)
    kind = _CLASSES.get(name) if isinstance(name, str) else None
    if kind is None:
        raise CorruptFileError(f"load: expected one of chainrule's classes, got {_short(description)}")
    is_layer = issubclass(kind, Layer)
    training = {key: arguments.pop(key) for key in ("trainable", "lr_scale") if is_layer and key in arguments}
    parameters = inspect.signature(kind).parameters
    unknown = [key for key in arguments if key not in parameters]
    if unknown:
        raise CorruptFileError(f"load: expected arguments of {name}, got {_short(unknown[0])}")
    several: list[object] = []
    single: dict[str, object] = {}
    for key, value in arguments.items():
        made = _restored(value)
        if parameters[key].kind is inspect.Parameter.VAR_POSITIONAL:
            several = made if isinstance(made, list) else [made]
        else:
            single[key] = made
    try:
        thing = kind(*several, **single)
        vars(thing).update(training)
        if isinstance(thing, Layer):
            said_by([thing])
        return thing
    except (TypeError, ValueError, OverflowError) as error:
        raise CorruptFileError(f"load: expected what {name} takes: {error}") from None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
