"""Profiles: what rows add up to, what they are counted by, pictures, the command line."""

import json
import os
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from profile_cases import X, Y, fit, net, read_trace

import chainrule as cr
from chainrule import cli
from chainrule.peaks import Peaks, peaks
from chainrule.profile_rows import Line, rows_of


def by_name(prof, group="operation"):
    return {row.name: row for row in prof.rows(group)}


def test_rows_of_a_fit():
    with cr.profile() as prof:
        fit(net())
    rows = by_name(prof)
    steps = 4 * 10
    # 2 m n k for each product, and nothing is counted twice.
    assert rows["matmul+add+relu"].flops == steps * 64 * 2 * 20 * 32
    assert rows["matmul+add"].flops == steps * 64 * 2 * 32 * 3
    assert rows["weight_gradient+update"].flops == steps * 64 * 2 * (20 * 32 + 32 * 3)
    assert rows["gather"].bytes == steps * 64 * 20 * 8
    assert rows["gather targets"].bytes == steps * 64 * (8 + 4)
    assert rows["matmul+add"].calls >= steps
    assert rows["Python, outside of native loops"].bound_by == "Python"
    assert all(row.seconds >= 0 and row.of_peak >= 0 for row in rows.values())


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("group", ["operation", "layer", "thread"])
def test_rows_add_up(threads, group):
    cr.set_num_threads(threads)
    try:
        with cr.profile() as prof:
            fit(net())
            net().build(20).predict(X)
    finally:
        cr.set_num_threads(0)
    assert sum(row.seconds for row in prof.rows(group)) == pytest.approx(prof.threads * prof.seconds, rel=1e-6)
    if group == "layer":
        assert {"hidden", "out"} <= set(by_name(prof, group))
    if group == "thread":
        assert len(prof.rows(group)) == prof.threads


def test_the_bits_are_those_without():
    with cr.profile():
        profiled = net()
        fit(profiled)
    plain = net()
    fit(plain)
    assert all(np.array_equal(a, b) for a, b in zip(profiled.parameters().values(), plain.parameters().values(), strict=True))


def test_peaks_by_type():
    model = cr.Sequential([cr.Dense(64)], dtype="float64")
    with cr.profile() as prof:
        model.fit(X, X @ np.ones((20, 64)), epochs=2, loss="mse", verbose=0)
    row = by_name(prof)["matmul+add"]
    peak = peaks(prof.threads)
    assert row.of_peak == pytest.approx(row.flops / row.seconds / (peak.flops_f64 / peak.threads), rel=1e-6)


@pytest.mark.parametrize(
    ("gflop", "gigabytes", "word"),
    [
        (80, 1, "compute"),
        (50, 5, "compute"),
        (10, 9, "memory"),
        (10, 13, "memory"),
        (10, 14, "cache"),
        (90, 14, "cache"),
        (101, 14, "compute"),
        (9, 0.9, "overhead"),
        (0, 0, "overhead"),
    ],
)
def test_what_bounds_a_row(gflop, gigabytes, word):
    peak = Peaks(threads=2, flops_f32=200e9, flops_f64=100e9, bytes=20e9)
    line = Line("product", "", "float32", "thread 0", 1, 1.0, gflop * 1e9, gigabytes * 1e9)
    (row,) = rows_of([line], "operation", peak)
    assert row.bound_by == word
    assert row.of_peak == pytest.approx(gflop / 100)
    (waiting,) = rows_of([line._replace(operation="barrier wait")], "operation", peak)
    assert waiting.bound_by == "waiting"


def test_callbacks_and_python():
    class Slow(cr.Callback):
        def on_epoch_end(self, epoch, logs=None):
            sum(range(100_000))

    with cr.profile() as prof:
        fit(net(), callbacks=[Slow()])
    rows = by_name(prof)
    assert rows["Python: callbacks"].calls == 4
    assert rows["Python: callbacks"].seconds > 4e-4
    assert rows["Python: callbacks"].bound_by == "Python"


