"""What figures belong to: the machine, its peaks as measured beside them, and the versions of everything."""

import hashlib
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import native
from .peers import NEEDS
from .process import ROOT, cpus

# What an idle desktop or the run's own preparations leave behind.
QUIET = 0.5
LOUD = " (NOT a quiet machine: these figures are no more than a look)"
DISTRIBUTIONS = {"sklearn": "scikit-learn", "jax": "jaxlib"}


def describe(peers: Sequence[str], quick: bool = False, needs: Mapping[str, str] = NEEDS) -> dict[str, Any]:
    """Describe this machine and measure its peaks; `needs` has the package of each peer."""
    import chainrule._core
    from chainrule.info import caches

    info = dict(chainrule.info())
    packages = sorted({"numpy", *(DISTRIBUTIONS.get(needs[peer], needs[peer]) for peer in peers)})
    return {
        "cpu": str(info["cpu"]),
        "cpus": cpus(),
        "isa": str(info["isa"]),
        "caches": ", ".join(caches()) or "unknown",
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "compiler": str(info["compiler"]),
        "commit": _commit(),
        "core": hashlib.sha256(Path(chainrule._core.__file__).read_bytes()).hexdigest()[:12],
        "load": os.getloadavg()[0],
        "versions": {package: importlib.metadata.version(package) for package in packages},
        "blas": _blas(),
        "peaks": peaks(quick),
    }


def peaks(quick: bool = False) -> dict[str, Any] | None:
    """Measure the peak of multiply-adds, bandwidths, and the cost of waiting, for 1 thread up to all CPUs.

    "gflops": {dtype: {threads: GFLOP/s}}, "triad" and "exchange": {threads: [[bytes, GB/s], ...]}, "barrier_ns" and "region_ns":
    {threads: ns}.
    """
    try:
        isa, rows = native.results(
            "machine",
            "--threads",
            ",".join(map(str, thread_counts())),
            "--dtypes",
            "f32,f64",
            "--seconds",
            "0.05" if quick else "0.5",
        )
    except FileNotFoundError:
        return _own_peaks(0.05 if quick else 0.3)
    return {"isa": isa, **_sorted(rows)}


def _own_peaks(seconds: float) -> dict[str, Any]:
    """Measure with the package itself what it can: arithmetic and memory."""
    import chainrule
    from chainrule.peaks import TRIAD_BYTES, measured

    found: dict[str, Any] = {"gflops": {"f32": {}, "f64": {}}, "triad": {}, "exchange": {}, "barrier_ns": {}, "region_ns": {}}
    for threads in thread_counts():
        peak = measured(threads, seconds)
        found["gflops"]["f32"][str(threads)] = peak.flops_f32 / 1e9
        found["gflops"]["f64"][str(threads)] = peak.flops_f64 / 1e9
        found["triad"][str(threads)] = [[TRIAD_BYTES, peak.bytes / 1e9]]
    return {"isa": str(chainrule.info()["isa"]), **found}


def team(threads: int) -> dict[str, Any]:
    """Measure what `threads` threads pay for one another now: "exchange", "barrier_ns" and "region_ns" as in `peaks`."""
    found = _sorted(native.results("team", "--threads", str(threads), "--seconds", "0.01")[1])
    return {name: found[name] for name in ("exchange", "barrier_ns", "region_ns")}


def updates(quick: bool = False) -> dict[str, Any]:
    """Measure what the update of a parameter costs: {"sgd" or "adam": {threads: [[bytes of parameters and state, ns], ...]}}."""
    threads = ",".join(map(str, thread_counts()))
    found: dict[str, Any] = {}
    for row in native.results("update", "--threads", threads, "--seconds", "0.02" if quick else "0.2")[1]:
        rates = found.setdefault(row["measure"], {}).setdefault(str(row["threads"]), [])
        rates.append([row["bytes"], row["least"] / row["work"] * 1e9])
    return found


