"""The rows of a profile: what spans of one operation, layer or thread add up to, what bounds them, and their table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from chainrule.peaks import Peaks

__all__ = ["IDLE", "PYTHON", "Group", "Line", "Row", "Sort", "rows_of", "table_of", "time_text"]

Group = Literal["operation", "layer", "thread"]
Sort = Literal["time", "calls", "flops", "bytes"]

PYTHON = "Python, outside of native loops"
IDLE = "without work"
_WAITING = frozenset({"barrier wait", IDLE})
_LEAST_PART = 0.1  # of a peak: less is bound by neither
# Of what a triad counts, memory gives more: its store first reads the line, a fourth array of traffic beside the three.
_MOST_OF_MEMORY = 4 / 3

_HEAD = ("share", "time", "calls", "mean", "GFLOP/s", "of peak", "GB/s", "FLOP/byte", "bound by")


class Row(NamedTuple):
    """What a group of spans adds up to.

    Attributes
    ----------
    name : str
        The operation, layer or thread.
    calls : int
        Spans; 0 for time in no span.
    seconds : float
        Of all threads together, without spans within these.
    flops, bytes : float
        Floating-point operations, and bytes read and written, as the shapes have them.
    of_peak : float
        The part of the time that the operations would take at the peak of multiply-adds that was measured here; 0 without any.
    bound_by : str
        "compute": more of that peak than of memory's bandwidth; "memory"; "cache", where more bytes come in a second than memory can give;
        "overhead": less than a tenth of both; "waiting"; "Python".
    """

    name: str
    calls: int
    seconds: float
    flops: float
    bytes: float
    of_peak: float
    bound_by: str


class Line(NamedTuple):
    """The spans of one label on one thread."""

    operation: str
    layer: str
    dtype: str
    thread: str
    calls: int
    seconds: float
    flops: float
    bytes: float


def rows_of(lines: Iterable[Line], group: Group, peak: Peaks) -> list[Row]:
    """Return what the lines of each operation, layer or thread add up to, the longest first; ValueError for another group."""
    name_of = {
        "operation": lambda line: line.operation,
        "layer": lambda line: line.layer or line.operation,
        "thread": lambda line: line.thread,
    }
    if group not in name_of:
        raise ValueError(f"profile: expected group as operation, layer or thread, got {group!r}")
    groups: dict[str, list[Line]] = {}
    for line in lines:
        groups.setdefault(name_of[group](line), []).append(line)
    return sorted((_row(name, of_name, peak) for name, of_name in groups.items()), key=lambda row: -row.seconds)


def table_of(rows: Iterable[Row], sort: Sort, group: Group) -> str:
    """Return the rows as text; ValueError for another order."""
    field = {"time": "seconds"}.get(sort, sort)
    if field not in ("seconds", "calls", "flops", "bytes"):
        raise ValueError(f"profile: expected sort as time, calls, flops or bytes, got {sort!r}")
    rows = sorted(rows, key=lambda row: -getattr(row, field))
    whole = sum(row.seconds for row in rows)
    cells = [(group, *_HEAD), *((row.name, *_cells(row, whole)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _row(name: str, lines: Sequence[Line], peak: Peaks) -> Row:
    calls, seconds = sum(line.calls for line in lines), sum(line.seconds for line in lines)
    flops, size = sum(line.flops for line in lines), sum(line.bytes for line in lines)
    if not seconds:
        return Row(name, calls, seconds, flops, size, 0.0, "overhead")
    compute = sum(line.flops / peak.flops(line.dtype) for line in lines) * peak.threads / seconds
    memory = size / peak.bytes * peak.threads / seconds
    longest = max(lines, key=lambda line: line.seconds)
    return Row(name, calls, seconds, flops, size, compute, _bound(longest, compute, memory))


def _bound(longest: Line, compute: float, memory: float) -> str:
    """Say in a word what keeps a row from being faster."""
    if longest.operation in _WAITING:
        return "waiting"
    if longest.operation == PYTHON or longest.operation.startswith("Python:"):
        return "Python"
    if max(compute, memory) < _LEAST_PART:
        return "overhead"
    if compute >= min(memory, 1.0):
        return "compute"
    return "memory" if memory <= _MOST_OF_MEMORY else "cache"


def _cells(row: Row, whole: float) -> list[str]:
    rate = row.flops / row.seconds / 1e9 if row.seconds else 0.0
    width = row.bytes / row.seconds / 1e9 if row.seconds else 0.0
    return [
        f"{row.seconds / whole:.1%}" if whole else "",
        time_text(row.seconds),
        f"{row.calls:,}" if row.calls else "",
        time_text(row.seconds / row.calls) if row.calls else "",
        f"{rate:.3g}" if rate else "",
        f"{row.of_peak:.1%}" if rate else "",
        f"{width:.3g}" if width else "",
        f"{row.flops / row.bytes:.3g}" if rate and row.bytes else "",
        row.bound_by,
    ]


def time_text(seconds: float) -> str:
    """Return a time with its unit, in three digits."""
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "us")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
