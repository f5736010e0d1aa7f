"""A file of results that grows while a long run goes on: a run that was interrupted continues where it stopped.

The file is JSON: {"machine": {...}, "points": [{"key": {...}, "samples": [{...}, ...]}, ...]}. A sample is one measurement.
"""

import json
from pathlib import Path
from typing import Any

Key = dict[str, Any]
Sample = dict[str, Any]


class Store:
    """Samples by key, written to `path` after each `add`; `path` None keeps them in memory."""

    def __init__(self, path: Path | None, machine: dict[str, Any], fresh: bool = False) -> None:
        self.path = path
        self.machine = machine
        self._points: dict[str, tuple[Key, list[Sample]]] = {}
        if path is not None and path.exists() and not fresh:
            self._read(path)

    def samples(self, key: Key) -> list[Sample]:
        return list(self._points.get(_text(key), (key, []))[1])

    def values(self, key: Key, field: str) -> list[float]:
        """Return the samples' numbers under a name; failed ones have none."""
        return [float(sample[field]) for sample in self.samples(key) if field in sample]

    def known(self) -> list[Key]:
        """Return the keys that have samples, in the order in which they came."""
        return [key for key, _ in self._points.values()]

    def add(self, key: Key, sample: Sample) -> None:
        self._points.setdefault(_text(key), (key, []))[1].append(sample)
        self.save()

    def save(self) -> None:
        """Write a whole new file and put it in place: an interruption leaves the old one or the new one."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".tmp")
        lines = ",\n".join(json.dumps({"key": key, "samples": samples}) for key, samples in self._points.values())
        beside.write_text(f'{{"machine": {json.dumps(self.machine, indent=1)},\n"points": [\n{lines}\n]}}\n')
        beside.replace(self.path)

    def _read(self, path: Path) -> None:
        text = json.loads(path.read_text())
        before, now = (_identity(machine) for machine in (text["machine"], self.machine))
        if before != now:
            raise SystemExit(
                f"{path} holds results of another machine, another build of chainrule or other versions ({before}, here {now}): "
                "choose another --output, or --fresh to begin again"
            )
        # What was measured when the file was begun belongs to its figures.
        self.machine = text["machine"]
        for point in text["points"]:
            self._points[_text(point["key"])] = (point["key"], point["samples"])


def described_in(path: Path) -> dict[str, Any]:
    """Return the machine that a file's results belong to."""
    if not path.exists():
        raise SystemExit(f"{path}: expected results to report, found no such file")
    machine: dict[str, Any] = json.loads(path.read_text())["machine"]
    return machine


def _text(key: Key) -> str:
    return json.dumps(key, sort_keys=True)


def _identity(machine: dict[str, Any]) -> dict[str, Any]:
    return {name: machine.get(name) for name in ("cpu", "cpus", "isa", "core", "versions")}
