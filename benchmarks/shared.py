"""A machine that is shared: how much longer a training step takes when others want the CPUs too, and what would be fair.

Run: python -m benchmarks.shared [--workloads digits,mnist_m] [--peers chainrule,torch] [--rounds 3] [--seconds 2] [--quick]

With C CPUs, T threads of training and B busy threads of others, a fair share makes a step max(1, (T + B) / C) times longer. The table
says how much longer than that it took: 1.00 is fair, and above 1.50 a library has lost more than others took.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks import command, machine, process
from benchmarks.progress import say
from benchmarks.rounds import OWN
from benchmarks.store import Key, Store
from benchmarks.summary import Summary
from benchmarks.table import markdown
from benchmarks.workloads import WORKLOADS, Workload

LIMIT = 1.5
SPIN = "while True: pass"


@dataclass(frozen=True)
class Situation:
    """`busy` processes spin beside; `threads_per_cpu` is what the library is told, on all CPUs."""

    name: str
    busy: int = 0
    threads_per_cpu: int = 1

    def fair(self, cpus: int) -> float:
        """Only what others take: more threads of one's own do not add work."""
        return max(1.0, (cpus + self.busy) / cpus)


SITUATIONS = (
    Situation("alone"),
    Situation("beside 1 busy process", busy=1),
    Situation("beside as many as CPUs", busy=process.cpus()),
    Situation("told twice as many threads as CPUs", threads_per_cpu=2),
)


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser("shared", "Training steps beside busy processes.", [OWN, "torch", "jax"], rounds=3, seconds=2.0)
    parser.add_argument("--workloads", type=command.names(list(WORKLOADS)), default=["digits", "tabular", "mnist_m"])
    arguments = parser.parse_args(argv)
    if arguments.quick:
        arguments.rounds, arguments.seconds, arguments.workloads = 1, 0.5, ["digits"]
    path = command.output(arguments, "shared")
    store = Store(path, machine.describe(arguments.peers, arguments.quick), arguments.fresh or arguments.quick)
    workloads = [WORKLOADS[name] for name in arguments.workloads]
    for number in range(arguments.rounds):
        for workload in workloads:
            for situation in SITUATIONS:
                for peer in arguments.peers:
                    if len(store.samples(key_of(workload, situation, peer))) <= number:
                        say(f"round {number + 1}/{arguments.rounds}: {workload.name}, {situation.name}, {peer}")
                        _measure(store, workload, situation, peer, arguments.seconds)
    command.publish(report(store, workloads, arguments.peers), path)
    return 0


def key_of(workload: Workload, situation: Situation, peer: str) -> Key:
    return {"workload": workload.name, "situation": situation.name, "peer": peer}


def _measure(store: Store, workload: Workload, situation: Situation, peer: str, seconds: float) -> None:
    cpus = process.cpus()
    with ExitStack() as others:
        for _ in range(situation.busy):
            others.enter_context(_busy())
        (result,) = process.fit(peer, [workload], cpus * situation.threads_per_cpu, seconds, cpus=cpus)
    result.pop("name", None)
    store.add(key_of(workload, situation, peer), result)


@contextmanager
def _busy() -> Iterator[None]:
    other = subprocess.Popen([sys.executable, "-c", SPIN])
    try:
        yield
    finally:
        other.kill()
        other.wait()


def report(store: Store, workloads: Sequence[Workload], peers: Sequence[str]) -> str:
    rows = []
    worst = 0.0
    for workload in workloads:
        for situation in SITUATIONS:
            row = [f"{workload.name}, {situation.name}", f"{situation.fair(store.machine['cpus']):.2f}"]
            for peer in peers:
                beyond = beyond_fair(store, workload, situation, peer)
                time = _time(store, workload, situation, peer)
                row += [str(time) if time else "", f"{beyond:.2f}" if beyond else ""]
                worst = max(worst, beyond or 0.0) if peer == OWN else worst
            rows.append(row)
    header = ["workload and situation", "fair, times", *(text for peer in peers for text in (f"{peer}, us", "beyond fair"))]
    verdict = f"**The most that {OWN} loses beyond the fair share: {worst:.2f} times ({'within' if worst <= LIMIT else 'OVER'} {LIMIT}).**"
    return "\n\n".join(["# On a shared machine", machine.text(store.machine), verdict, markdown(header, rows)])


def _time(store: Store, workload: Workload, situation: Situation, peer: str) -> Summary | None:
    values = store.values(key_of(workload, situation, peer), "us_per_step")
    return Summary.of(values) if values else None


def beyond_fair(store: Store, workload: Workload, situation: Situation, peer: str) -> float | None:
    alone, now = (_time(store, workload, s, peer) for s in (SITUATIONS[0], situation))
    return now.median / alone.median / situation.fair(store.machine["cpus"]) if alone and now else None


if __name__ == "__main__":
    command.start(main)
