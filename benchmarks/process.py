"""Measurements in processes of their own, with their CPUs bound and their threads set before any library is loaded."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.workloads import Workload

ROOT = Path(__file__).parents[1]
# A measurement that takes longer has failed: the longest, of the widest net, takes about a minute.
TIMEOUT = 900


def cpus() -> int:
    """Return how many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def bind(job: dict[str, Any]) -> None:
    """Bind this process to its job's CPUs: the one limit that every library obeys. For the child, before its imports."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: job.get("cpus", job["threads"])])
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(job["threads"])


def lines_of(module: str, job: dict[str, Any], timeout: float = TIMEOUT) -> Iterator[dict[str, Any]]:
    """Run `python -m module`, which reads the job from standard input, and return the lines of JSON that it prints.

    A run that fails ends with {"error": the last line of its standard error}.
    """
    command = [sys.executable, "-m", module]
    try:
        run = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, input=json.dumps(job), timeout=timeout)
    except subprocess.TimeoutExpired:
        yield {"error": f"took longer than {timeout:.0f} s"}
        return
    for line in run.stdout.splitlines():
        if line.startswith("{"):
            yield json.loads(line)
    if run.returncode != 0:
        yield {"error": (run.stderr.strip().splitlines() or [f"exit status {run.returncode}"])[-1]}


def fit(peer: str, workloads: Iterable[Workload], threads: int, seconds: float, **options: Any) -> Iterator[dict[str, Any]]:
    """Return each workload's measurement by one peer, in one fresh process: see benchmarks.measure."""
    job = {"peer": peer, "workloads": [w.to_json() for w in workloads], "threads": threads, "seconds": seconds, **options}
    return lines_of("benchmarks.measure", job)
