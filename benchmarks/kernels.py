"""The kernels alone, on one thread: chainrule's beside NumPy's and PyTorch's functions of the same work.

Run: python -m benchmarks.kernels [--peers numpy,torch] [--rounds 3] [--seconds 0.05] [--quick] [--report] [--ulp ulp.txt]
     [--output kernels.json] [--fresh]

Needs the native program: cmake --preset bench && cmake --build --preset bench --target chainrule_bench
--ulp is the output of the program `ulp`, for the errors in the table of elementary functions.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from . import command, elementary, machine, native, picture, process
from .progress import progress
from .rounds import OWN
from .store import Key, Store, described_in
from .summary import Summary, digits
from .table import markdown

EDGES = [power + offset for power in (256, 512, 1024) for offset in (0, 1)]
SQUARES = sorted({1, 4, 8, 16, 17, 32, 33, *range(45, 49), 64, 65, 96, 128, 129, 192, 255, *EDGES, 384, 768, 1536, 2048})
# The nine workloads' products, and outputs as narrow as a regression's.
LAYERS = [(1, 64, 64), (128, 46, 46), (200, 64, 100), (200, 100, 10), (256, 256, 256), (256, 256, 1), (64, 784, 128)]
LAYERS += [(128, 784, 512), (256, 784, 1024), (256, 1024, 1024), (512, 2048, 4096), (512, 4096, 1000)]
# In a second-level cache, and in memory. Calls on fewer elements cost Python's libraries little but the call.
SIZES = [1 << 16, 1 << 22]
GEMMS = ("gemm_forward", "gemm_input_gradient", "gemm_weight_gradient")


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parse(argv)
    path = command.output(arguments, "kernels")
    described = described_in(path) if arguments.report else machine.describe([OWN, *arguments.peers], arguments.quick)
    store = Store(path, described, (arguments.fresh or arguments.quick) and not arguments.report)
    squares = [16, 45, 46, 256] if arguments.quick else SQUARES
    shapes = [*((n, n, n) for n in squares), *(LAYERS[:8] if arguments.quick else LAYERS)]
    if not arguments.report:
        _measure(store, arguments, shapes)
    peak = machine.peak_gflops(store.machine, 1)
    command.publish(report(store, peak, elementary.errors(arguments.ulp)), path)
    draw(store, peak, path)
    return 0


def _measure(store: Store, arguments: argparse.Namespace, shapes: Sequence[tuple[int, int, int]]) -> None:
    # A stretch at least of every call: large products take longer than asked for. The rest are 250 or 100 short measurements.
    flops = sum(2 * m * k * n for m, k, n in shapes)
    each = {OWN: 250, "numpy": 150, "torch": 180}
    calls = len(GEMMS) * 11 * flops / (100e9)
    with progress(arguments.rounds * sum(1.2 * arguments.seconds * each[peer] + calls for peer in (OWN, *arguments.peers))) as bar:
        for number in range(arguments.rounds):
            machine.raise_peak(store.machine)
            for peer in (OWN, *arguments.peers):
                bar.begin(f"round {number + 1}/{arguments.rounds}, {peer}")
                _round(store, number, peer, arguments.seconds, shapes)
                bar.end(1.2 * arguments.seconds * each[peer] + calls)


def _round(store: Store, number: int, peer: str, seconds: float, shapes: Sequence[tuple[int, int, int]]) -> None:
    if max((len(store.samples(key)) for key in store.known() if key["peer"] == peer), default=0) > number:
        return
    if peer == OWN:
        options = ["--seconds", str(seconds), "--shapes", ",".join("x".join(map(str, shape)) for shape in shapes)]
        options += ["--sizes", ",".join(map(str, SIZES))]
        for row in native.results("kernels", *options, cpus=1)[1]:
            key = {"peer": OWN, "kernel": row["kernel"], "size": row["size"], "unit": row["unit"], "work": row["work"]}
            store.add(key, {"seconds": row["seconds"]})
        return
    job = {"peer": peer, "threads": 1, "seconds": seconds, "shapes": shapes, "sizes": SIZES}
    for line in process.lines_of("kernel_peers", job, timeout=3600):
        if "error" in line:
            raise RuntimeError(f"{peer}: {line['error']}")
        if "about" in line:
            store.machine["blas"] = list(dict.fromkeys([*store.machine["blas"], line["about"]]))
            continue
        store.add({"peer": peer, "kernel": line["kernel"], "size": line["size"]}, {"seconds": line["seconds"]})


def report(store: Store, peak: float | None, errors: elementary.Errors) -> str:
    own = [key for key in store.known() if key["peer"] == OWN]
    peers = list(dict.fromkeys(key["peer"] for key in store.known() if key["peer"] != OWN))
    products = [key for key in own if key["kernel"] in GEMMS]
    others = [key for key in own if key["kernel"] not in (*GEMMS, *elementary.KERNELS.values())]
    parts = ["# Kernels alone, one thread", machine.text(store.machine), "## Products, GFLOP/s"]
    header = ["kernel, batch x in x out", OWN, "of peak", *peers, f"{OWN} / best peer"]
    parts.append(markdown(header, [_product_row(store, key, peers, peak) for key in products]))
    parts.append("## Elementary functions, float32, nanoseconds for one element")
    if not errors:
        parts.append("The errors are not measured yet: `ulp --stride 1 > benchmarks/results/ulp.txt`, then `--report`.")
    parts.append(elementary.table(partial(_element_cell, store), SIZES, [OWN, *peers], errors))
    parts.append("## Everything else, nanoseconds for one element or parameter")
    header = ["kernel, elements or rows x columns", OWN, *peers, f"best peer / {OWN}"]
    parts.append(markdown(header, [_element_row(store, key, peers) for key in others]))
    return "\n\n".join(parts)


def _seconds(store: Store, key: Key) -> Summary | None:
    values = store.values(key, "seconds")
    return Summary.of(values) if values else None


def _peer_seconds(store: Store, key: Key, peer: str) -> float | None:
    s = _seconds(store, {"peer": peer, "kernel": key["kernel"], "size": key["size"]})
    return s.median if s else None


def _row(store: Store, key: Key, peers: Sequence[str], show: Any) -> tuple[Summary, list[str], str]:
    own = _seconds(store, key)
    assert own is not None
    times = [_peer_seconds(store, key, peer) for peer in peers]
    known = [time for time in times if time is not None]
    return own, [show(time) if time is not None else "" for time in times], f"{min(known) / own.median:.2f}" if known else ""


def _product_row(store: Store, key: Key, peers: Sequence[str], peak: float | None) -> list[str]:
    own, cells, ratio = _row(store, key, peers, lambda time: digits(key["work"] / time / 1e9))
    rate = key["work"] / own.median / 1e9
    spread = f"{digits(rate)} ({digits(key['work'] / own.most / 1e9)} to {digits(key['work'] / own.least / 1e9)})"
    return [f"{key['kernel']} {key['size']}", spread, f"{rate / peak:.0%}" if peak else "", *cells, ratio]


def _element_row(store: Store, key: Key, peers: Sequence[str]) -> list[str]:
    own, cells, ratio = _row(store, key, peers, lambda time: digits(time / key["work"] * 1e9))
    return [f"{key['kernel']} {key['size']}", str(own.scaled(1e9 / key["work"])), *cells, ratio]


def _element_cell(store: Store, kernel: str, size: int, peer: str) -> str:
    work = {"unit": "element", "work": size} if peer == OWN else {}
    s = _seconds(store, {"peer": peer, "kernel": kernel, "size": str(size), **work})
    return digits(s.median * 1e9 / size) if s else ""


def draw(store: Store, peak: float | None, path: Path) -> None:
    """Draw the square products over their size, each peer a line, and the peak above them."""
    parts = []
    for kernel in GEMMS:
        lines: dict[str, list[tuple[float, float]]] = {}
        for key in store.known():
            m, _, rest = key["size"].partition("x")
            if key["kernel"] == kernel and rest == f"{m}x{m}" and (s := _seconds(store, key)):
                lines.setdefault(key["peer"], []).append((float(m), 2 * float(m) ** 3 / s.median / 1e9))
        if peak and lines:
            sizes = [m for m, _ in lines[OWN]]
            lines["peak"] = [(min(sizes), peak), (max(sizes), peak)]
        parts.append(picture.Axes(kernel, "m = k = n", "GFLOP/s, one thread", lines, log_y=False))
    picture.draw(path.with_suffix(".png"), "Products alone", parts, columns=3)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser("kernels", "The kernels alone, on one thread, beside the peers'.", ["numpy", "torch"], 3, 0.05)
    parser.add_argument("--report", action="store_true", help="measure nothing: only write the report")
    parser.add_argument("--ulp", type=Path, default=command.RESULTS / "ulp.txt", help="the output of the program ulp")
    arguments = parser.parse_args(argv)
    if unknown := set(arguments.peers) - {"numpy", "torch"}:
        parser.error(f"--peers: expected numpy or torch, got {', '.join(sorted(unknown))}")
    if arguments.quick:
        arguments.rounds, arguments.seconds = 1, 0.02
    return arguments


if __name__ == "__main__":
    command.start(main)