def test_sparse_batchnorm_embedding_clipnorm():
    sparse = pytest.importorskip("scipy.sparse")
    dense = (X * (X > 1)).astype(np.float32)
    with cr.profile() as prof:
        fit(net(), batch_size=640, epochs=1)
        net().fit(sparse.csr_matrix(dense), Y, epochs=2, loss="cross_entropy", verbose=0)
        normalized = cr.Sequential([cr.Dense(16), cr.BatchNorm(), cr.Dense(3)])
        fit(normalized, optimizer=cr.Adam(clipnorm=1.0))
    rows = by_name(prof)
    assert rows["sparse_matmul+add+relu"].flops == 2 * 2 * np.count_nonzero(dense) * 32
    entries = 2 * np.count_nonzero(dense)
    assert rows["gather"].bytes == entries * (2 * 4 + 2 * 4) + (1 + 4) * X.size * 8
    assert {"update", "weight_gradient", "sparse_weight_gradient+update"} <= set(rows)
    assert rows["update"].bytes > 0
    assert rows["update"].flops == 0
    assert len(prof.plans) == 3


def test_compiled_function():
    f = cr.compile(lambda a, b: np.sum(np.tanh(a @ b) * 2.0))
    random = np.random.default_rng(0)
    a, b = random.normal(size=(50, 40)), random.normal(size=(40, 30))
    f(a, b)
    with cr.profile() as prof:
        for _ in range(10):
            f(a, b)
    rows = by_name(prof)
    assert rows["matmul"].calls == 10
    assert rows["matmul"].flops == 10 * 2 * 50 * 40 * 30
    assert by_name(prof, "layer")["compiled function"].calls >= 20


def test_table_and_report():
    with cr.profile() as prof:
        fit(net())
    table = prof.table().splitlines()
    assert table[0].split()[:3] == ["operation", "share", "time"]
    assert len(table) == 2 + len(prof.rows())
    most = max(row.calls for row in prof.rows())
    first = prof.table("calls").splitlines()[2].split("  ")[0]
    assert first in {row.name for row in prof.rows() if row.calls == most}
    report = str(prof)
    assert cr.info()["isa"] in report.splitlines()[0]
    assert "instruction set" in report  # the plan
    assert repr(prof).startswith("Profile(")


def test_while_it_is_taken_and_afterwards():
    model = net()
    with cr.profile() as prof:
        fit(model)
        within = by_name(prof)["matmul+add"].calls
        fit(model)
    calls = by_name(prof)["matmul+add"].calls
    assert 0 < within < calls
    again = pickle.loads(pickle.dumps(prof))
    assert by_name(again)["matmul+add"].calls == calls
    fit(model)
    assert by_name(prof)["matmul+add"].calls == calls


def test_threads_of_ones_own_and_more_than_cpus():
    def train(_):
        fit(net())

    with cr.profile() as prof, ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
        list(pool.map(train, range(8)))
    rows = prof.rows("thread")
    assert prof.threads == len(rows) > 1
    assert sum(row.seconds for row in rows) == pytest.approx(prof.threads * prof.seconds, rel=1e-6)
    assert f"rows add up to {prof.threads} times the wall time" in prof.report()
    assert by_name(prof)["matmul+add"].flops == 8 * 4 * 640 * 2 * 32 * 3


def test_threads_one_after_another_are_one_row():
    model = net().build(20)
    cr.set_num_threads(1)
    try:
        with cr.profile() as prof:
            for _ in range(50):
                thread = threading.Thread(target=model.predict, args=(X,))
                thread.start()
                thread.join()
                while Path(f"/proc/self/task/{thread.native_id}").exists():  # join does not wait for the system's thread to end
                    time.sleep(1e-4)
    finally:
        cr.set_num_threads(0)
    assert prof.threads == 2
    assert {row.name: row.calls for row in prof.rows("thread")}["thread 1"] >= 50


def test_fit_with_profile(capsys):
    history = fit(net(), profile=True)
    assert capsys.readouterr().out == ""
    assert by_name(history.profile)["matmul+add"].calls >= 40
    assert fit(net()).profile is None
    fit(net(), profile=True, verbose=2)
    assert "weight_gradient+update" in capsys.readouterr().out
    with pytest.raises(TypeError, match="fit: expected profile to be True or False"):
        fit(net(), profile="yes")


