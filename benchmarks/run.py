"""Compares chainrule with the peers that are installed: the time of one training step, from gathering the batch to the update.

Run: python -m benchmarks.run [--workloads xor,digits] [--peers chainrule,torch] [--threads 1,2] [--rounds 5] [--seconds 0.6]
     [--quick] [--output results.json] [--fresh]

Prints a Markdown table of medians with the spread (least to most) over the rounds, and draws it.
"""

import argparse
from collections.abc import Sequence

from . import command, machine, picture, rounds
from .peers import NEEDS
from .rounds import OWN, Plan
from .store import Store
from .summary import Summary
from .table import markdown
from .workloads import WORKLOADS, Workload


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser("run", "Time of one training step, beside the peers.", list(NEEDS), rounds=5, seconds=0.6)
    parser.add_argument("--workloads", type=command.names(list(WORKLOADS)), default=list(WORKLOADS))
    arguments = parser.parse_args(argv)
    if arguments.quick:
        _shrink(arguments, parser)
    path = command.output(arguments, "run")
    store = Store(path, machine.describe(arguments.peers, arguments.quick), arguments.fresh or arguments.quick)
    workloads = [WORKLOADS[name] for name in arguments.workloads]
    Plan([[w] for w in workloads], arguments.peers, arguments.threads, arguments.rounds, arguments.seconds).run(store)
    command.publish(report(store, workloads, arguments.peers, arguments.threads), path)
    for threads in arguments.threads:
        groups = {w.name: _medians(store, w, threads, arguments.peers) for w in workloads}
        title = f"One training step, {threads} thread{'s' if threads > 1 else ''}"
        picture.draw_bars(path.with_name(f"{path.stem}-{threads}.png"), title, "us per step", groups)
    failed = [key for key in store.known() if key["peer"] == OWN and any("error" in sample for sample in store.samples(key))]
    return 1 if failed else 0


def _shrink(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Make the run a look: a few workloads, one round, short measurements, and no compiling for minutes."""
    arguments.rounds, arguments.seconds = 1, 0.2
    if arguments.workloads == parser.get_default("workloads"):
        arguments.workloads = ["xor", "rl_online", "digits", "mnist_m"]
    if arguments.peers == parser.get_default("peers"):
        arguments.peers = [peer for peer in arguments.peers if peer in (OWN, "torch", "jax", "numpy")]
    if arguments.threads == parser.get_default("threads"):
        arguments.threads = arguments.threads[-1:]


def report(store: Store, workloads: Sequence[Workload], peers: Sequence[str], threads: Sequence[int]) -> str:
    header = ["workload", "threads", *(f"{peer}, us" for peer in peers), "best peer / chainrule", "of peak"]
    rows = []
    for workload in workloads:
        for count in threads:
            cells = [str(s) if (s := summary(store, workload, count, peer)) else "" for peer in peers]
            row = [f"{workload.name}: {workload}", str(count), *cells, ratio(store, workload, count, peers)]
            rows.append([*row, of_peak(store, workload, count)])
    note = "Median of the rounds, and the least and the most, in microseconds for one training step."
    return "\n\n".join(["# Training steps", machine.text(store.machine), note, markdown(header, rows)])


def summary(store: Store, workload: Workload, threads: int, peer: str) -> Summary | None:
    values = store.values(rounds.key_of(workload, threads, peer), "us_per_step")
    return Summary.of(values) if values else None


def _medians(store: Store, workload: Workload, threads: int, peers: Sequence[str]) -> dict[str, float]:
    return {peer: s.median for peer in peers if (s := summary(store, workload, threads, peer))}


def best_ratio(store: Store, workload: Workload, threads: int, peers: Sequence[str]) -> tuple[float, str] | None:
    """Return how many times faster chainrule is than the best of the peers, and which that is."""
    medians = _medians(store, workload, threads, peers)
    others = {peer: median for peer, median in medians.items() if peer != OWN}
    if OWN not in medians or not others:
        return None
    best = min(others, key=lambda peer: others[peer])
    return others[best] / medians[OWN], best


def ratio(store: Store, workload: Workload, threads: int, peers: Sequence[str]) -> str:
    found = best_ratio(store, workload, threads, peers)
    return f"{found[0]:.2f} ({found[1]})" if found else ""


def fraction_of_peak(store: Store, workload: Workload, threads: int, peer: str = OWN) -> float | None:
    """The step's products over its time, as a part of the measured peak. Padding is not counted as work."""
    s, peak = summary(store, workload, threads, peer), machine.peak_gflops(store.machine, threads)
    return workload.flops / s.median / 1e3 / peak if s and peak else None


def of_peak(store: Store, workload: Workload, threads: int) -> str:
    fraction = fraction_of_peak(store, workload, threads)
    return f"{fraction:.1%}" if fraction is not None else ""


if __name__ == "__main__":
    command.start(main)
