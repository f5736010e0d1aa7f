"""`predict`: one row of a small net, from Python and natively, and large batches as a part of the peak.

Run: python -m benchmarks.predict [--peers chainrule,numpy,torch,jax] [--threads 1,2] [--rounds 5] [--seconds 0.5] [--quick]
"""

from collections.abc import Sequence

from . import command, machine, native, process
from .progress import say
from .rounds import OWN
from .store import Key, Store
from .summary import Summary, digits
from .table import markdown

Case = tuple[str, tuple[int, ...], str, int]
NATIVE = "chainrule, native"
# The limits that were set for one row: from Python and natively, in seconds.
LIMITS = {OWN: 3e-6, NATIVE: 1e-6}
ONE_ROW: Case = ("one row", (8, 64, 64, 2), "tanh", 1)
# Widths that fill the panels, and ones that do not.
LARGE: list[Case] = [
    ("large batch", (784, 512, 256, 10), "relu", 8192),
    ("large batch", (256, 256, 256, 256), "relu", 8192),
    ("large batch", (1024, 1024, 1024), "relu", 8192),
    ("large batch", (250, 250, 250, 250), "relu", 8192),
]


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser("predict", "Time of predict, beside the peers.", [OWN, "numpy", "torch", "jax"], rounds=5, seconds=0.5)
    arguments = parser.parse_args(argv)
    cases = [ONE_ROW, *LARGE]
    if arguments.quick:
        arguments.rounds, arguments.seconds, cases = 1, 0.1, [ONE_ROW, LARGE[0]]
    if unknown := set(arguments.peers) - {OWN, "numpy", "torch", "jax"}:
        parser.error(f"--peers: expected chainrule, numpy, torch or jax, got {', '.join(sorted(unknown))}")
    path = command.output(arguments, "predict")
    store = Store(path, machine.describe(arguments.peers, arguments.quick), arguments.fresh or arguments.quick)
    for number in range(arguments.rounds):
        machine.raise_peak(store.machine)
        for case in cases:
            for threads in arguments.threads[:1] if case[3] == 1 else arguments.threads:
                for peer in arguments.peers:
                    _measure(store, number, key_of(case, threads, peer), arguments.seconds)
        _measure_native(store, number, arguments.seconds)
    command.publish(report(store, cases, arguments.threads, arguments.peers), path)
    return 0


def key_of(case: Case, threads: int, peer: str) -> Key:
    return {"widths": list(case[1]), "activation": case[2], "rows": case[3], "threads": threads, "peer": peer}


def _measure(store: Store, number: int, key: Key, seconds: float) -> None:
    if len(store.samples(key)) > number:
        return
    say(f"round {number + 1}: {'-'.join(map(str, key['widths']))}, {key['rows']} rows, threads {key['threads']}, {key['peer']}")
    for sample in process.lines_of("predict_peers", {**key, "seconds": seconds}):
        store.add(key, sample)


def _measure_native(store: Store, number: int, seconds: float) -> None:
    key = key_of(ONE_ROW, 1, NATIVE)
    if not process.IN_REPOSITORY:
        return
    if len(store.samples(key)) > number:
        return
    try:
        _, rows = native.results("predict", "--seconds", str(seconds), cpus=1)
    except FileNotFoundError as error:
        say(f"  {error}")
        return
    store.add(key, {"seconds": rows[0]["seconds"]})


def report(store: Store, cases: Sequence[Case], threads: Sequence[int], peers: Sequence[str]) -> str:
    shown = [*peers, *([NATIVE] if process.IN_REPOSITORY else [])]  # whose program is not installed
    parts = ["# predict", machine.text(store.machine), "## One row of 8-64-64-2, microseconds"]
    times = {peer: _summary(store, ONE_ROW, threads[0] if peer != NATIVE else 1, peer) for peer in shown}
    parts.append(markdown(["", *shown], [["time", *(str(s.scaled(1e6)) if s else "" for s in times.values())]]))
    for peer, limit in LIMITS.items():
        if s := times.get(peer):
            parts.append(f"**{peer}: {digits(s.median * 1e6)} us, {'under' if s.median < limit else 'OVER'} {limit * 1e6:g} us.**")
    rows = []
    for case in cases[1:]:
        flops = 2 * case[3] * sum(a * b for a, b in zip(case[1], case[1][1:], strict=False))
        for count in threads:
            peak = machine.peak_gflops(store.machine, count)
            cells = []
            for peer in peers:
                s = _summary(store, case, count, peer)
                rate = flops / s.median / 1e9 if s else 0.0
                cells.append("" if not s else f"{digits(rate)}{f' ({rate / peak:.0%})' if peak else ''}")
            rows.append(["-".join(map(str, case[1])), str(case[3]), str(count), *cells])
    parts.append("## Large batches, GFLOP/s and part of the peak")
    parts.append(markdown(["net", "rows", "threads", *peers], rows))
    return "\n\n".join(parts)


def _summary(store: Store, case: Case, threads: int, peer: str) -> Summary | None:
    values = store.values(key_of(case, threads, peer), "seconds")
    return Summary.of(values) if values else None


if __name__ == "__main__":
    command.start(main)
