"""How long measurements will take, roughly: to be printed before a run, and to move its bar.

Fitted by eye to a few nets on two cores of an AMD EPYC (Zen 5), 2026-11. No figure depends on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .workloads import Workload


@dataclass(frozen=True)
class Cost:
    """Of a peer, in seconds but for its part of the peak."""

    start: float  # and leave its process
    net: float  # prepare one
    compile: float  # it for the first time, with one thread
    step: float
    layer: float  # of a step
    parameter: float  # of a step: its update passes through memory
    of_peak: float


COSTS = {
    "chainrule": Cost(0.12, 0.01, 0.0, 0.5e-6, 0.5e-6, 0.8e-9, 0.75),
    "numpy": Cost(0.12, 0.01, 0.0, 15e-6, 17e-6, 2.5e-9, 0.4),
    "torch": Cost(2.0, 0.05, 0.0, 50e-6, 60e-6, 6e-9, 0.3),
    "torch_compiled": Cost(4.4, 0.2, 4.0, 100e-6, 60e-6, 5e-9, 0.3),
    "jax": Cost(0.6, 0.1, 1.0, 2e-6, 5e-6, 5e-9, 0.45),
    "sklearn": Cost(0.8, 0.02, 0.0, 60e-6, 45e-6, 4e-9, 0.3),
}
# Of a parameter: to draw, copy and first touch it.
DRAW = 30e-9


def step(peer: str, workload: Workload, gflops: float) -> float:
    """Return the seconds of a training step, with the peak of all threads together."""
    cost, layers = COSTS[peer], len(workload.widths) - 1
    products = workload.flops / (gflops * 1e9 * cost.of_peak)
    return cost.step + layers * cost.layer + products + workload.parameters * cost.parameter


def measurement(peer: str, workload: Workload, threads: int, seconds: float, gflops: float, compiled: bool) -> float:
    """Return the seconds of a net's measurement without its process (see benchmarks.measure)."""
    cost = COSTS[peer]
    epoch = workload.steps * step(peer, workload, gflops)
    measured = max(1.1 * seconds, min(3 * epoch, 2 * seconds + epoch))
    compiling = 0.0 if compiled else cost.compile / min(threads, 2)
    return cost.net + compiling + workload.parameters * DRAW + epoch + measured


def process(peer: str, workloads: Sequence[Workload], threads: int, seconds: float, gflops: float, compiled: bool) -> float:
    """Return the seconds of one process that measures all these nets."""
    return COSTS[peer].start + sum(measurement(peer, w, threads, seconds, gflops, compiled) for w in workloads)
