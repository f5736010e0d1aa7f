"""What the nodes of a traced function are called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from chainrule.recording import is_variable


def argument_names(f: Callable[..., Any], count: int) -> list[str]:
    """Return the function's names for its first arguments; x0, x1 where it does not say."""
    names: list[str] = []
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):  # a function of C without a signature
        parameters = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}[{i}]" for i in range(max(count - len(names), 0))]
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
    return [*names, *(f"x{i}" for i in range(len(names), count))][:count]


def leaf_names(name: str, tree: Any) -> Iterator[str]:
    """Return a name for each array of an argument or result, in the order of `trees.leaves`; a variable's own name wins."""
    if isinstance(tree, (tuple, list)):
        fields = getattr(tree, "_fields", None)
        for i, part in enumerate(tree):
            yield from leaf_names(f"{name}.{fields[i]}" if fields else f"{name}[{i}]", part)
    elif isinstance(tree, dict):
        for key, part in tree.items():
            yield from leaf_names(f"{name}[{key!r}]", part)
    else:
        yield (is_variable(tree) and getattr(tree, "name", None)) or name


def unused(name: str, taken: Iterable[str]) -> str:
    """Return the name, with a number where it is taken."""
    taken = set(taken)
    candidate, count = name, 1
    while candidate in taken:
        count += 1
        candidate = f"{name}_{count}"
    return candidate


def distinct(names: Iterable[str]) -> list[str]:
    """Return the names, with numbers added to those that came before."""
    result: list[str] = []
    for name in names:
        result.append(unused(name, result))
    return result


def node_names(operations: Sequence[str], inputs: Sequence[tuple[int, str]], outputs: Sequence[tuple[int, str]]) -> list[str]:
    """Return a name for each node, all different: those of inputs first, then those of outputs, then numbers."""
    given: dict[int, str] = {}
    taken: set[str] = set()
    for number, name in [*inputs, *outputs]:
        if number not in given:
            given[number] = unused(name, taken)
            taken.add(given[number])
    names = []
    for number, operation in enumerate(operations):
        if number not in given:
            given[number] = unused(f"{'c' if operation == 'constant' else 'v'}{number}", taken)
        names.append(given[number])
    return names
