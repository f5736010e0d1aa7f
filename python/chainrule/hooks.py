"""The callbacks of one fit, called only where they have something to say."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from chainrule.callbacks import Callback, Checkpoint, TerminateOnNaN
from chainrule.errors import TrainingDiverged
from chainrule.spans import span

if TYPE_CHECKING:
    from chainrule.model import Trainable


# Class and state.
CallbackStates: TypeAlias = "list[tuple[str, dict[str, object]]]"


class CallbackList:
    """The callbacks of one fit, and which of their methods are worth calling."""

    def __init__(self, callbacks: Any) -> None:
        if callbacks is None:  # as Keras has it
            callbacks = ()
        given = [callbacks] if isinstance(callbacks, Callback) or not isinstance(callbacks, Iterable) else list(callbacks)
        for callback in given:
            if isinstance(callback, type) or not callable(getattr(callback, "set_model", None)):
                raise TypeError(f"fit: expected callbacks as instances of Callback, got {callback!r}")
        self._callbacks: list[Callback] = _with_checkpoints_late(given)

    def joined(self, more: list[Callback]) -> "CallbackList":
        """Return the list with more callbacks at its end."""
        return CallbackList([*self._callbacks, *more])

    def start(self, model: "Trainable", params: dict[str, Any]) -> None:
        """Introduce model and parameters."""
        for callback in self._callbacks:
            callback.set_params(params)
            callback.set_model(model)

    def wants(self, *methods: str) -> bool:
        """Say whether any callback overrides one of these methods."""
        return any(bool(self._overriding(method)) for method in methods)

    def call(self, method: str, *arguments: Any) -> None:
        """Call a method of all callbacks that override it."""
        for callback in self._overriding(method):
            with span("Python: callbacks"):
                getattr(callback, method)(*arguments)

    def states(self) -> CallbackStates:
        """Return class and state of each callback that has one."""
        held = [(type(callback).__name__, callback.state()) for callback in self._with_state()]
        return [(kind, state) for kind, state in held if state]

    def restore(self, states: CallbackStates) -> None:
        """Give each callback that has a state the first of an interrupted fit that was of its class and is not taken yet."""
        left = list(states)
        for callback in self._with_state():
            kind = type(callback).__name__
            found = next((state for state in left if state[0] == kind and callback.state()), None)
            if found is not None:
                left.remove(found)
                callback.set_state(found[1])

    def forgives(self, error: TrainingDiverged) -> bool:
        """Say whether a callback takes this error for a normal end."""
        takers = [callback for callback in self._callbacks if isinstance(callback, TerminateOnNaN)]
        for callback in takers:
            callback.on_training_diverged(error)
        return bool(takers)

    def _with_state(self) -> list[Callback]:
        return [callback for callback in self._callbacks if callable(getattr(callback, "state", None))]

    def _overriding(self, method: str) -> list[Callback]:
        base = getattr(Callback, method)
        return [
            callback
            for callback in self._callbacks
            if hasattr(callback, method) and getattr(getattr(callback, method), "__func__", None) is not base
        ]


def _with_checkpoints_late(callbacks: list[Callback]) -> list[Callback]:
    """Put what a checkpoint's file holds the state of in front of it: the file is of what they all made of the same epoch."""

    def rank(callback: Callback) -> int:
        if isinstance(callback, Checkpoint):
            return 1 if callback.save_best_only else 2
        state = getattr(type(callback), "state", Callback.state)
        return 2 if state is Callback.state else 0

    first = next((i for i, callback in enumerate(callbacks) if isinstance(callback, Checkpoint)), len(callbacks))
    return callbacks[:first] + sorted(callbacks[first:], key=rank)
