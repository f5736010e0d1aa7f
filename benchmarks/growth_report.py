"""What the curves say: measured beside modelled, how well the model does, and what it predicts for more cores."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import growth_model as model, machine, picture
from .rounds import OWN, key_of
from .store import Sample, Store
from .summary import Summary, digits
from .table import markdown
from .workloads import WORKLOADS, Workload

CORES = (8, 32, 128)
# That share a last-level cache in the prediction, as on this processor's kind.
NEAR_CORES = 8
# The workloads, which no constant is fitted to: they say what the model is worth elsewhere.
HELD_OUT = "the workloads, which the constants are not fitted to"
# Of the measurements: steps use just the threads asked for.
OPTIONS = {"fixed": True}
# Barriers before and after a measurement may differ by this much; beyond, the machine was another one meanwhile.
STEADY = 1.5


@dataclass(frozen=True)
class Point:
    workload: Workload
    threads: int
    times: Sequence[float]  # seconds, of each steady sample
    teams: Sequence[Mapping[str, Any]]  # what threads paid for one another beside it
    memory: Summary | None  # bytes
    predicted_time: float = 0.0
    predicted_memory: float = 0.0

    @property
    def time(self) -> Summary:
        return Summary.of(self.times)

    def terms(self, rates: model.Rates) -> list[model.Terms]:
        """Return those of each sample, with the rates beside it."""
        return [model.time_terms(self.workload, self.threads, rates.beside(team)) for team in self.teams]


@dataclass(frozen=True)
class Result:
    curves: Mapping[tuple[str, int], Sequence[Point]]  # by name and threads
    time_constants: model.Terms
    memory_constants: model.Terms
    rates: model.Rates
    unsteady: int  # samples left out

    def points(self) -> list[Point]:
        return [point for curve in self.curves.values() for point in curve]


def analyse(store: Store, lines: Mapping[str, Sequence[Workload]], threads: Sequence[int]) -> Result:
    """Read the points, fit the constants to all but the project's workloads, and predict each."""
    rates = model.Rates(store.machine["peaks"])
    curves = {
        (name, count): [p for w in line if (p := _point(store, w, count))] for name, line in lines.items() for count in threads
    }
    everything = list({(p.workload, p.threads): p for curve in curves.values() for p in curve}.values())
    fitted = [p for p in everything if p.workload.name not in WORKLOADS]
    time_constants = model.fit([t for p in fitted for t in p.terms(rates)], [t for p in fitted for t in p.times])
    sized = [(p, p.memory) for p in fitted if p.memory is not None]
    terms, bytes_ = [model.memory_terms(p.workload) for p, _ in sized], [max(memory.median, 1.0) for _, memory in sized]
    memory_constants = model.fit(terms, bytes_) if sized else dict.fromkeys(model.memory_terms(fitted[0].workload), 0.0)

    def predicted(p: Point) -> Point:
        # The machine may change from one sample to the next, and the prediction with it: what counts is how far each is off.
        ratios = [model.predict(time_constants, t) / time for t, time in zip(p.terms(rates), p.times, strict=True)]
        time = statistics.median(ratios) * p.time.median
        return replace(p, predicted_time=time, predicted_memory=model.predict(memory_constants, model.memory_terms(p.workload)))

    taken = sum(len(p.times) for p in everything)
    known = sum(len(_samples(store, p.workload, p.threads)) for p in everything)
    result = {name: [predicted(p) for p in curve] for name, curve in curves.items()}
    return Result(result, time_constants, memory_constants, rates, known - taken)


def _samples(store: Store, workload: Workload, threads: int) -> list[Sample]:
    return [s for s in store.samples(key_of(workload, threads, OWN, **OPTIONS)) if "us_per_step" in s]


