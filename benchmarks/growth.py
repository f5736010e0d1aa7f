"""The cost of growth: time and memory of a training step against width, depth, batch, rows and threads, beside a model of them.

Run: python -m benchmarks.growth [--threads 1,2] [--rounds 3] [--seconds 0.3] [--quick] [--output growth.json]

Fits the model's few constants to all curves together, says how many points it predicts within 20 %, and predicts other machines.
Needs the native program, whose measured rates the model starts from.
"""

from collections.abc import Sequence

from benchmarks import command, growth_report, machine, native
from benchmarks.rounds import OWN, Plan
from benchmarks.store import Store, described_in
from benchmarks.workloads import Workload, family

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
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser("growth", "Time and memory against every size, and a model of them.", [OWN], rounds=3, seconds=0.3)
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
        # A process for each net: the memory of one is not to be that of another.
        everything = dict.fromkeys(workload for line in lines.values() for workload in line)
        Plan([[w] for w in everything], [OWN], arguments.threads, arguments.rounds, arguments.seconds).run(store)
    result = growth_report.analyse(store, lines, arguments.threads)
    command.publish(growth_report.report(store, result), path)
    growth_report.draw(result, path)
    return 0


if __name__ == "__main__":
    command.start(main)
