"""What was learned, as JSON and back: exactly the fields of the dataclasses, each of its type, or `CorruptFileError`."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import chainrule as cr
from chainrule.errors import CorruptFileError
from chainrule.tabular import kinds
from chainrule.tabular.features import Category, Feature, Number, categories_of
from chainrule.tabular.network import Architecture
from chainrule.tabular.preprocessing import Dropped, Preprocessing
from chainrule.tabular.target import TASKS, Target
from chainrule.validation import Array

__all__ = ["described", "restored"]

T = TypeVar("T")
_FIELDS = {"target", "features", "dropped", "architecture", "models", "metrics", "seed"}


def described(
    preprocessing: Preprocessing, target: Target, architecture: Architecture, models: int, metrics: Mapping[str, Any], seed: int
) -> dict[str, Any]:
    """Return all but the parameters as what JSON can hold."""
    return {
        "target": dataclasses.asdict(target),
        "features": [{"type": type(one).__name__.lower(), **dataclasses.asdict(one)} for one in preprocessing.features],
        "dropped": [dataclasses.asdict(one) for one in preprocessing.dropped],
        "architecture": dataclasses.asdict(architecture),
        "models": models,
        "metrics": dict(metrics),
        "seed": seed,
    }


def restored(
    document: Mapping[str, Any], tensors: Mapping[str, Array], where: str
) -> tuple[Preprocessing, Target, Architecture, list[cr.Model], dict[str, dict[str, float]], int]:
    """Return what `described` was given, and the models.

    Raises
    ------
    CorruptFileError
        For fields that are unknown, missing or of the wrong type, and for arrays that do not fit.
    """
    try:
        return _restored(document, tensors)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorruptFileError(f"{where}: {error}") from None


def _restored(
    document: Mapping[str, Any], tensors: Mapping[str, Array]
) -> tuple[Preprocessing, Target, Architecture, list[cr.Model], dict[str, dict[str, float]], int]:
    _expect_keys("the document", document, _FIELDS)
    target = _made(Target, document["target"])
    if target.task not in TASKS or target.scale <= 0 or (target.task == "classification") != (len(target.classes) > 1):
        raise ValueError(f"expected a target of {' or '.join(TASKS)}, got {target}")
    features = tuple(_feature(one) for one in _value("features", document["features"], list))
    dropped = tuple(_made(Dropped, one) for one in _value("dropped", document["dropped"], list))
    names = [target.column, *(one.column for one in features), *(one.column for one in dropped)]
    if not features or len(set(names)) < len(names):
        raise ValueError(f"expected features of columns that are each named once, got {names}")
    preprocessing = Preprocessing(features, dropped)
    architecture = _made(Architecture, document["architecture"])
    sizes = tuple(category.size for category in categories_of(features))
    if architecture.numbers != preprocessing.numbers or architecture.tables != sizes or architecture.outputs != target.outputs:
        raise ValueError(f"expected a net for these columns, got {architecture}")
    if not architecture.units or min(architecture.units) < 1 or not 0 <= architecture.dropout < 1:
        raise ValueError(f"expected layers of units and a dropout from 0 to 1, got {architecture}")
    models, seed = _value("models", document["models"], int), _value("seed", document["seed"], int)
    metrics = {
        _value("a model's name", key, str): {
            _value("a score", k, str): _value(k, v, float) for k, v in _value(key, scores, dict).items()
        }
        for key, scores in _value("metrics", document["metrics"], dict).items()
    }
    return preprocessing, target, architecture, _models(architecture, models, tensors), metrics, seed


def _feature(given: Any) -> Feature:
    fields = dict(_value("a feature", given, dict))
    kind = fields.pop("type", None)
    if kind == "category":
        category = _made(Category, fields)
        if len(set(category.values)) < len(category.values):
            raise ValueError(f"expected words that are each named once, got {category}")
        return category
    if kind != "number":
        raise ValueError(f"expected a feature of type 'number' or 'category', got {kind!r}")
    number = _made(Number, fields)
    formats = kinds.DATE_FORMATS if number.kind == "date" else ("",)
    if number.kind not in Number.KINDS or number.date_format not in formats or number.scale <= 0:
        raise ValueError(f"expected a feature of numbers, got {number}")
    if len(number.edges) == 1 or any(a >= b for a, b in zip(number.edges, number.edges[1:], strict=False)):
        raise ValueError(f"expected edges in ascending order, got {number}")
    return number


def _models(architecture: Architecture, models: int, tensors: Mapping[str, Array]) -> list[cr.Model]:
    """Build the nets; what they need is compared with what is there before, since a file may ask for anything."""
    wanted = {f"{i}.{name}": shape for i in range(min(models, len(tensors))) for name, shape in architecture.shapes().items()}
    found = {name: value.shape for name, value in tensors.items()}
    if not wanted or models > len(tensors) or found != wanted:
        raise ValueError(f"expected the arrays of {models} nets of {architecture}, got others")
    made = []
    for i in range(models):
        model = architecture.build(seed=0)
        model.set_parameters({name: tensors[f"{i}.{name}"] for name in model.parameters()})
        made.append(model)
    return made


def arrays(models: "list[cr.Model]") -> dict[str, Array]:
    """Return the parameters of all models under names of their own."""
    return {f"{i}.{name}": value for i, model in enumerate(models) for name, value in model.parameters().items()}


def _made(kind: type[T], given: Any) -> T:
    """Return a dataclass from an object with exactly its fields, each of its type."""
    fields = _value(kind.__name__, given, dict)
    hints = {field.name: hint for field in dataclasses.fields(kind) if (hint := get_type_hints(kind)[field.name])}  # type: ignore[arg-type]  # they are dataclasses
    _expect_keys(kind.__name__, fields, set(hints))
    values = {}
    for name, hint in hints.items():
        if get_origin(hint) is tuple:
            values[name] = tuple(_value(name, one, get_args(hint)[0]) for one in _value(name, fields[name], list))
        else:
            values[name] = _value(name, fields[name], hint)
    return kind(**values)


def _value(name: str, given: Any, kind: Any) -> Any:
    good = type(given) in (int, float) and math.isfinite(given) if kind is float else type(given) is kind
    if not good:
        raise TypeError(f"expected {name} as {kind.__name__}, got {type(given).__name__}")
    return float(given) if kind is float else given


def _expect_keys(name: str, given: Mapping[str, Any], wanted: set[str]) -> None:
    if set(given) != wanted:
        raise ValueError(f"expected {name} with {', '.join(sorted(wanted))}, got {', '.join(sorted(map(str, given)))}")
