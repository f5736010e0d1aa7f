"""`chainrule bench`: chainrule beside the libraries that are installed, on this machine, in alternating rounds.

Training steps (see benchmarks.run), matrix products, predictions (see benchmarks.predict), and what an import takes. Tables, JSON and
pictures go to a folder.
"""

import argparse
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import command, machine, predict, process, run
from .peers import NEEDS, installed
from .progress import progress
from .rounds import OWN
from .store import Store
from .summary import Summary
from .table import markdown

SHAPES = [(64, 64, 64), (128, 784, 512), (256, 256, 256), (512, 512, 512), (1024, 1024, 1024)]
PRODUCTS = (OWN, "numpy", "torch")
PREDICTIONS = (OWN, "numpy", "torch", "jax")
# Of a process beside its measurement: Python, and the library's import.
_START = 2.0


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    arguments = _parser(prog).parse_args(argv)
    missing = [name for name in ("matplotlib", "threadpoolctl") if importlib.util.find_spec(name) is None]
    if missing:  # of pictures, and of NumPy's and scikit-learn's threads
        raise ImportError(f"bench: expected {' and '.join(missing)} to be installed; pip install 'chainrule[bench]'")
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name in arguments.only:
        status = PARTS[name](arguments)
        if status:
            return status
    print(f"\ntables, pictures and samples: {arguments.output}")
    return 0


def _parser(prog: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog or f"python -m {__package__}.bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round of small sizes, for a look in some minutes")
    parser.add_argument("--only", type=command.names(list(PARTS)), default=list(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--peers", type=command.names(list(NEEDS)), default=installed(), help="(default: those that are installed)")
    parser.add_argument("--threads", type=command.numbers, default=[1, *([process.cpus()] if process.cpus() > 1 else [])])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("chainrule-bench"), help="the folder (default: %(default)s)")
    return parser


def _common(arguments: argparse.Namespace, name: str, peers: Sequence[str]) -> list[str]:
    options = {
        "--peers": ",".join(peer for peer in arguments.peers if peer in peers),
        "--threads": ",".join(map(str, arguments.threads)),
        "--rounds": str(arguments.rounds),
        "--output": str(arguments.output / f"{name}.json"),
    }
    return [*(part for option in options.items() for part in option), *(["--quick"] if arguments.quick else [])]


def training(arguments: argparse.Namespace) -> int:
    return run.main(_common(arguments, "training", list(NEEDS)))


def predictions(arguments: argparse.Namespace) -> int:
    return predict.main(_common(arguments, "predictions", PREDICTIONS))


def products(arguments: argparse.Namespace) -> int:
    peers = [peer for peer in PRODUCTS if peer in arguments.peers]
    shapes = SHAPES[:3] if arguments.quick else SHAPES
    rounds, seconds = (1, 0.05) if arguments.quick else (arguments.rounds, 0.2)
    path = arguments.output / "products.json"
    store = Store(path, machine.describe(peers, arguments.quick), fresh=True)
    one = _START + seconds * len(shapes)
    with progress(rounds * len(arguments.threads) * len(peers) * one) as bar:
        for number in range(rounds):
            for threads in arguments.threads:
                for peer in peers:
                    bar.begin(f"round {number + 1}/{rounds}, products, threads {threads}, {peer}")
                    job = {"peer": peer, "threads": threads, "seconds": seconds, "shapes": shapes}
                    for sample in process.lines_of("product_peers", job):
                        if "error" in sample:
                            bar.say(f"  {peer}: {sample['error']}")
                            continue
                        shape = sample.pop("shape")
                        store.add({"shape": list(shape), "threads": threads, "peer": peer}, sample)
                    bar.end(one)
    rows = []
    for shape in shapes:
        for threads in arguments.threads:
            found = {peer: _gflops(store, shape, threads, peer) for peer in peers}
            cells = [str(summary) if summary else "" for summary in found.values()]
            rows.append([f"{shape[0]} x {shape[1]} times {shape[1]} x {shape[2]}", str(threads), *cells])
    header = ["product, float32", "threads", *(f"{peer}, GFLOP/s" for peer in peers)]
    note = (
        "The fastest call of each process: median of the rounds, the least and the most. chainrule's operands are panels, as its layers "
        "keep them; the others' are row-major."
    )
    command.publish("\n\n".join(["# Products", machine.text(store.machine), note, markdown(header, rows)]), path)
    return 0


def _gflops(store: Store, shape: Sequence[int], threads: int, peer: str) -> Summary | None:
    values = store.values({"shape": list(shape), "threads": threads, "peer": peer}, "seconds")
    m, k, n = shape
    return Summary.of([2e-9 * m * k * n / value for value in values]) if values else None


def imports(arguments: argparse.Namespace) -> int:
    packages = list(dict.fromkeys(NEEDS[peer] for peer in arguments.peers if NEEDS[peer] != "numpy"))
    rounds = 1 if arguments.quick else arguments.rounds
    path = arguments.output / "imports.json"
    store = Store(path, machine.describe(arguments.peers, arguments.quick), fresh=True)
    with progress(rounds * len(packages) * _START) as bar:
        for number in range(rounds):
            for package in packages:
                bar.begin(f"round {number + 1}/{rounds}, import {package}")
                store.add({"package": package}, {"seconds": _import_seconds(package)})
                bar.end(_START)
    rows = []
    for package in packages:
        seconds = Summary.of(store.values({"package": package}, "seconds"))
        rows.append([package, str(seconds.scaled(1e3))])
    table = markdown(["import, after NumPy", "ms"], rows)
    command.publish("\n\n".join(["# Imports", machine.text(store.machine), table]), path)
    return 0


def _import_seconds(package: str) -> float:
    """Return what an import takes in a fresh process that has NumPy already."""
    code = f"import time, numpy; start = time.perf_counter(); import {package}; print(time.perf_counter() - start)"
    subprocess.run([sys.executable, "-c", f"import {package}"], check=True, capture_output=True)  # files come from the cache
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    return float(out.split()[-1])


PARTS: dict[str, Callable[[argparse.Namespace], int]] = {
    "training": training,
    "products": products,
    "predictions": predictions,
    "imports": imports,
}

if __name__ == "__main__":
    command.start(main)
