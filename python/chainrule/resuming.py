"""`fit(..., resume_from=path)`: a fit goes on where a file was written, also within an epoch, bit for bit."""

from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple

from chainrule import model_file
from chainrule.architecture import describe, difference, restore
from chainrule.errors import CorruptFileError
from chainrule.history import History
from chainrule.hooks import CallbackStates
from chainrule.optimizers import Optimizer
from chainrule.saving import architecture, callback_states, columns_of, describe_goal, history_of, parameters_of, trainer_state
from chainrule.sessions import Choice, Goal, Session, log_keys
from chainrule.training import FitPlace
from chainrule.validation import Array

if TYPE_CHECKING:
    from chainrule.model import Trainable


class Resumption(NamedTuple):
    """What a file says of a fit, checked against the one that is to go on with it."""

    first: int
    parameters: dict[str, Array]
    state: dict[str, Any]
    history: History
    lr: float | None  # None: by a schedule, which the fit is given again
    callbacks: CallbackStates
    columns: list[list[str] | None]

    def apply(self, model: "Trainable", session: Session) -> History:
        """Put parameters, optimizer state and place where they belong, all or nothing; return the history so far."""
        try:
            session.trainer.set_state(**self.state)
        except (TypeError, ValueError) as error:
            session.trainer.unbind()
            raise CorruptFileError(f"fit: expected the state of the optimizer in the file: {error}") from None
        model._ready("fit").network.set_parameters(self.parameters)
        if self.lr is not None and session.choice.optimizer.lr != self.lr:
            session.choice.optimizer.lr = self.lr
        model._columns = self.columns
        return self.history


def read(path: "str | PathLike[str]", model: "Trainable", goal: Goal, choice: Choice, place: FitPlace) -> Resumption:
    """Read the file and compare what it says with the fit that is about to begin.

    Raises
    ------
    FileNotFoundError, PermissionError, CorruptFileError
        As for `load`.
    ValueError
        Where architecture, loss, metrics, optimizer or the data's rows differ, or the file holds no fit. Names the difference. The
        learning rate may differ: it is part of what goes on.
    """
    contents = model_file.read(path, "fit")
    document = contents.document
    try:
        training = document.get("training")
        if training is None or training["fit"] is None:
            raise ValueError(
                f"fit: expected a file that Checkpoint, or save after a fit, has written, got {path} without a fit in it"
            )
        first, done = training["fit"]["first"], len(history_of(training, contents.tensors))
        if not isinstance(first, int) or training["state"]["epoch"] != first + done:
            raise CorruptFileError(f"fit: expected a history of all epochs in {path}, got one of {done}")
        optimizer = restore(training["optimizer"], Optimizer)
        keys = log_keys(goal)
        columns_of_history = keys if place.validation else keys[: len(keys) // 2]
        theirs = {key: training[key] for key in ("heads", "fit")}
        theirs["history"] = training["history"] if done else columns_of_history
        theirs |= {"architecture": document["architecture"], "optimizer": _without_lr(optimizer)}
        ours = {
            "heads": describe_goal(goal),
            "fit": {**place._asdict(), "first": first},
            "history": columns_of_history,
            "architecture": architecture(model),
            "optimizer": _without_lr(choice.optimizer),
        }
        found = difference(theirs, ours)
        built = model._ready("fit")
        if found is None:
            # An array has no names: rows without them are in the order of those with.
            both = [
                (own or named, named or own)
                for own, named in zip(model._columns, columns_of(contents, built.features), strict=True)
            ]
            columns = [own for own, _ in both]
            found = difference([named for _, named in both], columns, "feature_names")
        if found is not None:
            raise ValueError(f"fit: resume_from={str(path)!r} is of another fit: {found}")
        return Resumption(
            first,
            parameters_of(contents, built.shapes, model.dtype),
            trainer_state(training, contents.tensors),
            history_of(training, contents.tensors),
            optimizer.lr if isinstance(optimizer.lr, float) else None,
            callback_states(training, contents.tensors),
            columns,
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptFileError(f"fit: expected a fit in {path}, got something else: {error!r}") from error


def _without_lr(optimizer: Optimizer) -> dict[str, Any]:
    described = describe(optimizer)
    assert isinstance(described, dict)
    return {key: value for key, value in described.items() if key != "lr"}
