"""Sweeps widths, batches and depths, on 1 and 2 threads, beside the peers.

Run: python -m benchmarks.sweep [--slices widths,batches,depths] [--peers chainrule,torch,jax] [--threads 1,2] [--rounds 3]
     [--seconds 0.2] [--quick] [--report] [--output sweep.json] [--fresh]

A full sweep takes hours: interrupt it when you like, and the same command goes on where it stopped. --report only writes table
and pictures from what the file holds. NumPy joins, where installed, at the smallest sizes, where it is the best peer.
"""

import argparse
from collections.abc import Sequence

from benchmarks import command, machine, process, rounds, sweep_report
from benchmarks.peers import installed
from benchmarks.store import Store, described_in
from benchmarks.workloads import Workload, family

WIDTHS = [
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    9,
    10,
    12,
    15,
    16,
    17,
    20,
    24,
    31,
    32,
    33,
    45,
    46,
    47,
    48,
    49,
    63,
    64,
    65,
    80,
    96,
    100,
    127,
    128,
    129,
]
WIDTHS += [192, 255, 256, 257, 384, 511, 512, 513, 768, 1000, 1023, 1024, 1025, 1536, 2047, 2048, 2049, 3000, 4095, 4096]
BATCHES = [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 512, 1000, 1024, 2048, 4095, 4096]
SLICES = ("widths", "batches", "depths")
# NumPy is measured beside the others up to this many FLOP a step: beyond, its Python costs nothing and its products are no better.
NUMPY_FLOPS = 200_000
GROUP = 8


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
    described = described_in(path) if arguments.report else machine.describe(arguments.peers, arguments.quick)
    store = Store(path, described, arguments.fresh or (arguments.quick and not arguments.report))
    if not arguments.report:
        groups = groups_of(lines)
        small = [few for group in groups if (few := [w for w in group if w.flops <= NUMPY_FLOPS])]
        rounds.run(store, groups, arguments.peers, arguments.threads, arguments.rounds, arguments.seconds)
        if "numpy" in installed() and "numpy" not in arguments.peers and not arguments.no_numpy:
            rounds.run(store, small, ["numpy"], arguments.threads[:1], arguments.rounds, arguments.seconds)
    command.publish(sweep_report.report(store, lines, arguments.threads), path)
    sweep_report.draw(store, lines, arguments.threads, path)
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser("sweep", "Time per step over widths, batches and depths.", ["chainrule", "torch", "jax"], 3, 0.2)
    parser.add_argument("--slices", type=command.names(SLICES), default=list(SLICES))
    parser.add_argument("--report", action="store_true", help="measure nothing: only write the report")
    parser.add_argument("--no-numpy", action="store_true", help="leave NumPy out of the smallest sizes too")
    arguments = parser.parse_args(argv)
    if arguments.quick:
        arguments.rounds, arguments.seconds = 1, 0.05
        arguments.threads = arguments.threads[:1] if process.cpus() > 1 else arguments.threads
    return arguments


if __name__ == "__main__":
    command.start(main)
