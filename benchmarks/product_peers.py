"""Measures matrix products of one library, in a process of its own: reads {"peer", "threads", "seconds", "shapes": [[m, k, n], ...]}.

Prints lines {"shape", "seconds"}: the least of many calls. chainrule multiplies panels, as its layers keep values and weights; the others
row-major matrices, into an array that is there already.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any


def main(job: dict[str, Any]) -> None:
    measure = {"chainrule": _chainrule, "numpy": _numpy, "torch": _torch}[job["peer"]]
    for m, k, n in job["shapes"]:
        print(json.dumps({"shape": [m, k, n], "seconds": measure(m, k, n, job["threads"], job["seconds"])}), flush=True)


def _chainrule(m: int, k: int, n: int, threads: int, seconds: float) -> float:
    from chainrule import _core

    return _core.measure_product(m, k, n, threads, seconds)


def _numpy(m: int, k: int, n: int, threads: int, seconds: float) -> float:  # noqa: ARG001  # the parent sets the limits
    import numpy as np

    a, b = np.ones((m, k), np.float32), np.ones((k, n), np.float32)
    c = np.empty((m, n), np.float32)
    return _least(lambda: np.matmul(a, b, out=c), seconds)


def _torch(m: int, k: int, n: int, threads: int, seconds: float) -> float:
    import torch

    torch.set_num_threads(threads)
    a, b, c = torch.ones(m, k), torch.ones(k, n), torch.empty(m, n)
    return _least(lambda: torch.mm(a, b, out=c), seconds)


def _least(call: Callable[[], Any], seconds: float) -> float:
    least, began = float("inf"), time.perf_counter()
    while (start := time.perf_counter()) - began < seconds:
        call()
        least = min(least, time.perf_counter() - start)
    return least


if __name__ == "__main__":
    main(json.load(sys.stdin))