def test_errors():
    prof = cr.profile()
    for ask in (prof.rows, prof.table, lambda: prof.plot(), lambda: prof.export_chrome_trace("x.json")):
        with pytest.raises(cr.ChainruleError, match="expected a with block"):
            ask()
    assert repr(prof) == "Profile(not begun)"
    with prof:
        with pytest.raises(cr.ChainruleError, match="no other profile"), cr.profile():
            pass
        with pytest.raises(cr.ChainruleError, match="no other profile"):
            fit(net(), profile=True)
    with pytest.raises(cr.ChainruleError, match="a new one"), prof:
        pass
    with pytest.raises(ValueError, match="trace_steps"):
        cr.profile(-1)
    with pytest.raises(ValueError, match="sort"):
        prof.table("name")
    with pytest.raises(ValueError, match="group"):
        prof.table(group="colour")
    with pytest.raises(TypeError, match="take one of all"):
        cr.fit_many([net()], X, Y, loss="cross_entropy", profile=True)


def test_a_fit_that_fails():
    with cr.profile() as prof, pytest.raises(ValueError, match="batch_size"):
        fit(net(), batch_size=0)
    with cr.profile() as prof, pytest.raises(cr.TrainingDiverged):
        fit(net(), optimizer=cr.SGD(1e30))
    assert by_name(prof)["matmul+add"].calls > 0


def test_plot(tmp_path):
    pytest.importorskip("matplotlib")
    with cr.profile() as prof:
        fit(net())
    figure = prof.plot(tmp_path / "profile.png")
    roofline, bars = figure.axes
    assert (tmp_path / "profile.png").stat().st_size > 10_000
    assert roofline.get_xlabel() == "FLOP per byte"
    assert "hidden" in [label.get_text() for label in bars.get_yticklabels()]


SCRIPT = """
import sys
import numpy as np
import chainrule as cr
import helper
x = np.random.default_rng(0).normal(size=(200, 3))
cr.Sequential([cr.Dense(8, "tanh")]).fit(x, x[:, :1].repeat(8, 1), loss="mse", epochs=3, verbose=0)
print("arguments:", sys.argv[1:], helper.VALUE, __name__)
if sys.argv[1:] == ["fail"]:
    raise RuntimeError("as asked")
if sys.argv[1:] == ["leave"]:
    sys.exit(3)
if sys.argv[1:] == ["interrupt"]:
    raise KeyboardInterrupt
"""


def test_profile_command(tmp_path, capsys):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    (tmp_path / "helper.py").write_text("VALUE = 5\n")
    trace, plot = tmp_path / "trace.json", tmp_path / "plot.png"
    options = ["--group", "layer", "--trace", str(trace), "--plot", str(plot)]
    run = subprocess.run(
        [sys.executable, "-m", "chainrule", "profile", *options, str(script), "--one", "2"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "arguments: ['--one', '2'] 5 __main__" in run.stdout
    assert "wall time" in run.stdout
    assert "instruction set" in run.stdout
    read_trace(trace)
    assert plot.stat().st_size > 10_000
    assert cli.main(["profile", str(script), "fail"]) == 1
    out = capsys.readouterr()
    assert "as asked" in out.err
    assert "wall time" in out.out
    assert cli.main(["profile", str(script), "leave"]) == 3
    assert cli.main(["profile", str(script), "interrupt"]) == 130
    assert cli.main(["profile", str(tmp_path / "none.py")]) == 1
    assert "none.py" in capsys.readouterr().err


def test_info_measured(capsys):
    info = cr.info(measure=True)
    assert "GFLOP/s float32" in info["peak_1"][0]
    assert info["openmp_library"]
    assert "-ffp-contract=off" in info["flags"]
    json.dumps(dict(info))
    assert cli.main(["info", "--measure", "--json"]) == 0
    assert "GB/s" in json.loads(capsys.readouterr().out)["peak_1"][2]
