"""Padded work, and jumps between neighbouring widths: what a step should cost when its width grows by one.

Layers live in panels of 16 float32 columns, so a layer of 17 does the work of 32. A jump is what is left when the change in padded
work is taken out: from width a to the wider b, time may grow by as much as the padded work does, and it may not shrink.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .workloads import Workload

PANEL = 16
JUMP_LIMIT = 0.15


def padded(columns: int) -> int:
    return -(-columns // PANEL) * PANEL


def padded_flops(workload: Workload) -> int:
    """Of one step's products: of each, the columns of the result are padded; what it sums over is not."""
    total = 0
    for layer, (n_in, n_out) in enumerate(zip(workload.widths, workload.widths[1:], strict=False)):
        forward = n_in * padded(n_out)
        weight_gradient = n_in * padded(n_out)
        input_gradient = n_out * padded(n_in) if layer > 0 else 0
        total += 2 * workload.batch * (forward + weight_gradient + input_gradient)
    return total


@dataclass(frozen=True)
class Jump:
    """Between widths a < b: how far the change in time exceeds the change in padded work (0.1: by 10 %)."""

    a: int
    b: int
    excess: float

    @property
    def too_far(self) -> bool:
        return self.excess > JUMP_LIMIT


def jump(a: int, b: int, time_a: float, time_b: float, work_a: float, work_b: float) -> Jump:
    if a >= b:
        raise ValueError(f"jump: expected the narrower width first, got {a} and {b}")
    rise = time_b / time_a / max(work_b / work_a, 1.0)
    fall = time_a / time_b  # the narrower net has no right to take longer
    return Jump(a, b, max(rise, fall) - 1)


def jumps(times: Mapping[int, tuple[float, float]]) -> Iterable[Jump]:
    """Return the jumps between widths that differ by one, from (time, padded work) by width."""
    for a in sorted(times):
        if a + 1 in times:
            yield jump(a, a + 1, times[a][0], times[a + 1][0], times[a][1], times[a + 1][1])
