"""Measures one peer on some workloads, in a process of its own: reads a job from standard input (see benchmarks.process).

Prints a line of JSON for each workload: "us_per_step" (the fastest of several stretches would flatter noise, so their median),
"loss", "steps", "peak_bytes" (how far training raised the process's memory) and, of chainrule, "threads_used".
"""

import json
import math
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from .peers import make
from .workloads import Workload, make_data


def main(job: dict[str, Any]) -> None:
    for fields in job["workloads"]:
        workload = Workload.from_json(fields)
        data = make_data(workload)
        before = _start_of_peak()
        train = make(job["peer"], workload, data, job["threads"], **({"fixed": True} if job.get("fixed") else {}))
        result = {"name": workload.name, **_measure(train, workload.steps, job["seconds"])}
        if before is not None:
            result["peak_bytes"] = _memory("VmHWM") - before
        if hasattr(train, "threads_used"):
            result["threads_used"] = train.threads_used()
        print(json.dumps(result), flush=True)


def _measure(train: Any, steps: int, seconds: float) -> dict[str, float]:
    loss = math.nan

    def stretch(epochs: int) -> float:
        nonlocal loss
        start = time.perf_counter()
        loss = train(epochs)
        return time.perf_counter() - start

    # Warm up: compile, allocate, spin up the threads; then find out how many epochs make a tenth of the time.
    stretch(1)
    epochs, elapsed = 1, stretch(1)
    while elapsed < seconds / 20:
        epochs = max(epochs + 1, min(epochs * 10, math.ceil(epochs * seconds / 10 / max(elapsed, 1e-9))))
        elapsed = stretch(epochs)
    stretches = [elapsed]
    # Three at least, unless they are so long that one is as good.
    while sum(stretches) < seconds or (len(stretches) < 3 and sum(stretches) < 2 * seconds):
        stretches.append(stretch(epochs))
    us = statistics.median(stretches) / (epochs * steps) * 1e6
    return {"us_per_step": us, "loss": loss, "steps": epochs * steps * len(stretches)}


def _start_of_peak() -> int | None:
    """Let the kernel count the peak anew from here; return the memory now in bytes, or None where it cannot."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
        return _memory("VmRSS")
    except OSError:
        return None


def _memory(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status: expected {field}")


if __name__ == "__main__":
    main(json.load(sys.stdin))
