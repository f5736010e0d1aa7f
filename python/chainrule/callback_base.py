"""What a fit calls: the base of the callbacks, and one made of functions."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chainrule.model import Trainable

Logs = Mapping[str, float]


class Callback:
    """Base of the callbacks: every method does nothing.

    Attributes
    ----------
    model : Sequential or Model
        The model that is fitted.
    params : dict
        "epochs", "steps" (of an epoch) and "verbose".
    """

    model: "Trainable"
    params: dict[str, Any]

    def set_model(self, model: "Trainable") -> None:
        """Receive the model, before anything else."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Receive "epochs", "steps" and "verbose"."""
        self.params = params

    def state(self) -> dict[str, object]:
        """Return what files of a fit hold of this callback: numbers and arrays by name, nothing for most."""
        return {}

    def set_state(self, state: dict[str, object]) -> None:
        """Receive what `state` returned, after `on_train_begin` of a fit that goes on from a file."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Act before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Act after the last epoch; not called when the fit ends with an exception."""

    def on_train_error(self, error: BaseException) -> None:
        """Act when the fit ends with this exception, Ctrl-C among them, which is raised afterwards."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Act before epoch number `epoch`, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Act after an epoch and its validation; `logs` holds its loss and metrics."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Act before step number `batch` of an epoch."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Act after a step; `logs` holds loss and metrics of the epoch so far. After the last step, validation is already done."""


class LambdaCallback(Callback):
    """A callback from functions.

    Parameters
    ----------
    on_train_begin, on_train_end : callable, optional
        Called with (logs).
    on_epoch_begin, on_epoch_end : callable, optional
        Called with (epoch, logs).
    on_train_batch_begin, on_train_batch_end : callable, optional
        Called with (batch, logs).

    Examples
    --------
    >>> import chainrule as cr
    >>> log = cr.LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
    ) -> None:
        functions = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        for name, function in functions.items():
            if function is not None:
                if not callable(function):
                    raise TypeError(f"LambdaCallback: expected {name} as a function, got {function!r}")
                setattr(self, name, function)
