"""What all optimizers have in common: a learning rate or a schedule of it, and what they do beside their rule."""

from typing import TYPE_CHECKING, Any, ClassVar

from chainrule import validation
from chainrule.names import Configured

if TYPE_CHECKING:
    from chainrule.callbacks import Callback
    from chainrule.schedules import Schedule

DEFAULT_BATCH_SIZE = 32

# Learning rates that the native trainer is given at once: 128 KB, and more than a display's time slice of the smallest nets.
_MOST_AHEAD = 1 << 14


class Optimizer(Configured):
    """Base of the optimizers. Equal only to itself: a model continues the state of the object that it used last.

    Attributes
    ----------
    lr : float or Schedule
        The learning rate; may be set at any time, also by callbacks during a fit.
    clipnorm : float or None
        Where the norm of the gradient, over all parameters that are trained, is larger, the gradient g is replaced by
        g clipnorm / norm (as Keras' `global_clipnorm`); before the weight decay. None: never.
    accumulate : int
        Batches for one update, which is made from the mean of their gradients, each batch counting the same (as Keras'
        `gradient_accumulation_steps`). Batches left over at the end of an epoch or of a fit go on in the next.
    ema : float or None
        The decay d of the parameters' moving averages, a = d a + (1 - d) w after each update, from the parameters at the start of
        the training; see `Sequential.ema_parameters`. None: none are kept.
    """

    name: ClassVar[str]
    in_files: ClassVar[bool] = True  # where False, a file has the parameters of a training with it, not the training
    __hash__ = object.__hash__

    def __init__(
        self, lr: "float | Schedule", clipnorm: float | None = None, accumulate: int = 1, ema: float | None = None
    ) -> None:
        operation = type(self).__name__
        self.lr = lr
        self.clipnorm = None if clipnorm is None else validation.real(clipnorm, operation, "clipnorm", above=0)
        self.accumulate = validation.integer(accumulate, operation, "accumulate", 1, 2**31)
        self.ema = None if ema is None else validation.real(ema, operation, "ema", above=0, below=1)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        options = {"clipnorm": None, "accumulate": 1, "ema": None}
        more = [f", {name}={getattr(self, name)!r}" for name, default in options.items() if getattr(self, name) != default]
        return super().__repr__()[:-1] + "".join(more) + ")"

    @property
    def lr(self) -> "float | Schedule":
        """The learning rate."""
        return self._lr

    @lr.setter
    def lr(self, value: "float | Schedule") -> None:
        self._lr: float | Schedule = _schedule(value) or validation.real(value, type(self).__name__, "lr", least=0)

    def batch_size(self, given: int | None, rows: int) -> int:
        """Return the rows of a step of `fit`, where `batch_size` was given or left out."""
        return DEFAULT_BATCH_SIZE if given is None else given

    def settings(self) -> dict[str, float]:
        """Return the fields as numbers, as the native trainer takes them."""
        numbers = {field: float(getattr(self, field)) for field in self._fields if field != "lr"}
        lr = self.lr if isinstance(self.lr, float) else self.lr(0)
        return {**numbers, "lr": lr, "clipnorm": self.clipnorm or 0.0, "accumulate": float(self.accumulate), "ema": self.ema or 0.0}

    def hand_lr(self, trainer: Any, batches: int = 1) -> None:
        """Give the trainer that the optimizer was made into its learning rate, or those of up to `batches` coming batches."""
        if isinstance(self._lr, float):
            trainer.lr = self._lr
        elif follow := getattr(trainer, "follow", None):  # of a stream, which does not know its coming batches
            follow(self._lr, self.accumulate)
        else:
            trainer.set_lrs(self._lr.coming(trainer, self.accumulate, min(batches, _MOST_AHEAD)))

    def callbacks(self) -> "list[Callback]":
        """Return what the optimizer wants called during a fit."""
        return [] if isinstance(self._lr, float) else self._lr.callbacks()


def _schedule(value: Any) -> "Schedule | None":
    """Return the value if it is a schedule."""
    if isinstance(value, int | float):
        return None  # and the module of schedules need not be loaded
    from chainrule.schedules import Schedule

    return value if isinstance(value, Schedule) else None