def _point(store: Store, workload: Workload, threads: int) -> Point | None:
    samples = _samples(store, workload, threads)
    steady = [s for s in samples if _steady(s, threads)]
    if not steady:
        return None
    memory = [float(s["peak_bytes"]) for s in samples if "peak_bytes" in s]
    times, teams = [s["us_per_step"] * 1e-6 for s in steady], [s["beside"][0] for s in steady]
    return Point(workload, threads, times, teams, Summary.of(memory) if memory else None)


def _steady(sample: Sample, threads: int) -> bool:
    if threads == 1:
        return True
    barriers = [float(team["barrier_ns"][str(threads)]) for team in sample["beside"]]
    return max(barriers) <= STEADY * min(barriers)


def report(store: Store, result: Result) -> str:
    parts = ["# The cost of growth", machine.text(store.machine)]
    for count in dict.fromkeys(threads for _, threads in result.curves):
        points = list({p.workload: p for p in result.points() if p.threads == count}.values())
        parts.append(
            f"**{count} thread{'s' if count > 1 else ''}, {len(points)} points: time is predicted within {model.WITHIN:.0%} at "
            f"{_share(points)}, memory at {_memory_share(points)}.**"
        )
    parts.append(_states(result))
    rows = [[f"{name}, threads {threads}", _share(c), _memory_share(c)] for (name, threads), c in result.curves.items() if c]
    parts.append(markdown(["curve", "time within 20 %", "memory within 20 %"], rows))
    parts += ["## Constants of the model", _constants(result)]
    parts += ["## Prediction for more cores", _prediction(result)]
    if (gains := _gains(result)) is not None:
        parts += ["## Gain by threads", gains]
    for (name, threads), curve in result.curves.items():
        if curve:
            parts += [f"## {name}, threads {threads}", _curve(curve)]
    return "\n\n".join(parts)


def _states(result: Result) -> str:
    """What threads paid for one another while this was measured."""
    near, far = _extremes(result)
    if not near:
        return "Nothing was measured on more threads than one."
    words = []
    for team in (near, far):
        (threads,) = team["barrier_ns"]
        slow, fast = (f([rate for _, rate in team["exchange"][threads]]) for f in (min, max))
        words.append(f"{team['barrier_ns'][threads]:.0f} ns and {slow:.0f} to {fast:.0f} GB/s")
    return (
        f"A barrier, and the rate at which threads read what others wrote, beside each measurement: from {words[0]} to {words[1]}. (A "
        "virtual machine's CPUs share a last-level cache at one time and not at another; each prediction uses what was measured beside it. "
        f"{result.unsteady} samples during which it changed are left out.)"
    )


