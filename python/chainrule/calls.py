"""One call of a function on variables: what every transform begins with."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import _core, trees
from chainrule.recording import identity, is_variable
from chainrule.variables import Variable

Function = Callable[..., Any]
Argnums = int | Sequence[int]


class _Depth(threading.local):
    value = 0


_depth = _Depth()


def is_recording() -> bool:
    """Whether a transform is calling a function on variables now, in this thread."""
    return _depth.value > 0


class Recorder:
    """Turns arguments into fresh variables and, at the end, results into plain arrays where nobody outside records."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.inside = False

    def __enter__(self) -> Recorder:
        self.inside = is_recording()
        _depth.value += 1
        return self

    def __exit__(self, *error: object) -> None:
        _depth.value -= 1

    def fresh(self, x: Any) -> Variable:
        """Return a variable of its own with the value of x, through which derivatives in x still flow."""
        if is_variable(x):
            self.inside = True
            alias: Variable = identity(x)
            return alias
        array = np.asarray(x)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{self.name}: expected real numbers, got {array.dtype} in an argument to differentiate in")
        made: Variable = _core.variable(array, "float32" if array.dtype == np.float32 else "float64")
        return made

    def seed(self, value: Any, like: Any) -> Any:
        """Return a value as a variable of the type of another."""
        if is_variable(value):
            self.inside = True
            return value
        return _core.variable(np.asarray(value), like.dtype.name)

    def out(self, x: Any) -> Any:
        """Return a result for the caller."""
        return x.value if is_variable(x) and not self.inside else x

    def derivative(self, x: Any, like: Any) -> Any:
        """Return a derivative for the caller; None is zero in the shape of another variable."""
        return np.zeros(like.shape, like.dtype)[()] if x is None else self.out(x)


def positions_of(argnums: Argnums, count: int, name: str) -> tuple[tuple[int, ...], bool]:
    """Return the arguments meant, and whether it is just one."""
    single = isinstance(argnums, (int, np.integer))
    given = (argnums,) if single else tuple(argnums)  # type: ignore[arg-type]
    positions = []
    for number in given:
        if not isinstance(number, (int, np.integer)) or not -count <= number < count:
            raise ValueError(f"{name}: expected argnums from {-count} below {count}, got {number!r}")
        positions.append(int(number) % count)
    return tuple(positions), single


class Call:
    """One call of f with some of its arguments replaced by fresh variables."""

    def __init__(self, recorder: Recorder, f: Function, args: tuple[Any, ...], keywords: dict[str, Any], argnums: Argnums) -> None:
        self.positions, self.single = positions_of(argnums, len(args), recorder.name)
        self.trees = [trees.mapped(recorder.fresh, args[i]) for i in self.positions]
        self.inputs = [leaf for tree in self.trees for leaf in trees.leaves(tree)]
        changed = list(args)
        for position, tree in zip(self.positions, self.trees, strict=True):
            changed[position] = tree
        self.result = f(*changed, **keywords)

    def like_arguments(self, derivatives: list[Any]) -> Any:
        """Return derivatives, one for each input, in the arguments' containers."""
        rest = iter(derivatives)
        parts = tuple(trees.mapped(lambda _: next(rest), tree) for tree in self.trees)
        return parts[0] if self.single else parts
