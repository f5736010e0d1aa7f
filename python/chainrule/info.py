"""What chainrule runs on: for bug reports and for wondering why something is slow."""

from collections.abc import Iterator, Mapping

from chainrule import _core

__all__ = ["Info", "info"]

_REASONS = {
    "chosen": "set_num_threads",
    "caller": "the share of this thread",
    "affinity": "CPUs in the affinity mask",
    "cgroup": "the cgroup's CPU quota",
    "openmp": "OMP_NUM_THREADS or an OpenMP setting",
    "environment": "CHAINRULE_NUM_THREADS",
}


class Info(Mapping[str, object]):
    """A mapping that prints as a table: "version", "cpu", "isa", "isas", "threads", "threads_why", then the build's facts."""

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


def _why(limits: Mapping[str, int], threads: int) -> str:
    """Return the first limit that is as tight as the number used."""
    return next((reason for key, reason in _REASONS.items() if limits[key] == threads), "the least that always works")


def info() -> Info:
    """Return version, CPU, instruction sets, threads with the reason for their number, and build.

    Returns
    -------
    Info
        A read-only mapping with a readable repr.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.info()["version"] == cr.__version__
    True
    """
    threads = _core.get_num_threads()
    limits: Mapping[str, int] = {key: int(str(value)) for key, value in _core.thread_limits().items()}
    return Info(
        {
            "version": _core.__version__,
            "cpu": _core.cpu_name(),
            "isa": _core.active_isa(),
            "isas": tuple(_core.supported_isas()),
            "threads": threads,
            "threads_why": _why(limits, threads),
            **_core.build_info(),
        }
    )
