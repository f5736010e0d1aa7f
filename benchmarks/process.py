"""Measurements in processes of their own, with their CPUs bound and their threads set before Python starts."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .workloads import Workload

ROOT = Path(__file__).parents[1]
# A process that takes longer has failed: the longest, of the widest nets, takes about two minutes.
TIMEOUT = 900
# The same files are `benchmarks` in the repository and `chainrule.benchmarks` where the package is installed.
IN_REPOSITORY = __package__ == "benchmarks"
COMPILED = ROOT / "build" / "compiled" if IN_REPOSITORY else Path(tempfile.gettempdir()) / f"chainrule-compiled-{os.getuid()}"


def cpus() -> int:
    """Return how many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def binding(count: int) -> Callable[[], None] | None:
    """Return what binds a child to the first CPUs, the one limit that every library obeys; None where the system has no such call."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    first = sorted(os.sched_getaffinity(0))[:count]
    return lambda: os.sched_setaffinity(0, first)


def caches(threads: int) -> dict[str, str]:
    """Return where PyTorch and JAX keep what they compiled for the next process: a net is compiled once and not in each round.

    Apart by number of threads, which is in the code that they make. PyTorch compiles in the process itself: its pool of compilers
    takes longer to start than these nets to compile.
    """
    return {
        "JAX_COMPILATION_CACHE_DIR": str(COMPILED / f"jax-{threads}"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "TORCHINDUCTOR_CACHE_DIR": str(COMPILED / f"torch-{threads}"),
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
    }


def lines_of(
    module: str, job: dict[str, Any], timeout: float = TIMEOUT, environment: Mapping[str, str] | None = None
) -> Iterator[dict[str, Any]]:
    """Run a module of this package on the job's CPUs; it reads the job from standard input. Return the lines of JSON that it prints.

    A run that fails ends with {"error": the last line of its standard error}.
    """
    command = [sys.executable, "-m", f"{__package__}.{module}"]
    threads = str(job["threads"])
    # From the outside: NumPy and OpenMP read their limits when they are loaded, which an import far away may already do.
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
    with tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ROOT if IN_REPOSITORY else None,
            env={**os.environ, **limits, **caches(job["threads"]), **(environment or {})},
            preexec_fn=binding(job.get("cpus", job["threads"])),
        )
        assert child.stdin is not None
        assert child.stdout is not None
        timer = threading.Timer(timeout, child.kill)
        timer.start()
        try:
            # A child that could not even start has closed its end: its standard error says why.
            with suppress(BrokenPipeError), child.stdin:
                child.stdin.write(json.dumps(job))
            # One by one as they come: whoever stops here has what was measured so far.
            for line in child.stdout:
                if line.startswith("{"):
                    yield json.loads(line)
            status = child.wait()
        finally:
            timer.cancel()
            child.kill()
            child.wait()
            child.stdout.close()
        if status != 0:
            errors.seek(0)
            last = (errors.read().strip().splitlines() or [f"exit status {status}"])[-1]
            yield {"error": f"killed, after {timeout:.0f} s or for want of memory" if status == -signal.SIGKILL else last}


def fit(
    peer: str,
    workloads: Iterable[Workload],
    threads: int,
    seconds: float,
    environment: Mapping[str, str] | None = None,
    **options: Any,
) -> Iterator[dict[str, Any]]:
    """Return each workload's measurement by one peer, in one fresh process: see benchmarks.measure."""
    job = {"peer": peer, "workloads": [w.to_json() for w in workloads], "threads": threads, "seconds": seconds, **options}
    return lines_of("measure", job, environment=environment)
