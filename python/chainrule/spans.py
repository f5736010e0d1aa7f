"""Stretches of Python that a profile shows beside the operations of the native loops, and what it is told of the models."""

from collections.abc import Callable
from functools import cache
from types import TracebackType
from typing import Any

from chainrule import _core

__all__ = ["on_model", "span"]

# Of the profile that is being taken: called with each model that trains or predicts. A variable, since a prediction of one row takes
# a microsecond.
on_model: Callable[[Any], None] | None = None

_label = cache(_core.profile_label)


class span:  # noqa: N801 (a context manager, used as a function is)
    """Show what runs in a ``with`` block as an operation, while a profile is taken."""

    __slots__ = ("_open", "_operation")

    def __init__(self, operation: str) -> None:
        self._operation = operation
        self._open = False

    def __enter__(self) -> None:
        if _core.profiling():
            self._open = True
            _core.profile_begin(_label(self._operation))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._open:
            _core.profile_end()
