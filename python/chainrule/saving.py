"""Models in files: `Sequential.save` and `load`.

A file holds the parameters under PyTorch's names, in PyTorch's layout, and the architecture as JSON. Where the optimizer is included it
also holds all that training needs to go on: arrays whose names begin with "training/", and a section "training" of the document.
"""

import contextlib
from collections.abc import Iterator, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import metrics, model_file, state
from chainrule.architecture import describe, restore, training_of
from chainrule.building import build
from chainrule.errors import CorruptFileError
from chainrule.functional import Model
from chainrule.history import History
from chainrule.hooks import CallbackList
from chainrule.layers import Composite, Layer, Place
from chainrule.losses import Function, Loss
from chainrule.model_file import Contents, tensors_with_prefix
from chainrule.optimizers import Optimizer
from chainrule.sequential import Sequential
from chainrule.sessions import Choice, Goal, Head, Session
from chainrule.structure import Call, Structure, chain
from chainrule.training import FitPlace
from chainrule.validation import Array
from chainrule.values import Input

if TYPE_CHECKING:
    from chainrule.model import Trainable
    from chainrule.stack import Stack

__all__ = ["load"]

TRAINING = "training/"
_OPTIMIZER = f"{TRAINING}optimizer/"
_COLLECTED = f"{TRAINING}collected/"
_HISTORY = f"{TRAINING}history/"
_CALLBACKS = f"{TRAINING}callbacks/"
_COLUMNS = "feature_names"


def save(model: "Trainable", path: "str | PathLike[str]", include_optimizer: bool) -> None:
    """Write the file; see `Sequential.save`."""
    model._ready("save")
    with model._at_rest("save"):
        session = model._sessions.last if include_optimizer else None
        session = None if session is None or not session.choice.optimizer.in_files else session
        tensors = model.state_dict()
        with _advice("pickle the model, or keep its parameters() with np.savez and build it in Python again"):
            document: dict[str, Any] = {"architecture": architecture(model)}
        if any(model._columns):
            document[_COLUMNS] = model._columns
        if session is not None:
            with _advice("save(path, include_optimizer=False) leaves the training out"):
                document["training"], arrays = _training(model, session)
            tensors |= arrays
    model_file.write(path, Contents(tensors, document), "save")


def load(path: "str | PathLike[str]") -> Any:
    """Read a model that `Sequential.save` or a `Checkpoint` has written.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    Sequential or Model
        With the same parameters, bit for bit. Where the file holds the optimizer, the last loss, metrics, optimizer state and history
        are back as well: ``model.fit(x, y, optimizer=model.optimizer)`` goes on, with whole epochs. `fit(..., resume_from=path)` goes on
        within an epoch. Functions of the user's are not in the file: those among the metrics are to be given again, and of a training
        whose loss is one only the parameters are back.

    Raises
    ------
    FileNotFoundError, PermissionError
        As the system says.
    CorruptFileError
        For a file that is cut off or changed in a single bit, or that is none of chainrule's.
    ImportError
        Without the package safetensors.

    Examples
    --------
    >>> import tempfile
    >>> import chainrule as cr
    >>> model = cr.Sequential([cr.Input(2), cr.Dense(3, "relu"), cr.Dense(1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(f"{folder}/net.safetensors")
    ...     again = cr.load(f"{folder}/net.safetensors")
    >>> again
    Sequential([Dense(3, 'relu'), Dense(1)], dtype='float32', 2 -> 1, 13 parameters)
    """
    contents = model_file.read(path, "load")
    try:
        model = _restored_model(contents)
        training = contents.document.get("training")
        if training is not None:
            _restore_training(model, training, contents.tensors)
    except CorruptFileError:
        raise
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError, AttributeError) as error:
        raise CorruptFileError(f"load: expected a model in {path}, got something else: {error!r}") from error
    return model


def architecture(model: "Stack") -> dict[str, Any]:
    """Return the model without its numbers as JSON: of `Sequential` the layers, of `Model` the calls of layers on numbered values."""
    built = model._ready("save")
    structure = model._structure
    common = {"class": type(model).__name__, "seed": model.seed, "dtype": model.dtype}
    inputs = [
        describe(Input(columns, scale=scale, name=name))
        for (name, scale), columns in zip(structure.inputs.items(), built.features, strict=True)
    ]
    if isinstance(model, Sequential):
        return {**common, "inputs": inputs, "layers": [describe(layer) for layer in model.layers]}
    calls = [
        {"layer": _described(call), "operands": list(call.operands), "prefix": call.place.prefix, "label": call.place.label}
        for call in structure.calls
    ]
    return {**common, "inputs": inputs, "calls": calls, "outputs": [list(output) for output in structure.outputs.items()]}


