"""Compares chainrule with the peers that are installed: the time of one training step, from gathering the batch to the update.

Run: python -m benchmarks.run [--workloads xor,digits] [--peers chainrule,torch] [--threads 1,2] [--rounds 5] [--seconds 1]
     [--output results.json]

Rounds alternate between the peers, each measurement in a fresh process, so that a noisy spell of the machine hits all alike. Prints a
Markdown table of medians with the spread (least to most) over the rounds.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers import NEEDS, installed
from benchmarks.workloads import WORKLOADS

DISTRIBUTIONS = {"sklearn": "scikit-learn"}
OWN = "chainrule"


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parse(argv)
    times: dict[tuple[str, int, str], list[float]] = defaultdict(list)
    failures: dict[tuple[str, str], str] = {}
    for round_number in range(arguments.rounds):
        for name in arguments.workloads:
            for threads in arguments.threads:
                for peer in arguments.peers:
                    if (peer, name) in failures:
                        continue
                    print(f"round {round_number + 1}/{arguments.rounds}: {name}, {threads} threads, {peer}", file=sys.stderr)
                    result = _measure(peer, name, threads, arguments.seconds)
                    if isinstance(result, str):
                        failures[peer, name] = result
                        print(f"  {result}", file=sys.stderr)
                    else:
                        times[name, threads, peer].append(result)
    print(_table(times, arguments.peers))
    if arguments.output is not None:
        report = {
            "machine": machine(arguments.peers),
            "unit": "us per step",
            "results": [
                {"workload": name, "net": str(WORKLOADS[name]), "threads": threads, "peer": peer, "times": values}
                for (name, threads, peer), values in times.items()
            ],
            "failures": [{"peer": peer, "workload": name, "reason": reason} for (peer, name), reason in failures.items()],
        }
        arguments.output.write_text(json.dumps(report, indent=1) + "\n")
    return 1 if any(peer == OWN for peer, _ in failures) else 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    def names(known: Sequence[str]) -> object:
        def parse(text: str) -> list[str]:
            given = text.split(",")
            if unknown := [name for name in given if name not in known]:
                raise argparse.ArgumentTypeError(f"expected names of {', '.join(known)}, got {', '.join(unknown)}")
            return given

        return parse

    small = [name for name in WORKLOADS if name != "wide"]
    parser = argparse.ArgumentParser(description="Time of one training step, beside the peers.")
    parser.add_argument("--workloads", type=names(list(WORKLOADS)), default=small)  # type: ignore[arg-type]
    parser.add_argument("--peers", type=names(list(NEEDS)), default=installed())  # type: ignore[arg-type]
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    parser.add_argument("--threads", type=lambda text: [int(count) for count in text.split(",")], default=[min(2, cpus)])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--output", type=Path, help="file for all numbers, as JSON")
    return parser.parse_args(argv)


def _measure(peer: str, name: str, threads: int, seconds: float) -> float | str:
    """Return microseconds per step, or why there are none."""
    command = [sys.executable, "-m", "benchmarks.measure", peer, name, str(threads), str(seconds)]
    run = subprocess.run(command, check=False, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    if run.returncode != 0:
        return (run.stderr.strip().splitlines() or [f"exit status {run.returncode}"])[-1]
    return float(json.loads(run.stdout.splitlines()[-1])["us_per_step"])


def machine(peers: Sequence[str]) -> dict[str, object]:
    """Describe what the figures belong to."""
    import chainrule

    packages = sorted({DISTRIBUTIONS.get(NEEDS[peer], NEEDS[peer]) for peer in peers})
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "info": dict(chainrule.info()),
        "versions": {package: importlib.metadata.version(package) for package in packages},
    }


def _table(times: dict[tuple[str, int, str], list[float]], peers: Sequence[str]) -> str:
    lines = ["| workload | threads | " + " | ".join(peers) + " | best peer / chainrule |"]
    lines.append("|---|--:|" + "--:|" * (len(peers) + 1))
    for name, threads in dict.fromkeys((name, threads) for name, threads, _ in times):
        medians = {peer: statistics.median(values) for peer in peers if (values := times.get((name, threads, peer)))}
        cells = [_cell(times.get((name, threads, peer), [])) for peer in peers]
        others = [median for peer, median in medians.items() if peer != OWN]
        ratio = f"{min(others) / medians[OWN]:.2f}" if others and OWN in medians else ""
        lines.append(f"| {name}: {WORKLOADS[name]} | {threads} | " + " | ".join(cells) + f" | {ratio} |")
    return "\n".join(lines)


def _cell(values: list[float]) -> str:
    if not values:
        return ""
    return f"{_digits(statistics.median(values))} ({_digits(min(values))} to {_digits(max(values))})"


def _digits(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


if __name__ == "__main__":
    sys.exit(main())
