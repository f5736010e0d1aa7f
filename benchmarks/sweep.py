"""Sweeps widths, batches and depths, on 1 and 2 threads, beside the peers.

Run: python -m benchmarks.sweep [--slices widths,batches,depths] [--peers chainrule,numpy,torch,jax] [--threads 1,2] [--rounds 3]
     [--seconds 0.15] [--keep 2] [--quick] [--report] [--output sweep.json] [--fresh]

The first round measures every peer everywhere; from the second on, a peer that took more than --keep times as long as the best one at a
point is left out there. It says how long it will take; interrupt it when you like, and the same command goes on where it stopped.
--report only writes table and pictures from what the file holds.
"""

import argparse
from collections.abc import Sequence

from . import command, machine, process, sweep_report
from .rounds import Plan
from .store import Store, described_in
from .workloads import Workload, family

# Powers of two, where memory conflicts, with both neighbours, where panels are padded; the widths of the cliff that users report; others.
EDGES = [power + offset for power in (16, 32, 64, 128, 256, 512, 1024, 2048) for offset in (-1, 0, 1)]
WIDTHS = sorted({*range(1, 6), *range(7, 11), 12, 24, *EDGES, *range(45, 50), 80, 100, 192, 384, 768, 1000, 1536, 3000, 4095, 4096})
BATCHES = [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 512, 1000, 1024, 2048, 4095, 4096]
SLICES = ("widths", "batches", "depths")
# PyTorch and JAX take as long to start as two to five nets to measure; a minute for all peers of a group still alternates.
GROUP = 24


def points(slices: Sequence[str], quick: bool) -> dict[str, list[Workload]]:
    """Return each slice's nets: lines through the space of sizes, one quantity growing on each."""
    widths, batches, depths = WIDTHS, BATCHES, list(range(1, 11))
    lines: dict[str, list[Workload]] = {}
    if quick:
        widths, batches, depths = [8, 45, 46, 256], [1, 32], [1, 4]
    if "widths" in slices:
        for batch in [32] if quick else [1, 32, 256]:
            lines[f"width, 2 layers, batch {batch}"] = [family(width, 2, batch) for width in widths]
    if "batches" in slices:
        for width in [64] if quick else [16, 128, 512]:
            lines[f"batch, 2 layers of {width}"] = [family(width, 2, batch) for batch in batches]
    if "depths" in slices:
        for width, batch in [(64, 32)] if quick else [(16, 16), (64, 32), (256, 256)]:
            lines[f"depth, layers of {width}, batch {batch}"] = [family(width, depth, batch) for depth in depths]
    return lines


def groups_of(lines: dict[str, list[Workload]]) -> list[list[Workload]]:
    """Return what shares a process: neighbours of one line. A net on two lines is measured once."""
    groups: list[list[Workload]] = []
    seen: set[str] = set()
    for line in lines.values():
        fresh = [workload for workload in line if workload.name not in seen]
        seen.update(workload.name for workload in fresh)
        groups += [fresh[start : start + GROUP] for start in range(0, len(fresh), GROUP)]
    return groups


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parse(argv)
    path = command.output(arguments, "sweep")
    lines = points(arguments.slices, arguments.quick)
    plan = Plan(groups_of(lines), arguments.peers, arguments.threads, arguments.rounds, arguments.seconds, arguments.keep)
    described = described_in(path) if arguments.report else machine.describe(arguments.peers, arguments.quick)
    store = Store(path, described, arguments.fresh or (arguments.quick and not arguments.report))
    if not arguments.report:
        plan.run(store)
    command.publish(sweep_report.report(store, lines, arguments.threads), path)
    sweep_report.draw(store, lines, arguments.threads, path)
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    # Compiling takes PyTorch 3 s for each net and number of threads, half an hour: `run` has it, and names it where it is best.
    usual = ["chainrule", "numpy", "torch", "jax"]
    parser = command.parser("sweep", "Time per step over widths, batches and depths.", usual, rounds=3, seconds=0.15)
    parser.add_argument("--slices", type=command.names(SLICES), default=list(SLICES))
    parser.add_argument("--keep", type=float, default=2.0, help="leave out a peer this many times slower than the best at a point")
    parser.add_argument("--report", action="store_true", help="measure nothing: only write the report")
    arguments = parser.parse_args(argv)
    if arguments.quick:
        arguments.rounds, arguments.seconds = 1, 0.05
        arguments.threads = arguments.threads[:1] if process.cpus() > 1 else arguments.threads
    return arguments


if __name__ == "__main__":
    command.start(main)