def parameters_of(contents: Contents, shapes: dict[str, tuple[int, ...]], dtype: str) -> dict[str, Array]:
    """Return the parameters under chainrule's names; every name, shape and type is looked at before anything uses them."""
    stored = {name: value for name, value in contents.tensors.items() if not name.startswith(TRAINING)}
    values = state.from_torch(stored, shapes)
    result = {}
    for name, shape in shapes.items():
        value = values[name]
        assert isinstance(value, np.ndarray)
        if value.shape != shape or value.dtype != dtype:
            raise CorruptFileError(f"load: expected {name} of shape {shape} and type {dtype}, got {value.shape} and {value.dtype}")
        result[name] = np.ascontiguousarray(value)
    return result


def columns_of(contents: Contents, features: Sequence[int]) -> list[list[str] | None]:
    """Return, for each input, the names of its columns, where the model was trained on frames."""
    unknown: list[None] = [None] * len(features)
    given = contents.document.get(_COLUMNS, unknown)
    if not isinstance(given, list) or len(given) != len(features):
        raise CorruptFileError(f"load: expected the names of the columns of {len(features)} inputs, got {given!r}")
    for names, count in zip(given, features, strict=True):
        if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            raise CorruptFileError(f"load: expected names of columns as a list of strings, got {names!r}")
        if names is not None and not len(names) == len(set(names)) == count:
            raise CorruptFileError(f"load: expected {count} different names of columns, got {names!r}")
    return given


def trainer_state(training: dict[str, Any], tensors: dict[str, Array]) -> dict[str, Any]:
    """Return the arguments of the trainer's `set_state`."""
    collected = tensors_with_prefix(tensors, _COLLECTED)
    in_order = [collected[str(number)] for number in range(len(collected))]
    return {**training["state"], "collected": in_order, "arrays": tensors_with_prefix(tensors, _OPTIMIZER)}


def between_epochs(held: dict[str, Any]) -> dict[str, Any]:
    """Return a trainer's state without what it has of an epoch that is not over."""
    return {**held, "step": 0, "rows": 0, "losses": [], "weight": 0.0, "metrics": [], "penalty": 0.0, "collected": []}


def history_of(training: dict[str, Any], tensors: dict[str, Array]) -> History:
    """Return the history that the file holds, its columns in their order."""
    history = History()
    history.extend({name: tensors[f"{_HISTORY}{name}"] for name in training["history"]})
    return history


def callback_states(training: dict[str, Any], tensors: dict[str, Array]) -> list[tuple[str, dict[str, object]]]:
    """Return the callbacks that have a state: class and state of each."""
    return [
        (callback["class"], {**callback["state"], **tensors_with_prefix(tensors, f"{_CALLBACKS}{number}/")})
        for number, callback in enumerate(training["callbacks"])
    ]


def describe_goal(goal: Goal) -> list[dict[str, Any]]:
    """Return losses and metrics as JSON. Of a user's function there is the name only."""
    described = []
    for head in goal:
        loss = {"function": head.loss.name} if isinstance(head.loss, Function) else describe(head.loss)
        counted = [{"function": metric.name} if isinstance(metric, metrics.Function) else metric.name for metric in head.metrics]
        described.append({**head._asdict(), "loss": loss, "metrics": counted})
    return described


@contextlib.contextmanager
def _advice(text: str) -> Iterator[None]:
    """Say in the error for what a file cannot hold what to do instead."""
    try:
        yield
    except TypeError as error:
        raise TypeError(f"{error}; {text}") from None


def _described(call: Call) -> Any:
    """Return a layer with what the composite layers that it is a part of, which are not in the file, say of its training."""
    described = describe(call.layer)
    assert isinstance(described, dict)
    return {key: value for key, value in described.items() if key not in ("trainable", "lr_scale")} | training_of(
        *call.owners, call.layer
    )


def _training(model: "Trainable", session: Session) -> tuple[dict[str, Any], dict[str, Array]]:
    held: dict[str, Any] = dict(session.trainer.state())
    arrays: dict[str, Array] = {f"{_OPTIMIZER}{name}": value for name, value in held.pop("arrays").items()}
    arrays |= {f"{_COLLECTED}{number}": numbers for number, numbers in enumerate(held.pop("collected"))}
    fit = model._fit_place if model._fit_trainer is session.trainer else None
    history: dict[str, list[float]] = {} if fit is None or model.history is None else model.history.history
    arrays |= {f"{_HISTORY}{name}": np.array(values) for name, values in history.items()}
    callbacks = []
    for number, (kind, held_by_it) in enumerate(() if fit is None else model._hooks.states()):
        kept_arrays = {name: value for name, value in held_by_it.items() if isinstance(value, np.ndarray)}
        arrays |= {f"{_CALLBACKS}{number}/{name}": value for name, value in kept_arrays.items()}
        callbacks.append({"class": kind, "state": {name: value for name, value in held_by_it.items() if name not in kept_arrays}})
    document = {
        "heads": describe_goal(session.goal),
        "optimizer": describe(session.choice.optimizer),
        "given_as": session.choice.given_as,
        "state": held,
        "fit": None if fit is None else fit._asdict(),
        "callbacks": callbacks,
        "history": list(history),  # their order, which tensors in a file do not have
    }
    return document, arrays


