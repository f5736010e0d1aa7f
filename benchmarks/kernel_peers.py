"""What NumPy and PyTorch need for the work of one kernel: a process of its own (see benchmarks.process), one library.

Reads {"peer", "threads", "seconds", "shapes": [[m, k, n], ...], "sizes": [...]} and prints lines {"kernel", "size", "seconds"}, named
as chainrule_bench names them. Products are of row-major matrices, as users of these libraries have them; every call writes into
an array that is there already where the library can.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

Call = Callable[[], Any]
Calls = Iterator[tuple[str, str, Call]]
STRETCHES = 9


def main(job: dict[str, Any]) -> None:
    if about := _about(job["peer"]):
        print(json.dumps({"about": about}), flush=True)
    for kernel, size, call in _numpy(job) if job["peer"] == "numpy" else _torch(job):
        print(json.dumps({"kernel": kernel, "size": size, **time_of(call, job["seconds"])}), flush=True)


def _about(peer: str) -> str | None:
    """Return which BLAS PyTorch was built with; NumPy's is known to threadpoolctl."""
    if peer != "torch":
        return None
    import torch

    lines = [line.strip(" -") for line in torch.__config__.show().splitlines() if "Math Kernel Library" in line]
    return f"PyTorch: {lines[0]}" if lines else "PyTorch: no MKL"


def time_of(call: Call, seconds: float) -> dict[str, float]:
    """Return the seconds of a call: the median, least and most of several stretches, as chainrule_bench takes them."""

    def stretch(calls: int) -> float:
        start = time.perf_counter()
        for _ in range(calls):
            call()
        return time.perf_counter() - start

    stretch(1)
    calls, goal = 1, seconds / (STRETCHES + 1)
    while (elapsed := stretch(calls)) < goal:
        calls = int(calls * min(100.0, max(2.0, 1.2 * goal / max(elapsed, 1e-9))))
    times = [stretch(calls) / calls for _ in range(STRETCHES)]
    return {"seconds": statistics.median(times), "least": min(times), "most": max(times)}


def _numpy(job: dict[str, Any]) -> Calls:
    import numpy as np

    random = np.random.default_rng(0)

    def values(*shape: int) -> Any:
        return random.uniform(0.01, 4, shape).astype(np.float32)

    for m, k, n in job["shapes"]:
        x, w, z, g, gx = values(m, k), values(k, n), values(m, n), values(k, n), values(m, k)
        size = f"{m}x{k}x{n}"
        yield "gemm_forward", size, partial(np.matmul, x, w, out=z)
        yield "gemm_input_gradient", size, partial(np.matmul, z, w.T, out=gx)
        yield "gemm_weight_gradient", size, partial(np.matmul, x.T, z, out=g)
    for n in job["sizes"]:
        x, b, y = values(n), values(n), np.empty(n, np.float32)
        for kernel, function in {"exp": np.exp, "log": np.log, "sqrt": np.sqrt, "tanh_forward": np.tanh}.items():
            yield kernel, str(n), partial(function, x, out=y)
        yield "sigmoid_forward", str(n), partial(_numpy_sigmoid, x, y)
        yield "softplus_forward", str(n), partial(np.logaddexp, x, np.float32(0), out=y)
        yield "relu_forward", str(n), partial(np.maximum, x, 0, out=y)
        for kernel, operation in {"add": np.add, "multiply": np.multiply, "divide": np.divide}.items():
            yield kernel, str(n), partial(operation, x, b, out=y)


def _numpy_sigmoid(x: Any, y: Any) -> None:
    """As one writes it, without new arrays."""
    import numpy as np

    np.negative(x, out=y)
    np.exp(y, out=y)
    np.add(y, 1, out=y)
    np.reciprocal(y, out=y)


def _torch(job: dict[str, Any]) -> Calls:
    import torch

    torch.set_num_threads(job["threads"])
    torch.set_grad_enabled(False)
    torch.manual_seed(0)

    def values(*shape: int) -> Any:
        return torch.rand(*shape) * 3.99 + 0.01

    for m, k, n in job["shapes"]:
        x, w, z, g, gx = values(m, k), values(k, n), values(m, n), values(k, n), values(m, k)
        size = f"{m}x{k}x{n}"
        yield "gemm_forward", size, partial(torch.mm, x, w, out=z)
        yield "gemm_input_gradient", size, partial(torch.mm, z, w.T, out=gx)
        yield "gemm_weight_gradient", size, partial(torch.mm, x.T, z, out=g)
    ops = torch.ops.aten
    for n in job["sizes"]:
        x, b, y = values(n), values(n), torch.empty(n)
        unary = {"exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt, "tanh_forward": torch.tanh}
        unary |= {"sigmoid_forward": torch.sigmoid, "gelu_forward": ops.gelu.out, "silu_forward": ops.silu.out}
        unary |= {"softplus_forward": ops.softplus.out, "mish_forward": ops.mish.out, "elu_forward": ops.elu.out}
        for kernel, function in unary.items():
            yield kernel, str(n), partial(function, x, out=y)
        yield "relu_forward", str(n), partial(torch.clamp_min, x, 0, out=y)
        yield "selu_forward", str(n), partial(ops.elu.out, x, 1.6732632423543772, 1.0507009873554805, out=y)
        yield "tanh_backward", str(n), partial(ops.tanh_backward.grad_input, x, b, grad_input=y)
        for name, operation in {"add": torch.add, "multiply": torch.mul, "divide": torch.div}.items():
            yield name, str(n), partial(operation, x, b, out=y)
        yield from _torch_updates(torch, n, values)
    for columns in (10, 100, 1000):
        x = values(256, columns)
        y = torch.empty_like(x)
        yield "softmax_forward", f"256x{columns}", partial(torch.softmax, x, 1, out=y)


def _torch_updates(torch: Any, n: int, values: Callable[..., Any]) -> Calls:
    """PyTorch's fused optimizers, the fastest that it has, on one parameter of n elements."""
    makers: dict[str, Callable[[Any], Any]] = {
        "update_sgd": lambda p: torch.optim.SGD(p, lr=1e-3, fused=True),
        "update_momentum": lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9, fused=True),
        "update_nesterov": lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9, nesterov=True, fused=True),
        "update_adam": lambda p: torch.optim.Adam(p, lr=1e-3, fused=True),
    }
    for kernel, make in makers.items():
        parameter = torch.nn.Parameter(values(n))
        parameter.grad = values(n)
        yield kernel, str(n), make([parameter]).step


if __name__ == "__main__":
    main(json.load(sys.stdin))
