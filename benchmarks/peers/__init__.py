"""One module per library. Each has `make`, which prepares a workload and returns a function that trains n epochs."""

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from ..workloads import Data, Workload

# Each of a peer's names is a module of this package and what must be installed for it.
NEEDS = {
    "chainrule": "chainrule",
    "numpy": "numpy",
    "torch": "torch",
    "torch_compiled": "torch",
    "jax": "jax",
    "sklearn": "sklearn",
}

Train = Callable[[int], float]


def load(name: str) -> ModuleType:
    """Return the peer's module; ImportError when the library is not installed."""
    return importlib.import_module(f"{__name__}.{name}_peer")


def make(name: str, workload: Workload, data: Data, threads: int, **options: Any) -> Train:
    """Return a function that trains so many epochs and returns the last known loss. Options are the peer's own."""
    train: Train = load(name).make(workload, data, threads, **options)
    return train


def installed(needs: Mapping[str, str] = NEEDS) -> list[str]:
    """Return the names of the peers that can be imported here, without importing them."""
    return [name for name, package in needs.items() if importlib.util.find_spec(package) is not None]