def _is_function(described: object) -> bool:
    """Say whether of a loss or metric there is only the name: it is a function of the user's."""
    return isinstance(described, dict) and "function" in described


def _restored_model(contents: Contents) -> "Trainable":
    unknown = contents.document.keys() - {"architecture", "training", _COLUMNS}
    described = dict(contents.document["architecture"])
    kind, seed, dtype = described.pop("class"), described.pop("seed"), described.pop("dtype")
    sources = [restore(source, Input) for source in described.pop("inputs")]
    model: Trainable
    if kind == "Sequential" and not unknown and described.keys() == {"layers"} and len(sources) == 1:
        layers = tuple(restore(layer, Layer) for layer in described["layers"])
        model = Sequential.__new__(Sequential)  # whose constructor would make initial values
        model._layers = layers
        super(Sequential, model).__init__(chain(layers, sources[0].scale), seed=seed, dtype=dtype)
    elif kind == "Model" and not unknown and described.keys() == {"calls", "outputs"}:
        model = Model.__new__(Model)  # which its constructor makes of symbolic values
        super(Model, model).__init__(_restored_structure(described, sources), seed=seed, dtype=dtype)
    else:
        raise CorruptFileError("load: expected the keys of a Sequential or a Model in the file, got others")
    # Shapes are compared before anything of their size is made: a description of ten lines may ask for any amount of memory.
    features = [source.width for source in sources]
    shapes = {name: spec.shape for name, spec in model._structure.parameter_specs(features).items()}
    values = parameters_of(contents, shapes, model.dtype)
    model._columns = columns_of(contents, features)
    model._built = build(model._structure, features, model.dtype, model.seed, values)  # without initial values, the slowest part
    return model


def _restored_structure(described: dict[str, Any], sources: list[Input]) -> Structure:
    inputs = {source.name or "": source.scale for source in sources}
    calls: list[Call] = []
    for position, call in enumerate(described["calls"]):
        if call.keys() != {"layer", "operands", "prefix", "label"}:
            raise CorruptFileError("load: expected the keys of a call in the file, got others")
        layer = restore(call["layer"], Layer)
        operands = tuple(_number(operand, len(inputs) + position) for operand in call["operands"])
        if isinstance(layer, Composite) or not operands or (layer.operands is not None and len(operands) != layer.operands):
            raise CorruptFileError(f"load: expected the operands of {layer!r}, got {len(operands)}")
        calls.append(Call(layer, operands, Place(position, str(call["label"]), str(call["prefix"]))))
    outputs = {str(name): _number(value, len(inputs) + len(calls)) for name, value in described["outputs"]}
    prefixes = {call.place.prefix for call in calls}
    if not outputs or len(inputs) < len(sources) or len(prefixes) < len(calls) or len(outputs) < len(described["outputs"]):
        raise CorruptFileError("load: expected inputs, calls and outputs with a name each, got none, or one twice")
    return Structure(inputs, tuple(calls), outputs)


def _number(value: object, below: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < below:
        raise CorruptFileError(f"load: expected the number of a value below {below}, got {value!r}")
    return value


def _restore_training(model: "Trainable", training: dict[str, Any], tensors: dict[str, Array]) -> None:
    if training.keys() != {"heads", "optimizer", "given_as", "state", "fit", "callbacks", "history"}:
        raise CorruptFileError("load: expected the keys of a training in the file, got others")
    if any(_is_function(head["loss"]) for head in training["heads"]):
        return
    goal = tuple(
        Head(
            **{
                **head,
                "loss": restore(head["loss"], Loss),
                "weight": float(head["weight"]),
                "metrics": metrics.metrics([metric for metric in head["metrics"] if not _is_function(metric)]),
            }
        )
        for head in training["heads"]
    )
    if [head.name for head in goal] != list(model._structure.outputs):
        raise CorruptFileError("load: expected a loss for each output in the file, got others")
    optimizer = restore(training["optimizer"], Optimizer)
    session = model._sessions.restore(model._ready("load"), goal, Choice(optimizer, training["given_as"]))
    session.trainer.set_state(**between_epochs(trainer_state(training, tensors)))
    if training["fit"] is not None:
        model._fit_place, model._fit_trainer = FitPlace(**training["fit"]), session.trainer
        model._hooks = CallbackList(optimizer.callbacks())
        model._hooks.restore(callback_states(training, tensors))
        model.history = history_of(training, tensors)
