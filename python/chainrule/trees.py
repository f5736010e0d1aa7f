"""Arguments and results that are tuples, lists and dicts of arrays, to any depth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def leaves(tree: Any) -> list[Any]:
    """Return what is not a container, from the left; of a dict, in the order of its keys."""
    if not isinstance(tree, (tuple, list, dict)):
        return [tree]
    return [leaf for part in (tree.values() if isinstance(tree, dict) else tree) for leaf in leaves(part)]


def mapped(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Return the tree with function(leaf, leaves of the others in the same place) in the place of each leaf."""
    if not isinstance(tree, (tuple, list, dict)):
        return function(tree, *others)
    if isinstance(tree, (tuple, list)):
        if any(len(other) != len(tree) for other in others):
            raise ValueError(f"expected containers of {len(tree)} items, got {[len(other) for other in others]}")
        parts = [mapped(function, *items) for items in zip(tree, *others, strict=True)]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return {key: mapped(function, part, *(other[key] for other in others)) for key, part in tree.items()}


def rebuilt(tree: Any, new: list[Any]) -> Any:
    """Return the tree with these leaves, in the order of `leaves`."""
    rest = iter(new)
    return mapped(lambda _: next(rest), tree)
