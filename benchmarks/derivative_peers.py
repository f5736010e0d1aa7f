"""Measures derivatives by one library, in a process of its own: reads {"peer", "threads", "seconds", "cases": [names]} and prints a line
{"case", "record": {...}, "derivative": {...}, "result": [...]} for each, with times as `time_of` gives them.

To record is to evaluate the function once and keep what a derivative needs. The derivative's time holds all of it: recording, the
derivative, and the result in the library's own arrays. Arguments are there already, in the library's arrays as well.
"""

import json
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .derivative_functions import Case, cases
from .kernel_peers import time_of

# What must be installed for each, and which of them run what was compiled before: those are shown, not compared.
NEEDS = {
    "chainrule": "chainrule",
    "chainrule_compiled": "chainrule",
    "autograd": "autograd",
    "torch": "torch",
    "jax": "jax",
    "jax_jit": "jax",
}
COMPILED = ("chainrule_compiled", "jax_jit")


class Calls(NamedTuple):
    """What is timed; there is nothing to record where it was compiled."""

    record: Callable[[], Any] | None
    derivative: Callable[[], Any]


def main(job: dict[str, Any]) -> None:
    peer = PEERS[job["peer"]]
    for case in cases():
        if case.name not in job["cases"]:
            continue
        calls = peer(case)
        line: dict[str, Any] = {"case": case.name, "derivative": time_of(calls.derivative, job["seconds"])}
        if calls.record is not None:
            line["record"] = time_of(calls.record, job["seconds"])
        result = calls.derivative()
        parts = result if isinstance(result, (list, tuple)) else [result]
        line["result"] = [float(number) for part in parts for number in np.ravel(np.asarray(part))]
        print(json.dumps(line), flush=True)


def _chainrule(case: Case) -> Calls:
    import chainrule as cr

    f, x = case.make(np, *case.constants), case.argument
    variables = [cr.variable(part) for part in x] if isinstance(x, list) else cr.variable(x)
    gradient, product = cr.grad(f), cr.hvp(f)
    if case.direction is not None:
        return Calls(lambda: f(variables), lambda: product(x, case.direction))
    return Calls(lambda: f(variables), lambda: gradient(x))


def _chainrule_compiled(case: Case) -> Calls:
    import chainrule as cr

    f, x = case.make(np, *case.constants), case.argument
    compiled = cr.compile(cr.grad(f)) if case.direction is None else cr.compile(lambda x: cr.hvp(f)(x, case.direction))
    return Calls(None, lambda: compiled(x))


def _autograd(case: Case) -> Calls:
    import autograd
    import autograd.numpy as anp

    f, x = case.make(anp, *case.constants), case.argument
    gradient, product = autograd.grad(f), autograd.hessian_vector_product(f)

    def record() -> Any:
        return autograd.make_vjp(f)(x)

    if case.direction is not None:
        return Calls(record, lambda: product(x, case.direction))
    return Calls(record, lambda: gradient(x))


def _torch(case: Case) -> Calls:
    import torch

    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    f = case.make(torch, *(torch.from_numpy(constant) for constant in case.constants))
    several = isinstance(case.argument, list)
    leaves = [torch.tensor(part, requires_grad=True) for part in (case.argument if several else [case.argument])]
    argument = leaves if several else leaves[0]
    if case.direction is None:
        return Calls(lambda: f(argument), lambda: torch.autograd.grad(f(argument), leaves))
    direction = torch.from_numpy(case.direction)

    def product() -> Any:
        (gradient,) = torch.autograd.grad(f(argument), leaves, create_graph=True)
        return torch.autograd.grad(gradient, leaves, direction)

    return Calls(lambda: f(argument), product)


def _jax_parts(case: Case) -> tuple[Any, Any, Any]:
    """Return the function, its derivative and the argument."""
    import jax

    jax.config.update("jax_enable_x64", True)
    f = case.make(jax.numpy, *(jax.numpy.asarray(constant) for constant in case.constants))
    if case.direction is None:
        return f, jax.grad(f), jax.tree_util.tree_map(jax.numpy.asarray, case.argument)
    direction = jax.numpy.asarray(case.direction)
    return f, lambda x: jax.jvp(jax.grad(f), (x,), (direction,))[1], jax.numpy.asarray(case.argument)


def _jax(case: Case) -> Calls:
    import jax

    f, derivative, x = _jax_parts(case)
    return Calls(lambda: jax.vjp(f, x), lambda: jax.block_until_ready(derivative(x)))


def _jax_jit(case: Case) -> Calls:
    import jax

    _, derivative, x = _jax_parts(case)
    compiled = jax.jit(derivative)
    return Calls(None, lambda: jax.block_until_ready(compiled(x)))


PEERS = {
    "chainrule": _chainrule,
    "chainrule_compiled": _chainrule_compiled,
    "autograd": _autograd,
    "torch": _torch,
    "jax": _jax,
    "jax_jit": _jax_jit,
}

if __name__ == "__main__":
    main(json.load(sys.stdin))
