#!/usr/bin/env python3
"""The same bits everywhere: trains 25 shapes of nets in float32 and float64 (tests/cpp/training_hash.cpp) and compares the hashes.

Compared are all instruction sets of this machine, vectors of 4, 8 and 16 lanes, numbers of threads, both schedules, -O2 and -O3,
aarch64 (NEON and portable code) under qemu-aarch64-static, and an x86-64 processor without AVX (qemu-x86_64-static -cpu Nehalem),
where code that needs AVX would end in an illegal instruction. Builds what it runs, with the presets dev, o3 and aarch64.

Usage: isa_campaign.py [--full] [--builds FOLDER]     default: 3 steps, 1 and 3 threads; half a minute and the builds
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
AARCH64 = ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"]
NEHALEM = ["qemu-x86_64-static", "-cpu", "Nehalem"]
# Emulating the exact fma of a processor without fma, itself emulated: 4 s a step.
NEHALEM_STEPS = 20


class Run(NamedTuple):
    where: str
    command: list[str]
    kernels: str  # an instruction set's name, or a vehicle's
    is_vehicle: bool = False
    threads: int = 1
    steps: int = 3
    schedule: str = "rows"

    def start(self) -> subprocess.CompletedProcess[str]:
        command = [*self.command, "--threads", str(self.threads), "--steps", str(self.steps), "--schedule", self.schedule]
        if self.is_vehicle:
            command += ["--vehicle", self.kernels]
        environment = {**os.environ, "CHAINRULE_ISA": "" if self.is_vehicle else self.kernels}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def build(builds: Path, preset: str) -> str:
    """The path of training_hash, built."""
    folder = builds / preset
    if not (folder / "CMakeCache.txt").exists():
        subprocess.run(["cmake", "--preset", preset, "-B", folder], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", "2")
    command = ["cmake", "--build", str(folder), "--target", "training_hash", "-j", jobs]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return str(folder / "training_hash")


def tables(command: list[str]) -> list[tuple[str, bool]]:
    """Each table of kernels that runs there: its name, and whether it is a vehicle."""
    listing = subprocess.run([*command, "--list"], check=True, capture_output=True, text=True).stdout
    return [(name, kind == "vehicle") for kind, name in map(str.split, listing.splitlines())]


def all_runs(builds: Path, threads: list[int], steps: int) -> list[Run]:
    programs = {preset: [build(builds, preset)] for preset in ("dev", "o3", "aarch64")}
    programs["aarch64"] = AARCH64 + programs["aarch64"]
    runs = []
    for preset, command in programs.items():
        for kernels, is_vehicle in tables(command):
            runs += [
                Run(preset, command, kernels, is_vehicle, count, steps, schedule)
                for schedule in ("rows", "columns")
                for count in threads
            ]
    runs.append(Run("Nehalem", NEHALEM + programs["dev"], "baseline", steps=min(steps, NEHALEM_STEPS)))
    return runs


def compare(runs: list[Run]) -> int:
    """Runs all; the number of those that differ from the first with as many steps."""
    expected: dict[int, str] = {}
    failures = 0
    for run in runs:
        begin = time.monotonic()
        if run.steps not in expected:
            expected[run.steps] = runs[0]._replace(steps=run.steps).start().stdout
        result = run.start()
        lines, wanted = result.stdout.splitlines(), expected[run.steps].splitlines()
        verdict = f"{len(lines)} equal"
        named = result.stderr == f"tables: {run.kernels}\n"
        if result.returncode != 0 or not named or not lines or lines != wanted:
            failures += 1
            difference = [f"{got}\n    expected {line}" for got, line in zip(lines, wanted, strict=False) if got != line][:3]
            verdict = "\n    ".join(["FAILED", f"exit status {result.returncode}, {len(lines)} lines", *difference, result.stderr])
        what = f"{run.where} {run.kernels}, {run.threads} threads by {run.schedule}, {run.steps} steps"
        print(f"{time.monotonic() - begin:6.1f} s  {what}: {verdict}", flush=True)
    return failures


def check_nehalem(program: str) -> int:
    """The processor without AVX: it has none, the baseline is chosen there, and to force another set is an error, not a crash."""
    failures = 0

    def expect(condition: bool, what: str) -> None:
        nonlocal failures
        failures += not condition
        print(f"          Nehalem: {what}: {'yes' if condition else 'FAILED'}")

    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder) / "probe"
        source = 'int main() { asm volatile("vxorps %ymm0, %ymm0, %ymm0"); }'
        subprocess.run(["g++", "-x", "c++", "-", "-o", probe], input=source, text=True, check=True)
        native = subprocess.run([probe], check=False).returncode
        emulated = subprocess.run([*NEHALEM, probe], check=False, capture_output=True).returncode
        expect(emulated != 0 and native in (0, -4), "an AVX instruction is illegal there")
    expect(tables([*NEHALEM, program]) == [("baseline", False)], "the baseline is all there is")
    for isa in ("avx2", "avx512"):
        result = Run("Nehalem", [*NEHALEM, program], isa).start()
        expect(result.returncode == 2 and "expected one of baseline" in result.stderr, f"CHAINRULE_ISA={isa} is an error")
    return failures


def main() -> int:
    parser = argparse.ArgumentParser(description="compares the bits of trained nets between builds, processors and threads")
    parser.add_argument("--full", action="store_true", help="200 steps and 1, 2, 3, 4 and 7 threads; about ten minutes")
    parser.add_argument("--builds", type=Path, default=ROOT / "build", help="where the presets' build folders are, or are made")
    options = parser.parse_args()
    threads, steps = ([1, 2, 3, 4, 7], 200) if options.full else ([1, 3], 3)
    runs = all_runs(options.builds.resolve(), threads, steps)
    failures = compare(runs) + check_nehalem(runs[0].command[0])
    print(f"{len(runs)} runs compared, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
