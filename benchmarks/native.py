"""The native program chainrule_bench: where it is, and its results."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from .process import ROOT, binding

BUILD = "cmake --preset bench && cmake --build --preset bench --target chainrule_bench"


def program() -> Path:
    """Return the program: CHAINRULE_BENCH in the environment, or where the preset `bench` builds it."""
    path = Path(os.environ.get("CHAINRULE_BENCH", ROOT / "build" / "bench" / "chainrule_bench"))
    if not path.exists():
        raise FileNotFoundError(f"{path}: expected the native benchmarks; build them with: {BUILD}")
    return path


def results(mode: str, *options: str, cpus: int | None = None) -> tuple[str, list[dict[str, Any]]]:
    """Run a mode of the program, on so many CPUs only where given; return the instruction set and the results."""
    command = [str(program()), mode, *options]
    bind = None if cpus is None else binding(cpus)
    run = subprocess.run(command, check=False, capture_output=True, text=True, preexec_fn=bind)
    if run.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {run.stderr.strip()}")
    report = json.loads(run.stdout)
    return report["isa"], report["results"]
