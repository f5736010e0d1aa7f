"""Measurements in processes of their own, with their CPUs bound and their threads set before Python starts."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.workloads import Workload

ROOT = Path(__file__).parents[1]
# A measurement that takes longer has failed: the longest, of the widest net, takes about a minute.
TIMEOUT = 900


def cpus() -> int:
    """Return how many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def binding(count: int) -> Callable[[], None] | None:
    """Return what binds a child to the first CPUs, the one limit that every library obeys; None where the system has no such call."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    first = sorted(os.sched_getaffinity(0))[:count]
    return lambda: os.sched_setaffinity(0, first)


def lines_of(module: str, job: dict[str, Any], timeout: float = TIMEOUT) -> Iterator[dict[str, Any]]:
    """Run `python -m module` on the job's CPUs; it reads the job from standard input. Return the lines of JSON that it prints.

    A run that fails ends with {"error": the last line of its standard error}.
    """
    command = [sys.executable, "-m", module]
    threads = str(job["threads"])
    # From the outside: NumPy and OpenMP read their limits when they are loaded, which an import far away may already do.
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
    try:
        run = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd=ROOT,
            input=json.dumps(job),
            timeout=timeout,
            env={**os.environ, **limits},
            preexec_fn=binding(job.get("cpus", job["threads"])),
        )
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
