"""The elementary functions in one table: time of an element beside NumPy's and PyTorch's, and the largest error of ours.

The errors come from the program `ulp` (tests/cpp/ulp.cpp), whose output is kept beside the results: ulp --stride 1 > ulp.txt tries
every float32 there is, for an hour.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .table import markdown

# The functions of the program `ulp`, with the kernels that compute them.
KERNELS = {
    "exp": "exp",
    "log": "log",
    "tanh": "tanh_forward",
    "sigmoid": "sigmoid_forward",
    "softplus": "softplus_forward",
    "gelu": "gelu_forward",
    "silu": "silu_forward",
    "mish": "mish_forward",
    "elu": "elu_forward",
    "selu": "selu_forward",
}
LINE = re.compile(r"^float +(\w+) +(\d+) inputs +largest error ([\d.]+|inf) ulp", re.MULTILINE)
EVERY = 1 << 32

Errors = Mapping[str, tuple[str, int]]


def errors(path: Path) -> Errors:
    """Return the largest error in ulp of each float32 function, as printed, and over how many inputs; nothing where there is no file."""
    if not path.exists():
        return {}
    return {name: (error, int(count)) for name, count, error in LINE.findall(path.read_text())}


def table(cell: Callable[[str, int, str], str], sizes: Sequence[int], peers: Sequence[str], known: Errors) -> str:
    """Return the table; `cell` is the nanoseconds of an element by kernel, size and peer, in words."""
    header = ["function", *(f"{peer}, {_size(size)}" for size in sizes for peer in peers), "largest error, ulp", "inputs tried"]
    rows = []
    for name, kernel in KERNELS.items():
        error, count = known.get(name, ("not measured", 0))
        tried = "" if count == 0 else "all" if count == EVERY else str(count)
        rows.append([name, *(cell(kernel, size, peer) for size in sizes for peer in peers), error, tried])
    return markdown(header, rows)


def _size(elements: int) -> str:
    return f"{elements >> 20} Mi" if elements >= 1 << 20 else f"{elements >> 10} Ki"
