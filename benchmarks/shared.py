"""A machine that is shared: how much longer a training step takes when others want the CPUs too, or when the library is told of more
threads than there are CPUs; and whether threads ever harm on a machine of one's own.

Run: python -m benchmarks.shared [--workloads digits,mnist_m] [--peers chainrule,torch] [--rounds 3] [--seconds 0.7] [--quick]
     [--report] [--output shared.json] [--fresh]

With C CPUs, T threads of training and B busy threads of others, a fair share makes a step max(1, (min(T, C) + B) / C) times longer than
min(T, C) threads take alone. The table says how much longer than that it took: 1.00 is fair, and above 1.50 a library has lost more
than others took.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from . import command, machine, process, shared_report
from .progress import Progress, progress, say
from .rounds import OWN, Plan
from .shared_report import Situation, key_of, situations
from .store import Store, described_in
from .workloads import WORKLOADS, Workload, family

SPIN = "while True: pass"
USUAL = ["rl_online", "digits", "tabular", "mnist_m"]
# More rounds than beside others: 5 % is near the noise of one.
HARM_ROUNDS, HARM_SECONDS = 5, 0.25


def small_nets(quick: bool) -> list[Workload]:
    """Return nets around the sizes from which a second thread pays."""
    sizes = [(32, 32), (64, 8)] if quick else [(w, b) for w in (16, 32, 64, 128, 256) for b in (1, 8, 64)]
    return [family(width, 2, batch) for width, batch in sizes]


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parse(argv)
    path = command.output(arguments, "shared")
    described = described_in(path) if arguments.report else machine.describe(arguments.peers, arguments.quick)
    store = Store(path, described, (arguments.fresh or arguments.quick) and not arguments.report)
    workloads = [WORKLOADS[name] for name in arguments.workloads]
    alone = [*([] if arguments.quick else WORKLOADS.values()), *small_nets(arguments.quick)]
    if not arguments.report:
        say("threads, alone:")
        rounds, seconds = (1, 0.05) if arguments.quick else (HARM_ROUNDS, HARM_SECONDS)
        Plan([[w] for w in alone], [OWN], shared_report.counts(store), rounds, seconds).run(store)
        say("beside others:")
        _measure_all(store, workloads, arguments)
    command.publish(shared_report.report(store, workloads, alone, arguments.peers), path)
    shared_report.draw(store, workloads, arguments.peers, path)
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser("shared", "Training steps beside busy processes.", [OWN, "torch", "jax"], rounds=3, seconds=0.7)
    parser.add_argument("--workloads", type=command.names(list(WORKLOADS)), default=USUAL)
    parser.add_argument("--report", action="store_true", help="measure nothing: only write the report")
    arguments = parser.parse_args(argv)
    if arguments.quick:
        arguments.rounds, arguments.seconds, arguments.workloads = 1, 0.2, ["digits"]
    return arguments


def _measure_all(store: Store, workloads: Sequence[Workload], arguments: argparse.Namespace) -> None:
    jobs = [(number, s, peer) for number in range(arguments.rounds) for s in situations(store) for peer in arguments.peers]
    each = 1.2 + len(workloads) * arguments.seconds * 1.15
    with progress(each * len(jobs)) as bar:
        for number, situation, peer in jobs:
            missing = [w for w in workloads if len(store.samples(key_of(w, situation, peer))) <= number]
            bar.begin(f"round {number + 1}/{arguments.rounds}, {situation.name}, {peer}")
            if missing:
                _measure(store, missing, situation, peer, arguments.seconds, bar)
            bar.end(each)


def _measure(store: Store, workloads: Sequence[Workload], situation: Situation, peer: str, seconds: float, bar: Progress) -> None:
    """Measure all workloads in one process, beside the situation's others."""
    cpus = min(situation.threads, process.cpus())
    with ExitStack() as others:
        for _ in range(situation.busy):
            others.enter_context(_busy())
        left = {w.name: key_of(w, situation, peer) for w in workloads}
        for result in process.fit(peer, workloads, situation.threads, seconds, cpus=cpus):
            if "error" in result:
                bar.say(f"  {result['error']}")
                continue
            store.add(left.pop(result["name"]), {name: value for name, value in result.items() if name != "name"})


@contextmanager
def _busy() -> Iterator[None]:
    other = subprocess.Popen([sys.executable, "-c", SPIN])
    try:
        yield
    finally:
        other.kill()
        other.wait()


if __name__ == "__main__":
    command.start(main)
