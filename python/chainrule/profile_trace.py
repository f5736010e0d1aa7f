"""A profile's trace in the Trace Event Format, as JSON: for Perfetto and chrome://tracing.

Google, "Trace Event Format". Times are microseconds, with three decimals: whole nanoseconds, so that what lies within another span does
so when it is read.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.validation import Array

_PROCESS = 1


def trace(threads: Sequence[Mapping[str, Any]], labels: Sequence[tuple[str, str, str]]) -> str:
    """Return the JSON text: a row for each thread, spans on it, and counters of what was sampled."""
    events: list[dict[str, Any]] = [_named("process_name", "chainrule")]
    for number, thread in enumerate(threads):
        events.append({**_named("thread_name", thread["name"]), "tid": number})
        found = thread["events"]
        before, rows = math.nan, math.nan
        for what, begin, end, sample in zip(*(_list(found[key]) for key in ("label", "begin", "end", "sample")), strict=True):
            operation, layer, _ = labels[int(what)]
            if math.isnan(sample):
                start, stop = _nanoseconds(begin), _nanoseconds(end)
                events.append(
                    {
                        "name": f"{operation} {layer}".strip(),
                        "ph": "X",
                        "ts": start / 1000,
                        "dur": (stop - start) / 1000,
                        "pid": _PROCESS,
                        "tid": number,
                        "args": {"operation": operation, "layer": layer},
                    }
                )
            elif operation == "rows":
                if begin > before and sample > rows:  # those of another model begin anew
                    events.append(_counter("samples/s", begin, (sample - rows) / (begin - before)))
                before, rows = begin, sample
            elif math.isfinite(sample):
                events.append(_counter(operation, begin, sample))
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ns"}, allow_nan=False, separators=(",", ":"))


def _list(values: Array) -> list[float]:
    return values.tolist()  # type: ignore[no-any-return]  # one dimension


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)


def _named(kind: str, name: str) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": _PROCESS, "args": {"name": name}}


def _counter(name: str, at: float, value: float) -> dict[str, Any]:
    return {"name": name, "ph": "C", "ts": _nanoseconds(at) / 1000, "pid": _PROCESS, "args": {name: value}}
