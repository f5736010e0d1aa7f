"""What the tests of profiles train (two layers, 640 rows of 20 columns, 10 steps of 64 rows an epoch), and how they read a trace."""

import json
from pathlib import Path

import numpy as np

import chainrule as cr

RNG = np.random.default_rng(0)
X = RNG.normal(size=(640, 20)).astype(np.float32)
Y = RNG.integers(0, 3, 640)


def net(**options):
    return cr.Sequential([cr.Dense(32, "relu", name="hidden"), cr.Dense(3, name="out")], seed=1, **options)


def fit(model, **options):
    return model.fit(X, Y, **{"epochs": 4, "batch_size": 64, "loss": "cross_entropy", "verbose": 0, **options})


def read_trace(path):
    """The trace, by the rules that Perfetto's importer has: JSON, known phases, whole nanoseconds, spans that nest."""
    spans, counters, names = {}, {}, {}
    for event in json.loads(Path(path).read_text())["traceEvents"]:
        assert event["ph"] in ("X", "C", "M")
        assert isinstance(event["pid"], int)
        if event["ph"] == "M":
            names[event["name"], event.get("tid")] = event["args"]["name"]
            continue
        assert event["ts"] >= 0
        if event["ph"] == "C":
            counters.setdefault(event["name"], []).append((event["ts"], *event["args"].values()))
        else:
            begin, end = round(event["ts"] * 1000), round((event["ts"] + event["dur"]) * 1000)
            assert abs(event["ts"] * 1000 - begin) < 1e-3
            assert end >= begin
            spans.setdefault(event["tid"], []).append((begin, end, event["name"]))
    for of_thread in spans.values():
        stack = []
        for begin, end, _ in sorted(of_thread, key=lambda span: (span[0], -span[1])):
            while stack and stack[-1] <= begin:
                stack.pop()
            assert not stack or end <= stack[-1]
            stack.append(end)
    return spans, counters, names
