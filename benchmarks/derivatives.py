"""Derivatives of scalar and small-vector code: recording and differentiating the same functions here, in autograd, PyTorch and JAX.

Run: python -m benchmarks.derivatives [--peers chainrule,torch] [--rounds 5] [--seconds 0.2] [--quick]
"""

from collections.abc import Sequence

import numpy as np

from . import command, machine, process
from .derivative_functions import cases
from .derivative_peers import COMPILED, NEEDS
from .progress import say
from .rounds import OWN
from .store import Key, Store
from .summary import Summary, digits
from .table import markdown

WHAT = {"record": "Recording, microseconds", "derivative": "Recording and derivative, microseconds"}
NOTE = (
    "Median of the rounds, and the least and the most. The peers of the ratios record at each call; what JAX has compiled before stands "
    "beside them without one."
)
# Relative, between libraries: each sums in an order of its own.
AGREE = 1e-9
OWN_COMPILED = "chainrule_compiled"


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser(
        "derivatives", "Recording and differentiating small functions, on one thread.", list(NEEDS), 5, 0.2, needs=NEEDS
    )
    arguments = parser.parse_args(argv)
    if arguments.quick:
        arguments.rounds, arguments.seconds = 1, 0.02
    path = command.output(arguments, "derivatives")
    store = Store(path, machine.describe(arguments.peers, arguments.quick, NEEDS), arguments.fresh or arguments.quick)
    names = [case.name for case in cases()]
    for number in range(arguments.rounds):
        for peer in arguments.peers:
            missing = [name for name in names if len(store.samples(key_of(name, peer))) <= number]
            if missing:
                say(f"round {number + 1}: {peer}")
                measure(store, peer, missing, arguments.seconds)
    command.publish(report(store, names, arguments.peers), path)
    wrong = disagreements(store, names, arguments.peers)
    for text in wrong:
        say(text)
    return 1 if wrong else 0


def key_of(case: str, peer: str) -> Key:
    return {"case": case, "peer": peer}


def measure(store: Store, peer: str, names: Sequence[str], seconds: float) -> None:
    """Measure the cases by one library, in one process."""
    job = {"peer": peer, "threads": 1, "seconds": seconds, "cases": list(names)}
    for line in process.lines_of("derivative_peers", job):
        if "error" in line:
            say(f"  {peer}: {line['error']}")
            continue
        times = {what: line[what]["seconds"] for what in WHAT if what in line}
        store.add(key_of(line["case"], peer), {**times, "result": line["result"]})


def report(store: Store, names: Sequence[str], peers: Sequence[str]) -> str:
    parts = ["# derivatives", machine.text(store.machine), NOTE]
    for what, title in WHAT.items():
        shown = [peer for peer in peers if what == "derivative" or peer not in COMPILED]
        own = [peer for peer in (OWN, OWN_COMPILED) if peer in shown]
        rows = [[name, *_cells(store, name, shown, own, what)] for name in names]
        parts += [f"## {title}", markdown(["function", *shown, "the best peer", *(f"that / {peer}" for peer in own)], rows)]
    return "\n\n".join(parts)


def _cells(store: Store, name: str, peers: Sequence[str], own: Sequence[str], what: str) -> list[str]:
    found = {peer: Summary.of(values) for peer in peers if (values := store.values(key_of(name, peer), what))}
    cells = [str(found[peer].scaled(1e6)) if peer in found else "" for peer in peers]
    others = {peer: s.median for peer, s in found.items() if peer != OWN and peer not in COMPILED}
    best = min(others, key=lambda peer: others[peer], default="")
    return [*cells, best, *(digits(others[best] / found[peer].median) if best and peer in found else "" for peer in own)]


def disagreements(store: Store, names: Sequence[str], peers: Sequence[str]) -> list[str]:
    """Return the functions whose derivatives are not those that chainrule finds: their times would compare nothing."""
    wrong = []
    for name in names:
        own = [sample["result"] for sample in store.samples(key_of(name, OWN))]
        for peer in peers:
            for sample in store.samples(key_of(name, peer)):
                if own and not np.allclose(sample["result"], own[0], rtol=AGREE, atol=AGREE):
                    wrong.append(f"{name}: {peer} finds another derivative")
    return wrong


if __name__ == "__main__":
    command.start(main)
