"""Profiles: where the time of a fit, a prediction or a compiled function goes, inside the native loops."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any

from chainrule import _core, atomic_file, spans, validation
from chainrule.errors import ChainruleError
from chainrule.peaks import Peaks, peaks
from chainrule.profile_rows import IDLE, PYTHON, Group, Line, Row, Sort, rows_of, table_of, time_text

if TYPE_CHECKING:
    from chainrule.evaluation import Evaluated

__all__ = ["Profile", "profile"]

_MOST_MODELS = 16


class Profile:
    """What was found while a ``with`` block ran; made by `profile`.

    All numbers may be asked for during the block, of what is done by then, and after it. ``print(prof)`` shows all of it as text.

    Attributes
    ----------
    seconds : float
        The wall time of the block.
    threads : int
        How many took part: that of the block, and those that have worked.
    isa : str
        The kernels' instruction set.
    plans : list of str
        How the models of the block were planned, and why so: `model.explain_plan()` at its end.
    """

    def __init__(self, trace_steps: int = 20) -> None:
        self._trace_steps = validation.integer(trace_steps, "profile", "trace_steps", 0)
        self._native: _core.Profile | None = None
        self._found: Sequence[Mapping[str, Any]] | None = None  # by thread, once the block has ended
        self._seconds = 0.0
        self._labels: Sequence[tuple[str, str, str]] = ()
        self._models: dict[int, Evaluated] = {}
        self.isa = _core.active_isa()
        self.plans: list[str] = []

    def __enter__(self) -> Profile:
        if self._native is not None or self._found is not None:
            raise ChainruleError("profile: expected a new one for each with block, got one that was used before")
        self._native = _core.Profile(first_steps=self._trace_steps, last_steps=self._trace_steps)
        spans.on_model = self._note
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        native, self._native = self._native, None
        assert native is not None
        native.stop()
        spans.on_model = None
        self._found, self._seconds, self._labels = native.threads(), native.seconds, _core.profile_labels()
        for model in self._models.values():
            with contextlib.suppress(ChainruleError):  # a fit that failed before the model was built
                self.plans.append(model.explain_plan())
        self.plans = list(dict.fromkeys(self.plans))
        self._models = {}

    def _note(self, model: Evaluated) -> None:
        if len(self._models) < _MOST_MODELS:
            self._models.setdefault(id(model), model)

    @property
    def seconds(self) -> float:
        """The wall time."""
        return self._seconds if self._native is None else self._native.seconds

    @property
    def threads(self) -> int:
        """How many threads took part: that of the block, and those that have worked."""
        return len(self._parts())

    def rows(self, group: Group = "operation") -> list[Row]:
        """Return what each operation, layer or thread took, the longest first.

        Their seconds add up to the wall time times the number of threads: what is in no span is a row of its own. The first call
        in a process measures the machine's peaks, which takes about a third of a second.

        Parameters
        ----------
        group : {"operation", "layer", "thread"}, default "operation"
            What rows are of. What belongs to no layer keeps its operation's name.

        Returns
        -------
        list of Row

        Raises
        ------
        ValueError
            For another group.
        ChainruleError
            Before the ``with`` block.
        """
        return rows_of(self._lines(), group, self._peaks())

    def table(self, sort: Sort = "time", group: Group = "operation") -> str:
        """Return the rows as text.

        Parameters
        ----------
        sort : {"time", "calls", "flops", "bytes"}, default "time"
            By what, the most first.
        group : {"operation", "layer", "thread"}, default "operation"
            As for `rows`.

        Returns
        -------
        str
            A line for each row: its share of the time of all threads, that time, the spans, their mean, and the rates. "of peak" is
            of the multiply-adds that one thread was measured to do on this machine, with rows that compute in different types counted each
            by its own. What a row is bound by is said in `Row`.

        Raises
        ------
        ValueError
            For another order or group.
        ChainruleError
            Before the ``with`` block.

        Examples
        --------
        >>> import numpy as np
        >>> import chainrule as cr
        >>> x = np.random.default_rng(0).normal(size=(200, 3))
        >>> model = cr.Sequential([cr.Dense(16, "relu"), cr.Dense(1)])
        >>> with cr.profile() as prof:
        ...     history = model.fit(x, x.sum(axis=1), epochs=5, loss="mse", verbose=0)
        >>> "matmul+add+relu" in prof.table()
        True
        """
        return table_of(self.rows(group), sort, group)

    def report(self, sort: Sort = "time", group: Group = "operation") -> str:
        """Return the table with what stands around it: wall time, threads, instruction set, the machine's peaks and the plans.

        Parameters
        ----------
        sort, group
            As for `table`.

        Returns
        -------
        str
            What ``print(prof)`` shows.

        Raises
        ------
        ValueError, ChainruleError
            As `table`.
        """
        threads, peak = self.threads, self._peaks()
        steps = max((int(thread["steps"]) for thread in self._taken()), default=0)
        together = "" if threads == 1 else f"; rows add up to {threads} times the wall time"
        lines = [
            f"wall time {time_text(self.seconds)}, {_number_of(threads)}, {self.isa}, {steps:,} steps{together}",
            f"measured here, of one thread of {peak.threads}: {peak.flops_f32 / peak.threads / 1e9:.3g} GFLOP/s float32, "
            f"{peak.flops_f64 / peak.threads / 1e9:.3g} float64, {peak.bytes / peak.threads / 1e9:.3g} GB/s from memory",
            "",
            self.table(sort, group),
        ]
        return "\n".join([*lines, *(f"\n{plan}" for plan in self.plans)])

    def __str__(self) -> str:
        return repr(self) if self._native is None and self._found is None else self.report()

    def __repr__(self) -> str:
        if self._native is None and self._found is None:
            return "Profile(not begun)"
        return f"Profile({time_text(self.seconds)}, {_number_of(self.threads)}{'' if self._native is None else ', being taken'})"

    def plot(self, path: str | PathLike[str] | None = None) -> Any:
        """Draw a roofline with the operations as points, and the time of each layer.

        Parameters
        ----------
        path : path-like, optional
            Where to save the picture; its suffix says what kind: .png, .svg, .pdf.

        Returns
        -------
        matplotlib.figure.Figure
            Not shown: in a notebook it displays itself, elsewhere save it. The roof is that of one thread, in the type that most
            operations have: what it can compute, and what memory gives it (Williams, Waterman, Patterson, "Roofline: an insightful visual
            performance model for multicore architectures", 2009). Points are as large as their share of the time.

        Raises
        ------
        ImportError
            Without matplotlib.
        ChainruleError
            Before the ``with`` block.
        """
        from chainrule.profile_plot import draw  # few need it

        work = {"float32": 0.0, "float64": 0.0}
        for line in self._lines():
            work[line.dtype or "float32"] += line.flops
        return draw(self.rows(), self.rows("layer"), self._peaks(), max(work, key=lambda dtype: work[dtype]), path)

    def export_chrome_trace(self, path: str | PathLike[str]) -> None:
        """Write a trace of the first and the last steps as JSON, for Perfetto (ui.perfetto.dev) and chrome://tracing.

        Parameters
        ----------
        path : path-like
            The file, which is replaced as a whole. It holds for each thread its spans in the first and in the last `trace_steps` steps,
            up to 4096 a step, and counters of the loss and of the samples in a second.

        Raises
        ------
        OSError
            As the system says.
        ChainruleError
            Before the ``with`` block.
        """
        from chainrule.profile_trace import trace  # few need it

        threads = self._taken()
        text = trace(threads, self._labels or _core.profile_labels())
        atomic_file.write(path, [text.encode()], "export_chrome_trace")

    def _taken(self) -> Sequence[Mapping[str, Any]]:
        """Return what each thread has recorded."""
        if self._found is not None:
            return self._found
        if self._native is None:
            raise ChainruleError("profile: expected a with block that has begun, got none")
        return self._native.threads()

    def _parts(self) -> list[Mapping[str, Any]]:
        return [thread for number, thread in enumerate(self._taken()) if number == 0 or len(thread["totals"]["label"])]

    def _peaks(self) -> Peaks:
        """Return the peaks of as many threads as took part, on CPUs of their own."""
        return peaks(min(self.threads, int(str(_core.thread_limits()["affinity"]))))

    def _lines(self) -> list[Line]:
        labels = self._labels or _core.profile_labels()
        seconds = self.seconds
        lines = []
        for number, thread in enumerate(self._parts()):
            totals = thread["totals"]
            columns = (totals[key].tolist() for key in ("label", "calls", "seconds", "flops", "bytes"))
            for label, calls, time, flops, size in zip(*columns, strict=True):
                operation, layer, dtype = labels[label]
                lines.append(Line(operation, layer, dtype, thread["name"], calls, time, flops, size))
            rest = max(seconds - float(totals["seconds"].sum()), 0.0)
            lines.append(Line(IDLE if number else PYTHON, "", "", thread["name"], 0, rest, 0.0, 0.0))
        return lines


def profile(trace_steps: int = 20) -> Profile:
    """Take a profile of what runs in a ``with`` block: fits, predictions and compiled functions, operation by operation.

    Every operation of a plan is a span on the thread that runs it. While no profile is taken a span is one branch; while one is, it is
    about 50 ns. Memory is bounded for blocks of any length: one total for each operation and thread, and a trace of the first and
    the last steps.

    Parameters
    ----------
    trace_steps : int, default 20
        How many steps of training (or calls) a trace keeps from the beginning, and from the end; 0 keeps none.

    Returns
    -------
    Profile
        To be used in a ``with`` statement; one at a time in a process.

    Raises
    ------
    ValueError
        For a negative number.
    ChainruleError
        Where the block begins within that of another profile.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> model = cr.Sequential([cr.Dense(8, "tanh"), cr.Dense(1)])
    >>> with cr.profile() as prof:
    ...     history = model.fit(x, x[:, 0] * x[:, 1], epochs=3, loss="mse", verbose=0)
    >>> sorted(row.name for row in prof.rows() if row.name.startswith("weight"))
    ['weight_gradient+update']
    """
    return Profile(trace_steps)


def _number_of(threads: int) -> str:
    return f"{threads} thread{'s' if threads > 1 else ''}"
