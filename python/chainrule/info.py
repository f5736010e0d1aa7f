"""What chainrule runs on: for bug reports and for wondering why something is slow."""

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from chainrule import _core

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Info", "info"]

_REASONS = {
    "chosen": "set_num_threads",
    "caller": "the share of this thread",
    "affinity": "CPUs in the affinity mask",
    "cgroup": "the cgroup's CPU quota",
    "openmp": "OMP_NUM_THREADS or an OpenMP setting",
    "environment": "CHAINRULE_NUM_THREADS",
}
# Variables that change what is done, or with how many threads.
_VARIABLES = ("CHAINRULE_ISA", "CHAINRULE_NUM_THREADS", "OMP_NUM_THREADS", "OMP_WAIT_POLICY", "OMP_PROC_BIND", "GOMP_CPU_AFFINITY")
_CACHES = "/sys/devices/system/cpu/cpu0/cache"
_MAPS = "/proc/self/maps"


class Info(Mapping[str, object]):
    """A mapping that prints as a table, of texts, numbers and tuples of texts: `json.dumps(dict(info))` is JSON."""

    def __init__(self, entries: Mapping[str, object]) -> None:
        self._entries = dict(entries)

    def __getitem__(self, key: str) -> object:
        return self._entries[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        width = max(map(len, self._entries))
        return "\n".join(
            f"{key:<{width}}  {', '.join(map(str, value)) if isinstance(value, tuple) else value}" for key, value in self.items()
        )


def info(measure: bool = False) -> Info:
    """Return version, CPU, instruction sets, threads with the reason for their number, and build.

    Parameters
    ----------
    measure : bool, default False
        Measures for one thread, and for all, the peak of multiply-adds in a second and the bandwidth of memory (a triad
        ``a = b + s c`` over arrays larger than the caches; McCalpin, STREAM, 1995), which takes about a second.

    Returns
    -------
    Info
        A read-only mapping with a readable repr, made to be pasted into a report: "version", "cpu", "caches", "isa" (chosen) and "isas"
        (found), "threads" with "threads_why" and the "limits" that they were chosen by, "environment" (variables that are set),
        "openmp" (the date of its specification) and "openmp_library", "compiler" and "flags" of the build, "python", "numpy",
        "system"; with `measure` "peak_1" and, of more threads, "peak_<threads>".

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.info()["version"] == cr.__version__
    True
    """
    import platform  # reports alone need it

    threads = _core.get_num_threads()
    limits: Mapping[str, int] = {key: int(str(value)) for key, value in _core.thread_limits().items()}
    facts: dict[str, object] = {
        "version": _core.__version__,
        "cpu": _core.cpu_name(),
        "caches": caches(),
        "isa": _core.active_isa(),
        "isas": tuple(_core.supported_isas()),
        "threads": threads,
        "threads_why": _why(limits, threads),
        "limits": tuple(f"{key} {value}" for key, value in limits.items() if value > 0),
        "environment": tuple(f"{name}={os.environ[name]}" for name in _VARIABLES if name in os.environ),
        **_core.build_info(),
        "openmp_library": _openmp_library(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "system": platform.platform(),
    }
    if measure:
        from chainrule.peaks import peaks

        for count in sorted({1, threads}):
            found = peaks(count)
            facts[f"peak_{count}"] = (
                f"{found.flops_f32 / 1e9:.4g} GFLOP/s float32",
                f"{found.flops_f64 / 1e9:.4g} GFLOP/s float64",
                f"{found.bytes / 1e9:.3g} GB/s from memory",
            )
    return Info(facts)


def caches() -> tuple[str, ...]:
    """Return level and size of the first CPU's caches for data, as the system gives them."""
    from pathlib import Path

    folders = sorted(Path(_CACHES).glob("index*"))
    facts = [[_read(folder / fact) for fact in ("type", "level", "size")] for folder in folders]
    return tuple(f"L{level} {size}" for kind, level, size in facts if kind != "Instruction")


def _read(path: "Path") -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _openmp_library() -> str:
    """Return the file of the OpenMP run time that is loaded, or of all where there are several."""
    from pathlib import Path

    files = {Path(line.split(maxsplit=5)[-1]) for line in _read(Path(_MAPS)).splitlines() if "omp" in line}
    return ", ".join(sorted(str(file) for file in files if file.name.startswith(("libgomp", "libomp", "libiomp"))))


def _why(limits: Mapping[str, int], threads: int) -> str:
    """Return the first limit that is as tight as the number used."""
    return next((reason for key, reason in _REASONS.items() if limits[key] == threads), "the least that always works")
