"""Traces of profiles, by Perfetto's rules."""

import json
import math

import numpy as np
import pytest
from profile_cases import X, Y, fit, net, read_trace

import chainrule as cr
from chainrule.profile_trace import trace

NAME = "ünüsual_層_ª"


def test_trace(tmp_path):
    path = tmp_path / "trace.json"
    model = cr.Sequential([cr.Dense(32, "relu", name=NAME), cr.Dense(3)])
    cr.set_num_threads(2)
    try:
        with cr.profile(trace_steps=5) as prof:
            fit(model, epochs=20)
            seconds = prof.seconds
    finally:
        cr.set_num_threads(0)
    prof.export_chrome_trace(path)
    spans, counters, names = read_trace(path)
    assert names["process_name", None] == "chainrule"
    assert names["thread_name", 0] == "thread 0"
    assert any(NAME in name for _, _, name in spans[0])
    products = [name for _, _, name in spans[0] if name.startswith("matmul+add+relu")]
    assert len(products) == 10  # of 200 steps
    assert max(end for _, end, _ in spans[0]) <= prof.seconds * 1e9 + 1
    assert 2 * 5 - 1 <= len(counters["loss"]) <= 2 * 5 + 1
    assert all(0 < rate < 1e10 for _, rate in counters["samples/s"])
    assert seconds <= prof.seconds


def test_samples_in_a_second_are_right_across_what_a_trace_leaves_out():
    at, rows = [0.0, 0.001, 5.0, 5.001], [64.0, 128.0, 320_064.0, 320_128.0]
    events = {"label": [0] * 4, "begin": at, "end": at, "sample": rows}
    thread = {"name": "thread 0", "events": {key: np.array(values) for key, values in events.items()}}
    found = [event for event in json.loads(trace([thread], [("rows", "", "")]))["traceEvents"] if event["ph"] == "C"]
    assert [event["args"]["samples/s"] for event in found] == pytest.approx([64_000.0] * 3)


def test_any_name_is_json(tmp_path):
    name = 'a "layer" \\ of\nmany </script> \u2028 words'
    events = {"label": [0, 0], "begin": [0.0, 1e-6], "end": [1e-5, 2e-6], "sample": [math.nan, math.nan]}
    thread = {"name": name, "events": {key: np.array(values) for key, values in events.items()}}
    (tmp_path / "trace.json").write_text(trace([thread], [(name, name, "float32")]))
    spans, _, names = read_trace(tmp_path / "trace.json")
    assert [span[2] for span in spans[0]] == [f"{name} {name}"] * 2
    assert names["thread_name", 0] == name


def test_traces_are_bounded(tmp_path):
    sizes = []
    for epochs in (10, 200):
        with cr.profile(trace_steps=3) as prof:
            fit(net(), epochs=epochs)
        prof.export_chrome_trace(tmp_path / "trace.json")
        sizes.append((tmp_path / "trace.json").stat().st_size)
    assert sizes[1] < 1.2 * sizes[0]
    with cr.profile(trace_steps=0) as prof:
        fit(net())
    prof.export_chrome_trace(tmp_path / "trace.json")
    assert read_trace(tmp_path / "trace.json")[0] == {}


@pytest.mark.parametrize(("call", "span"), [("evaluate", "evaluation"), ("predict", "prediction")])
def test_traces_keep_the_first_calls_and_the_last(tmp_path, call, span):
    model = net().build(20)
    arguments = {"evaluate": {"x": X, "y": Y, "loss": "cross_entropy"}, "predict": {"x": X}}[call]
    cr.set_num_threads(1)
    try:
        with cr.profile(trace_steps=2) as prof:
            for _ in range(15):
                getattr(model, call)(**arguments)
            middle = prof.seconds * 1e9
            for _ in range(15):
                getattr(model, call)(**arguments)
    finally:
        cr.set_num_threads(0)
    prof.export_chrome_trace(tmp_path / "trace.json")
    (of_thread,) = read_trace(tmp_path / "trace.json")[0].values()
    begins = sorted(begin for begin, _, name in of_thread if name == span)
    assert len(begins) == 4
    assert begins[1] < middle < begins[2]


def test_diverged_trace_is_json(tmp_path):
    with cr.profile() as prof, pytest.raises(cr.TrainingDiverged):
        fit(net(), optimizer=cr.SGD(1e30))
    prof.export_chrome_trace(tmp_path / "trace.json")
    read_trace(tmp_path / "trace.json")
