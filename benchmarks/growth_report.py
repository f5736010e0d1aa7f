"""What the curves say: measured beside modelled, how well the model does, and what it predicts for more cores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import growth_model as model, machine, picture
from benchmarks.rounds import OWN, key_of
from benchmarks.store import Store
from benchmarks.summary import Summary, digits
from benchmarks.table import markdown
from benchmarks.workloads import WORKLOADS, Workload

CORES = (8, 32, 128)


@dataclass(frozen=True)
class Point:
    workload: Workload
    threads: int  # that were allowed
    used: int
    time: Summary  # seconds
    memory: Summary | None  # bytes
    predicted_time: float = 0.0
    predicted_memory: float = 0.0


@dataclass(frozen=True)
class Result:
    curves: Mapping[tuple[str, int], Sequence[Point]]  # by name and threads
    time_constants: model.Terms
    memory_constants: model.Terms
    rates: model.Rates

    def points(self) -> list[Point]:
        return [point for curve in self.curves.values() for point in curve]


def analyse(store: Store, lines: Mapping[str, Sequence[Workload]], threads: Sequence[int]) -> Result:
    """Read the points, fit the constants to all of them, and predict each."""
    rates = model.Rates(store.machine["peaks"])
    curves = {
        (name, count): [p for w in line if (p := _point(store, w, count, rates))]
        for name, line in lines.items()
        for count in threads
    }
    everything = list({(p.workload, p.threads): p for curve in curves.values() for p in curve}.values())
    time_constants = model.fit(
        [model.time_terms(p.workload, p.used, rates) for p in everything], [p.time.median for p in everything]
    )
    sized = [(p, p.memory) for p in everything if p.memory is not None]
    terms, bytes_ = [model.memory_terms(p.workload) for p, _ in sized], [max(memory.median, 1.0) for _, memory in sized]
    memory_constants = model.fit(terms, bytes_) if sized else dict.fromkeys(model.memory_terms(everything[0].workload), 0.0)

    def predicted(p: Point) -> Point:
        time = model.predict(time_constants, model.time_terms(p.workload, p.used, rates))
        memory = model.predict(memory_constants, model.memory_terms(p.workload))
        return Point(p.workload, p.threads, p.used, p.time, p.memory, time, memory)

    return Result({name: [predicted(p) for p in curve] for name, curve in curves.items()}, time_constants, memory_constants, rates)


def _point(store: Store, workload: Workload, threads: int, rates: model.Rates) -> Point | None:
    samples = [s for s in store.samples(key_of(workload, threads, OWN)) if "us_per_step" in s]
    if not samples:
        return None
    used = samples[0].get("threads_used") or model.chosen_threads(workload, threads, rates)
    memory = [float(s["peak_bytes"]) for s in samples if "peak_bytes" in s]
    time = Summary.of([s["us_per_step"] for s in samples]).scaled(1e-6)
    return Point(workload, threads, used, time, Summary.of(memory) if memory else None)


def report(store: Store, result: Result) -> str:
    points = result.points()
    parts = ["# The cost of growth", machine.text(store.machine)]
    parts.append(
        f"**Time: {_share(points)} of all points are predicted within {model.WITHIN:.0%}; memory: {_memory_share(points)}.**"
    )
    rows = [[f"{name}, threads {threads}", _share(c), _memory_share(c)] for (name, threads), c in result.curves.items() if c]
    parts.append(markdown(["curve", "time within 20 %", "memory within 20 %"], rows))
    parts += ["## Constants of the model", _constants(result)]
    parts += ["## Prediction for more cores", _prediction(result)]
    if (gains := _gains(result)) is not None:
        parts += ["## Gain by threads", gains]
    for (name, threads), curve in result.curves.items():
        parts += [f"## {name}, threads {threads}", _curve(curve)]
    return "\n\n".join(parts)


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
    header = ["workload", "1 thread, us", *(f"{cores} cores, us (threads, gain)" for cores in CORES)]
    rows = []
    for workload in WORKLOADS.values():
        alone = model.predict(result.time_constants, model.time_terms(workload, 1, result.rates))
        cells = []
        for cores in CORES:
            used = model.chosen_threads(workload, cores, result.rates)
            time = model.predict(result.time_constants, model.time_terms(workload, used, result.rates))
            cells.append(f"{digits(time * 1e6)} ({used}, {alone / time:.1f})")
        rows.append([f"{workload.name}: {workload}", digits(alone * 1e6), *cells])
    note = (
        "**This is a prediction; nothing in this table was measured.** It is the model with this machine's constants, for machines that "
        "have more cores of the same kind: each core keeps the peak, the caches and the share of memory bandwidth that it has here while "
        "all CPUs work, a barrier grows in proportion to its threads, and the plan takes the threads that its own estimate says. A machine "
        "of several sockets, or of less bandwidth for each core, is slower than this where the parameters do not fit its caches."
    )
    return note + "\n\n" + markdown(header, rows)


def _gains(result: Result) -> str | None:
    """The curve against threads: each net on one and on more, where the plan uses more."""
    by_net = {(p.workload, p.threads): p for p in result.points()}
    rows = []
    for (workload, _), p in by_net.items():
        alone = by_net.get((workload, 1))
        if alone is None or p.used == 1:
            continue
        gain, modelled = alone.time.median / p.time.median, alone.predicted_time / p.predicted_time
        rows.append([workload.name, str(p.used), f"{gain:.2f}", f"{modelled:.2f}", f"{modelled / gain - 1:+.0%}"])
    return markdown(["net", "threads", "times faster than on one", "model", "error"], rows) if rows else None


def _curve(curve: Sequence[Point]) -> str:
    header = ["net", "threads used", "us per step", "model", "error", "memory, MB", "model", "error"]
    rows = []
    for p in curve:
        memory = ["", "", ""]
        if p.memory:
            size = p.memory.scaled(1e-6)
            memory = [str(size), digits(p.predicted_memory / 1e6), f"{p.predicted_memory / max(p.memory.median, 1.0) - 1:+.0%}"]
        error = f"{p.predicted_time / p.time.median - 1:+.0%}"
        rows.append([p.workload.name, str(p.used), str(p.time.scaled(1e6)), digits(p.predicted_time * 1e6), error, *memory])
    return markdown(header, rows)


def draw(result: Result, path: Path) -> None:
    times, memories = [], []
    for name in dict.fromkeys(name for name, _ in result.curves):
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
