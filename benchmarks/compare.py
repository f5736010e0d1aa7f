"""Compares two revisions of chainrule on this machine: the time of one training step, in alternating rounds.

Run: python -m benchmarks.compare BASE HEAD [--workloads xor,digits] [--threads 1,2] [--rounds 5] [--seconds 0.6] [--output compare.md]

BASE and HEAD are revisions that git knows, or "." for the files as they are. Each is built once, by pip, into build/compare; the benchmark
programs are those of the folder that this runs in. Prints a Markdown table: the medians with the spread over the rounds, and base over
head, round by round: above 1, head is so many times faster. Exits with 1 where a median is below --least.
"""

import argparse
import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import command, process
from .progress import progress, say
from .summary import Summary
from .table import markdown
from .workloads import WORKLOADS, Workload

BUILT = process.ROOT / "build" / "compare"
_WORKING_TREE = "."
# Of a process beside its measurement: Python and NumPy.
_START = 0.4


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    sites = [site_of(revision) for revision in (arguments.base, arguments.head)]
    workloads = [WORKLOADS[name] for name in arguments.workloads]
    samples = measure(sites, workloads, arguments.threads, arguments.rounds, arguments.seconds)
    text = report(samples, (arguments.base, arguments.head))
    print(text)
    if arguments.output is not None:
        arguments.output.write_text(text + "\n")
    return int(any(_ratio(of_point).median < arguments.least for of_point in samples.values()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {__package__}.compare", description="Two revisions on one machine.")
    parser.add_argument("base", help="a revision, or . for the files as they are")
    parser.add_argument("head", help="likewise")
    parser.add_argument("--workloads", type=command.names(list(WORKLOADS)), default=list(WORKLOADS))
    parser.add_argument("--threads", type=command.numbers, default=[1, *([2] if process.cpus() > 1 else [])])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.6, help="of each measurement")
    parser.add_argument("--least", type=float, default=0.0, help="exit with 1 where base / head is less than this")
    parser.add_argument("--output", type=Path, help="the Markdown file (default: none)")
    return parser


def site_of(revision: str) -> Path:
    """Return a folder that has the revision's package installed; built where it is not there yet. "." is built anew."""
    if revision == _WORKING_TREE:
        return _install(process.ROOT, BUILT / "working-tree")
    commit = _git("rev-parse", "--verify", f"{revision}^{{commit}}").decode().strip()
    site = BUILT / commit
    if not (site / "chainrule").is_dir():
        with tempfile.TemporaryDirectory() as folder:
            with tarfile.open(fileobj=io.BytesIO(_git("archive", commit))) as files:
                files.extractall(folder, filter="data")
            _install(Path(folder), site)
    return site


def _install(source: Path, site: Path) -> Path:
    say(f"builds {site.name}")
    run = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade", "--target", site, source],
        check=False,
        capture_output=True,
        text=True,
    )
    if run.returncode:
        raise SystemExit(f"compare: expected a revision that can be built, got from pip:\n{run.stderr[-2000:]}")
    return site


def _git(*arguments: str) -> bytes:
    run = subprocess.run(["git", *arguments], check=False, capture_output=True, cwd=process.ROOT)
    if run.returncode:
        raise SystemExit(f"compare: expected revisions that git knows, got {run.stderr.decode().strip()}")
    return run.stdout


# Microseconds of a step, by workload and threads: for base and for head one in each round.
Samples = dict[tuple[str, int], tuple[list[float], list[float]]]


def measure(sites: Sequence[Path], workloads: Sequence[Workload], threads: Sequence[int], rounds: int, seconds: float) -> Samples:
    """Measure every point once in each round, in fresh processes, base and head taking turns at being the first."""
    samples: Samples = {}
    one = seconds + _START
    with progress(rounds * len(workloads) * len(threads) * 2 * one) as bar:
        for number in range(rounds):
            for workload in workloads:
                for count in threads:
                    for which in (0, 1) if number % 2 == 0 else (1, 0):
                        bar.begin(f"round {number + 1}/{rounds}, {workload.name}, threads {count}, {('base', 'head')[which]}")
                        found = step_of(sites[which], workload, count, seconds)
                        samples.setdefault((workload.name, count), ([], []))[which].append(found)
                        bar.end(one)
    return samples


def step_of(site: Path, workload: Workload, threads: int, seconds: float) -> float:
    """Return the microseconds of a step of the package in a folder."""
    environment = {"PYTHONPATH": f"{site}:{process.ROOT}"}
    found = next(process.fit("chainrule", [workload], threads, seconds, environment), {"error": "nothing"})
    if "error" in found:
        raise SystemExit(f"compare: expected a measurement of {workload.name} with {site.name}, got {found['error']}")
    return float(found["us_per_step"])


def report(samples: Samples, names: tuple[str, str]) -> str:
    rows = []
    for (name, threads), of_point in samples.items():
        base, head = (Summary.of(values) for values in of_point)
        rows.append([f"{name}: {WORKLOADS[name]}", str(threads), str(base), str(head), str(_ratio(of_point))])
    header = ["workload", "threads", f"{names[0]}, us", f"{names[1]}, us", "base / head"]
    return markdown(header, rows)


def _ratio(of_point: tuple[list[float], list[float]]) -> Summary:
    return Summary.of([base / head for base, head in zip(*of_point, strict=True)])


if __name__ == "__main__":
    command.start(main)