def _extremes(result: Result) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the teams of cheapest and of dearest barriers."""
    teams = [(max(team["barrier_ns"].values()), team) for p in result.points() for team in p.teams if team]
    return (min(teams, key=lambda t: t[0])[1], max(teams, key=lambda t: t[0])[1]) if teams else ({}, {})


def _share(points: Sequence[Point]) -> str:
    return f"{model.within([p.predicted_time for p in points], [p.time.median for p in points]):.0%}" if points else ""


def _memory_share(points: Sequence[Point]) -> str:
    sized = [(p.predicted_memory, p.memory.median) for p in points if p.memory]
    return f"{model.within([a for a, _ in sized], [b for _, b in sized]):.0%}" if sized else "not measured"


def _constants(result: Result) -> str:
    rows = [["time", name, digits(value)] for name, value in result.time_constants.items()]
    rows += [["memory", name, digits(value)] for name, value in result.memory_constants.items()]
    return markdown(["of", "term", "constant"], rows)


def _prediction(result: Result) -> str:
    """The nine workloads on machines of more such cores. Nobody has measured them."""
    near, far = _extremes(result)
    header = ["workload", "1 thread, us", *(f"{cores} cores, us (threads, gain)" for cores in CORES)]
    rows = []
    for workload in WORKLOADS.values():
        alone = model.predict(result.time_constants, model.time_terms(workload, 1, result.rates))
        cells = []
        for cores in CORES:
            times = {}
            for used in model.teams(workload, cores, result.rates):
                rates = result.rates.beside(near if used <= NEAR_CORES else far)
                times[used] = model.predict(result.time_constants, model.time_terms(workload, used, rates))
            used = min(times, key=lambda count: times[count])
            cells.append(f"{digits(times[used] * 1e6)} ({used}, {alone / times[used]:.1f})")
        rows.append([f"{workload.name}: {workload}", digits(alone * 1e6), *cells])
    note = (
        "**This is a prediction; nothing in this table was measured.** It is the model with this machine's constants, for machines that "
        "have more cores of the same kind: each core keeps the peak, the caches and the share of memory bandwidth that it has here while "
        "all CPUs work, a barrier grows in proportion to its threads, and a run takes the fastest of the plan's threads (those of its own "
        f"estimate), half of them, a quarter, and so on. Up to {NEAR_CORES} threads exchange data as these CPUs did at their nearest (one "
        "last-level cache), more as at their farthest. A machine of several sockets, or of less bandwidth for each core, is slower than "
        "this where the parameters do not fit its caches."
    )
    return note + "\n\n" + markdown(header, rows)


def _gains(result: Result) -> str | None:
    """The curve against threads: each net on one and on more, where the plan uses more."""
    by_net = {(p.workload, p.threads): p for p in result.points()}
    rows = []
    for (workload, _), p in by_net.items():
        alone = by_net.get((workload, 1))
        if alone is None or p.threads == 1:
            continue
        gain, modelled = alone.time.median / p.time.median, alone.predicted_time / p.predicted_time
        rows.append([workload.name, str(p.threads), f"{gain:.2f}", f"{modelled:.2f}", f"{modelled / gain - 1:+.0%}"])
    return markdown(["net", "threads", "times faster than on one", "model", "error"], rows) if rows else None


def _curve(curve: Sequence[Point]) -> str:
    header = ["net", "us per step", "model", "error", "memory, MB", "model", "error"]
    rows = []
    for p in curve:
        memory = ["", "", ""]
        if p.memory:
            size = p.memory.scaled(1e-6)
            memory = [str(size), digits(p.predicted_memory / 1e6), f"{p.predicted_memory / max(p.memory.median, 1.0) - 1:+.0%}"]
        error = f"{p.predicted_time / p.time.median - 1:+.0%}"
        rows.append([p.workload.name, str(p.time.scaled(1e6)), digits(p.predicted_time * 1e6), error, *memory])
    return markdown(header, rows)


def draw(result: Result, path: Path) -> None:
    times, memories = [], []
    for name in dict.fromkeys(name for name, _ in result.curves if name != HELD_OUT):
        label, _, rest = name.partition(", ")
        time_lines, memory_lines = {}, {}
        for (_, threads), curve in ((key, curve) for key, curve in result.curves.items() if key[0] == name):
            of = f", {threads} thread{'s' if threads > 1 else ''}"
            time_lines["measured" + of] = [(_at(p, label), p.time.median * 1e6) for p in curve]
            time_lines["model" + of] = [(_at(p, label), p.predicted_time * 1e6) for p in curve]
            memory_lines["measured" + of] = [(_at(p, label), p.memory.median / 1e6) for p in curve if p.memory]
            memory_lines["model" + of] = [(_at(p, label), p.predicted_memory / 1e6) for p in curve]
        dots = frozenset(line for line in time_lines if line.startswith("measured"))
        times.append(picture.Axes(rest, label, "us per step", time_lines, dots=dots))
        memories.append(picture.Axes(rest, label, "MB", memory_lines, dots=dots))
    picture.draw(path.with_name(path.stem + "-time.png"), "Time of a training step, measured and modelled", times)
    picture.draw(path.with_name(path.stem + "-memory.png"), "Memory of a training, measured and modelled", memories)


def _at(p: Point, label: str) -> int:
    w = p.workload
    return {"width": w.widths[1], "batch": w.batch, "depth": len(w.widths) - 2, "rows": w.rows}[label]
