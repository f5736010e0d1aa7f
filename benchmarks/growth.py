"""The cost of growth: time and memory of a training step against width, depth, batch, rows and threads, beside a model of them.

Run: python -m benchmarks.growth [--threads 1,2] [--rounds 5] [--seconds 0.1] [--quick] [--report] [--output growth.json]

Fits the model's few constants to all curves together, says how many points it predicts within 20 %, and predicts other machines.
Needs the native program, whose measured rates the model starts from. Steps use just the threads asked for, where the plan would give
them as many: a run's own choice is for `shared`.
"""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from . import command, growth_model, growth_report, machine, native
from .progress import say
from .rounds import OWN, Plan
from .store import Store, described_in
from .workloads import WORKLOADS, Workload, family

WIDTHS = [2, 8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048]
BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096]
DEPTHS = list(range(1, 11))
ROWS = [1 << power for power in range(8, 21, 2)]


def curves(quick: bool) -> dict[str, list[Workload]]:
    """Return the nets of each curve: one quantity grows, the others stay."""
    widths, batches, depths, rows = (
        (WIDTHS, BATCHES, DEPTHS, ROWS) if not quick else ([16, 64, 256], [1, 16, 256], [1, 4], [1024, 16384])
    )
    return {
        "width, 2 layers, batch 64": [family(width, 2, 64) for width in widths],
        "width, 2 layers, batch 1": [family(width, 2, 1) for width in widths],
        "batch, 2 layers of 128": [family(128, 2, batch) for batch in batches],
        "batch, 2 layers of 512": [family(512, 2, batch) for batch in batches[:-1]],
        "depth, layers of 64, batch 64": [family(64, depth, 64) for depth in depths],
        "depth, layers of 256, batch 256": [family(256, depth, 256) for depth in depths],
        "rows, 2 layers of 64, batch 64": [family(64, 2, 64, rows=count) for count in rows],
        growth_report.HELD_OUT: [w for w in WORKLOADS.values() if not quick or w.flops < 1e8],
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser("growth", "Time and memory against every size, and a model of them.", [OWN], rounds=5, seconds=0.1)
    parser.add_argument("--report", action="store_true", help="measure nothing: only write the report")
    arguments = parser.parse_args(argv)
    if arguments.quick:
        arguments.rounds, arguments.seconds = 1, 0.05
    native.program()  # an error now and not after the measurements
    path = command.output(arguments, "growth")
    described = described_in(path) if arguments.report else machine.describe([OWN], arguments.quick)
    store = Store(path, described, (arguments.fresh or arguments.quick) and not arguments.report)
    lines = curves(arguments.quick)
    if not arguments.report:
        if "update" not in store.machine["peaks"]:
            store.machine["peaks"]["update"] = machine.updates(arguments.quick)
        _measure(store, lines, arguments)
    result = growth_report.analyse(store, lines, arguments.threads)
    command.publish(growth_report.report(store, result), path)
    growth_report.draw(result, path)
    return 0


def _measure(store: Store, lines: Mapping[str, Sequence[Workload]], arguments: argparse.Namespace) -> None:
    everything = list(dict.fromkeys(workload for line in lines.values() for workload in line))
    rates = growth_model.Rates(store.machine["peaks"])
    for count in arguments.threads:
        # A process for each net: the memory of one is not to be that of another.
        groups = [[w] for w in everything if growth_model.chosen_threads(w, count, rates) == count]
        say(f"{len(groups)} nets on {count} thread{'s' if count > 1 else ''}:")
        Plan(groups, [OWN], [count], arguments.rounds, arguments.seconds, beside=_team, options=growth_report.OPTIONS).run(store)


def _team(threads: int) -> dict[str, Any]:
    """Measure what threads pay for one another right before each net: a virtual machine's CPUs move, and with them this cost."""
    return machine.team(threads) if threads > 1 else {}


if __name__ == "__main__":
    command.start(main)