def _sorted(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {"gflops": {}, "triad": {}, "exchange": {}, "barrier_ns": {}, "region_ns": {}}
    for row in rows:
        threads = str(row["threads"])
        if row["measure"] == "fma":
            found["gflops"].setdefault(row["dtype"], {})[threads] = _gflops(row)
        elif row["measure"] in ("triad", "exchange"):
            found[row["measure"]].setdefault(threads, []).append([row["bytes"], row["work"] / row["seconds"] / 1e9])
        else:
            found[row["measure"] + "_ns"][threads] = row["seconds"] / row["work"] * 1e9
    return found


def raise_peak(machine: dict[str, Any]) -> None:
    """Measure the peaks of multiply-adds again and keep the higher ones: clocks rise and fall while a long run goes on."""
    if machine["peaks"] is None:
        return
    threads = ",".join(map(str, thread_counts()))
    try:
        rows = native.results("peak", "--threads", threads, "--dtypes", "f32,f64", "--seconds", "0.1")[1]
        found = [(row["dtype"], str(row["threads"]), _gflops(row)) for row in rows]
    except FileNotFoundError:
        of_types = _own_peaks(0.1)["gflops"]
        found = [(dtype, count, gflops) for dtype, of_type in of_types.items() for count, gflops in of_type.items()]
    for dtype, count, gflops in found:
        known = machine["peaks"]["gflops"][dtype]
        known[count] = max(known[count], gflops)


def _gflops(row: dict[str, Any]) -> float:
    """Of the fastest stretch: a peak is what the machine can do, and nothing but disturbance makes it less."""
    return float(row["work"]) / float(row["least"]) / 1e9


def thread_counts() -> list[int]:
    """Return 1, 2, 4, ... and all CPUs."""
    counts = [1]
    while counts[-1] * 2 < cpus():
        counts.append(counts[-1] * 2)
    return counts if cpus() == 1 else [*counts, cpus()]


def peak_gflops(machine: dict[str, Any], threads: int, dtype: str = "f32") -> float | None:
    found = (machine.get("peaks") or {}).get("gflops", {}).get(dtype, {}).get(str(threads))
    return None if found is None else float(found)


def text(machine: dict[str, Any]) -> str:
    """The machine in a Markdown list, as it stands above the tables."""
    versions = ", ".join(f"{package} {version}" for package, version in machine["versions"].items())
    lines = [
        f"* Processor: {machine['cpu']}, {machine['cpus']} CPUs, {machine['isa']}; caches: {machine['caches']}; "
        f"{machine['memory_gib']} GiB; governor: {machine['governor'] or 'not visible'}",
        f"* System: {machine['system']}; compiler {machine['compiler']}; Python {machine['python']}; "
        f"commit {machine['commit'] or 'unknown'}, module {machine['core']}",
        f"* Versions: {versions}; BLAS: {'; '.join(machine['blas']) or 'unknown'}",
        f"* Load before the run: {machine['load']:.2f}" + (LOUD if machine["load"] > QUIET else ""),
    ]
    if machine["peaks"]:
        measured = machine["peaks"]
        for threads, gflops in measured["gflops"]["f32"].items():
            lines.append(
                f"* Measured, {threads} thread{'s' if threads != '1' else ''}: {gflops:.0f} GFLOP/s float32, "
                f"{measured['gflops']['f64'][threads]:.0f} float64; memory {measured['triad'][threads][-1][1]:.1f} GB/s (triad)"
                + _waiting(measured, threads)
            )
    return "\n".join(lines)


def _waiting(measured: Mapping[str, Any], threads: str) -> str:
    if threads not in measured["barrier_ns"]:
        return ""
    return f"; barrier {measured['barrier_ns'][threads]:.0f} ns, parallel region {measured['region_ns'][threads]:.0f} ns"


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _commit() -> str:
    try:
        run = subprocess.run(["git", "describe", "--always", "--dirty"], check=False, capture_output=True, text=True, cwd=ROOT)
    except OSError:
        return ""
    return run.stdout.strip()


def _blas() -> list[str]:
    """The libraries behind NumPy, and with them the kernels that they chose for this processor."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return [f"{lib['internal_api']} {lib['version']} ({lib.get('architecture', 'unknown')} kernels)" for lib in libraries]
