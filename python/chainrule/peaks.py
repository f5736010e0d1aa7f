"""What this machine can do, measured once in a process: what profiles compare with."""

from functools import cache
from typing import NamedTuple

from chainrule import _core

__all__ = ["TRIAD_BYTES", "Peaks", "measured", "peaks"]

# Of the three arrays of a triad together: well past a last-level cache.
TRIAD_BYTES: int = _core.TRIAD_BYTES


class Peaks(NamedTuple):
    """Rates of a number of threads together.

    Attributes
    ----------
    threads : int
        How many.
    flops_f32, flops_f64 : float
        Floating-point operations in a second: multiply-adds in registers, two operations each.
    bytes : float
        Bytes read and written in a second by a triad ``a = b + s c`` over arrays larger than the caches (McCalpin, STREAM, 1995).
    """

    threads: int
    flops_f32: float
    flops_f64: float
    bytes: float

    def flops(self, dtype: str) -> float:
        """Return the operations in a second of a type; of "", which computes nothing, any."""
        return self.flops_f64 if dtype == "float64" else self.flops_f32


def measured(threads: int, seconds: float) -> Peaks:
    """Measure, for about three times so many seconds."""
    found = _core.measure_machine(_core.active_isa(), threads, seconds)
    return Peaks(threads, found["flops_f32"], found["flops_f64"], found["bytes"])


@cache
def peaks(threads: int) -> Peaks:
    """Return the peaks, measured when they are first asked for."""
    return measured(threads, 0.1)
