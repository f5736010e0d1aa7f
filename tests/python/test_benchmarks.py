"""The benchmarks' own arithmetic on made-up figures, and one small run of each part that needs no other library. No test asks how
fast anything is.
"""

import json
import sys
from pathlib import Path

import pytest

import chainrule as cr

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks import (  # noqa: E402
    bench,
    compare,
    derivatives,
    elementary,
    growth_model,
    growth_report,
    many,
    padding,
    process,
    progress,
    rounds,
    run,
    shared_report,
    sweep,
    sweep_report,
)
from benchmarks.peers import chainrule_peer  # noqa: E402
from benchmarks.shared_report import Situation  # noqa: E402
from benchmarks.store import Store  # noqa: E402
from benchmarks.summary import Summary, digits  # noqa: E402
from benchmarks.table import markdown  # noqa: E402
from benchmarks.workloads import WORKLOADS, Workload, family, make_data  # noqa: E402

MACHINE = {
    "cpu": "made up",
    "cpus": 2,
    "isa": "avx2",
    "caches": "L1 32K",
    "memory_gib": 1.0,
    "governor": "",
    "system": "none",
    "python": "3",
    "compiler": "12",
    "commit": "",
    "core": "0123",
    "load": 0.0,
    "versions": {"chainrule": "0"},
    "blas": [],
    "peaks": {
        "isa": "avx2",
        "gflops": {"f32": {"1": 100.0, "2": 180.0}, "f64": {"1": 50.0, "2": 90.0}},
        "triad": {"1": [[1024, 200.0], [1 << 20, 100.0], [1 << 28, 20.0]], "2": [[1024, 300.0], [1 << 20, 180.0], [1 << 28, 25.0]]},
        "exchange": {"2": [[1 << 15, 20.0], [1 << 20, 40.0], [1 << 25, 10.0]]},
        "update": {kind: {"1": [[1 << 15, 0.1], [1 << 20, 0.1], [1 << 28, 0.5]]} for kind in ("sgd", "adam")},
        "barrier_ns": {"1": 0.0, "2": 100.0},
        "region_ns": {"1": 10.0, "2": 700.0},
    },
}


def test_a_summary_is_the_median_between_the_extremes() -> None:
    s = Summary.of([3.0, 1.0, 2.0, 10.0])
    assert (s.median, s.least, s.most, s.spread) == (2.5, 1.0, 10.0, 3.6)
    assert str(s.scaled(2)) == "5 (2 to 20)"
    with pytest.raises(ValueError, match="expected one number or more, got none"):
        Summary.of([])


def test_numbers_have_three_digits_and_no_exponent() -> None:
    assert [digits(x) for x in (0.012345, 1.2345, 999.4, 541088.4)] == ["0.0123", "1.23", "999", "541088"]


def test_a_table_is_markdown() -> None:
    assert markdown(["net", "us"], [["xor", "1"]]) == "| net | us |\n|---|--:|\n| xor | 1 |"


def test_padded_work_counts_whole_panels_of_the_results() -> None:
    assert [padding.padded(n) for n in (1, 16, 17, 4096)] == [16, 16, 32, 4096]
    net = Workload("net", (10, 17, 3), "relu", "mse", "sgd", 4, 1)
    # Forward and weight gradient of both layers, and the second layer's input gradient, whose result has 17 columns.
    assert padding.padded_flops(net) == 2 * 4 * (2 * 10 * 32 + 2 * 17 * 16 + 3 * 32)
    full = family(64, 2, 8)
    assert padding.padded_flops(full) >= full.flops


def test_a_jump_is_what_exceeds_the_change_in_padded_work() -> None:
    # 16 to 17 doubles the padded work: twice the time is no jump, three times is one of 50 %.
    assert padding.jump(16, 17, 1.0, 2.0, 1.0, 2.0).excess == pytest.approx(0.0)
    assert padding.jump(16, 17, 1.0, 3.0, 1.0, 2.0).excess == pytest.approx(0.5)
    # Cheaper than the padded work is welcome; a narrower net that takes longer is not.
    assert not padding.jump(16, 17, 1.0, 1.1, 1.0, 2.0).too_far
    assert padding.jump(45, 46, 2.0, 1.0, 1.0, 1.0).excess == pytest.approx(1.0)
    assert [(j.a, j.b) for j in padding.jumps({45: (1, 1), 46: (1, 1), 48: (9, 1), 49: (9, 1)})] == [(45, 46), (48, 49)]
    with pytest.raises(ValueError, match="expected the narrower width first"):
        padding.jump(17, 16, 1, 1, 1, 1)


def test_a_store_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "results.json"
    store = Store(path, MACHINE)
    store.add({"peer": "chainrule", "threads": 1}, {"us_per_step": 2.0})
    store.add({"threads": 1, "peer": "chainrule"}, {"us_per_step": 4.0})
    store.add({"peer": "torch", "threads": 1}, {"error": "not there"})
    again = Store(path, {**MACHINE, "load": 9.0})
    assert again.values({"peer": "chainrule", "threads": 1}, "us_per_step") == [2.0, 4.0]
    assert again.values({"peer": "torch", "threads": 1}, "us_per_step") == []
    assert again.machine["load"] == 0.0
    assert json.loads(path.read_text())["machine"]["cpu"] == "made up"
    assert list(path.parent.iterdir()) == [path]
    assert Store(path, MACHINE, fresh=True).known() == []
    with pytest.raises(SystemExit, match="another machine"):
        Store(path, {**MACHINE, "cpu": "another"})


def test_only_what_is_missing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int, list[str]]] = []

    def fit(peer: str, workloads: list[Workload], threads: int, seconds: float) -> list[dict[str, object]]:
        asked.append((peer, threads, [w.name for w in workloads]))
        done = [{"name": w.name, "us_per_step": 1.0} for w in workloads if w.name != "w3-d1-b1"]
        return [*done, {"error": "too narrow"}] if len(done) < len(workloads) else done

    monkeypatch.setattr(process, "fit", fit)
    store = Store(None, {**MACHINE, "peaks": None})
    nets = [family(width, 1, 1) for width in (2, 3)]
    store.add(rounds.key_of(nets[0], 1, "numpy"), {"us_per_step": 7.0})
    rounds.Plan([nets], ["chainrule", "numpy"], [1], 2, 0.1).run(store)
    first, second = ["w2-d1-b1", "w3-d1-b1"], ["w2-d1-b1"]
    # A net that failed is not tried again; NumPy's first was there.
    assert asked == [("chainrule", 1, first), ("numpy", 1, first[1:]), ("chainrule", 1, second), ("numpy", 1, second)]
    assert store.values(rounds.key_of(nets[0], 1, "numpy"), "us_per_step") == [7.0, 1.0]


def test_a_peer_that_cannot_be_the_best_is_measured_once() -> None:
    store = Store(None, MACHINE)
    net = family(8, 1, 1)
    plan = rounds.Plan([[net]], ["chainrule", "numpy", "torch", "jax", "sklearn"], [1], 3, 0.1, keep=2.0)
    assert {job.peer for job in plan.jobs(store, 0)} == set(plan.peers)
    before = plan.duration(store)
    for peer, us in {"chainrule": 1.0, "numpy": 12.0, "torch": 21.0, "jax": 10.0}.items():
        store.add(rounds.key_of(net, 1, peer), {"us_per_step": us})
    store.add(rounds.key_of(net, 1, "sklearn"), {"error": "not there"})
    # Twice as long as the best peer: chainrule, which is measured always, does not count.
    assert [job.peer for job in plan.jobs(store, 1)] == ["chainrule", "numpy", "jax"]
    assert 0 < plan.duration(store) < before
    assert [job.peer for job in rounds.Plan(plan.groups, plan.peers, [1], 3, 0.1).jobs(store, 1)] == [
        "chainrule",
        "numpy",
        "torch",
        "jax",
    ]


def test_progress_is_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress(100.0) as bar:
        bar.begin("one net")
        bar.end(40.0)
        bar.expect(20.0)
        bar.begin("another")
    lines = capsys.readouterr().err.splitlines()
    assert "about 1:40" in lines[0]
    assert lines[1:] == ["[0:00 of about 1:40] one net", "[0:00 of about 1:00] another"]


def test_a_net_on_two_lines_of_the_sweep_is_measured_once() -> None:
    lines = sweep.points(sweep.SLICES, quick=False)
    measured = [workload for group in sweep.groups_of(lines) for workload in group]
    assert len(measured) == len(set(measured)) == len({w.name for w in measured})
    assert set(measured) == {workload for line in lines.values() for workload in line}
    assert {1, 4096} <= {w.widths[1] for w in measured}
    assert {1, 4096} <= {w.batch for w in measured}
    assert {len(w.widths) - 2 for w in measured} == set(range(1, 11))


def test_the_sweep_names_slow_points_jumps_and_harmful_threads() -> None:
    store = Store(None, MACHINE)
    lines = {"width, 2 layers, batch 8": [family(45, 2, 8), family(46, 2, 8)]}
    times = {
        (45, "chainrule", 1): 10,
        (46, "chainrule", 1): 20,
        (45, "numpy", 1): 30,
        (46, "numpy", 1): 15,
        (45, "chainrule", 2): 12,
    }
    for (width, peer, threads), us in times.items():
        store.add(rounds.key_of(family(width, 2, 8), threads, peer), {"us_per_step": float(us)})
    store.add(rounds.key_of(family(46, 2, 8), 1, "jax"), {"error": "no memory"})
    assert len(sweep_report.slower_points(store, lines, [1, 2])) == 1
    assert "45 to 46" in sweep_report.wide_jumps(store, lines, [1, 2])[0]
    assert "1 to 2 threads" in sweep_report.harmful_threads(store, lines, [1, 2])[0]
    assert "no memory" in sweep_report.failures(store)[0]
    text = sweep_report.report(store, lines, [1, 2])
    assert "0.75 (numpy)" in text
    assert "slower than the best peer: 1." in text


def test_the_model_finds_the_constants_of_made_up_times() -> None:
    rates = growth_model.Rates(MACHINE["peaks"])
    nets = [family(width, depth, batch) for width in (8, 64, 300, 1000) for depth in (1, 3, 8) for batch in (1, 30, 500)]
    truth = dict.fromkeys(growth_model.time_terms(nets[0], 1, rates), 0.0)
    truth |= {"products": 1.2, "update": 1.5, "stalls": 2.0, "calls, ns": 20.0, "waiting": 3.0, "step, ns": 150.0}
    terms = [growth_model.time_terms(net, threads, rates) for net in nets for threads in (1, 2)]
    measured = [growth_model.predict(truth, term) for term in terms]
    constants = growth_model.fit(terms, measured)
    predicted = [growth_model.predict(constants, term) for term in terms]
    assert growth_model.within(predicted, measured, 1e-6) == 1.0
    assert constants["products"] == pytest.approx(1.2, rel=1e-3)
    assert constants["waiting"] == pytest.approx(3.0, rel=1e-3)
    assert growth_model.within([1.0, 1.3], [1.0, 1.0]) == 0.5
    with pytest.raises(ValueError, match="as many terms as measurements"):
        growth_model.fit(terms, measured[:-1])


def test_the_plan_says_how_many_threads_it_takes() -> None:
    workload = Workload("", (3, 4, 2), "relu", "mse", "sgd", 4, 2)
    train = chainrule_peer.make(workload, make_data(workload), 1)
    try:
        train(1)
        assert train.threads_used() == 1
    finally:
        cr.set_num_threads(0)


def test_the_model_chooses_threads_as_the_plan_does() -> None:
    rates = growth_model.Rates(MACHINE["peaks"])
    assert growth_model.chosen_threads(family(4, 1, 4), 128, rates) == 1
    assert growth_model.chosen_threads(family(512, 3, 512), 2, rates) == 2
    counts = [growth_model.chosen_threads(family(width, 3, 128), 128, rates) for width in (8, 64, 512, 4096)]
    assert counts == sorted(counts)
    assert counts[-1] == 128


def test_rates_between_and_beyond_what_was_measured() -> None:
    rates = growth_model.Rates(MACHINE["peaks"])
    assert rates.flops() == pytest.approx(90e9)
    assert rates.bandwidth(1 << 20, 1) == pytest.approx(100e9)
    assert 100e9 < rates.bandwidth(1 << 15, 1) < 200e9
    # Eight cores: four times what two have at a quarter of the size.
    assert rates.bandwidth(1 << 22, 8) == pytest.approx(4 * 180e9)
    assert (rates.barrier(1), rates.barrier(2), rates.barrier(8)) == pytest.approx((0, 100e-9, 400e-9))
    assert (rates.update("adam"), rates.stall("adam", 1 << 15, 1), rates.stall("adam", 1 << 30, 2)) == pytest.approx(
        (1e-10, 0, 4e-10)
    )
    assert rates.stall("adam", 1 << 28, 256) == pytest.approx(0.0, abs=1e-10)
    # Each of two threads has half of the rate, and so has each of eight at a quarter of the size.
    assert rates.exchange(1 << 20, 2) == rates.exchange(1 << 22, 8) == pytest.approx(20e9)
    near = rates.beside({"barrier_ns": {"2": 50.0}, "exchange": {"2": [[1, 80.0]]}})
    assert (near.barrier(2), near.exchange(1 << 20, 2), near.flops()) == pytest.approx((50e-9, 40e9, 90e9))


def test_threads_that_a_run_tries() -> None:
    rates = growth_model.Rates(MACHINE["peaks"])
    assert growth_model.teams(family(2, 1, 1), 8, rates) == [1]
    assert growth_model.teams(family(2048, 2, 1024), 32, rates) == [32, 16, 8, 4, 2, 1]


def test_growth_leaves_out_samples_in_which_the_machine_changed() -> None:
    store = Store(None, MACHINE)
    nets = [family(width, 2, 64) for width in (64, 128, 256)]
    near, far = ({"barrier_ns": {"2": ns}, "exchange": {"2": [[1 << 20, 2000 / ns]]}} for ns in (50.0, 300.0))
    for net in nets:
        for threads, beside, us in [(1, [{}, {}], 40.0), (2, [near, near], 25.0), (2, [near, far], 900.0), (2, [far, far], 35.0)]:
            sample = {"us_per_step": us * net.flops / 1e6, "peak_bytes": 1 << 20, "beside": beside}
            store.add(rounds.key_of(net, threads, "chainrule", **growth_report.OPTIONS), sample)
    result = growth_report.analyse(store, {"width, 2 layers, batch 64": nets}, [1, 2])
    assert result.unsteady == len(nets)
    assert all(max(p.times) < 900e-6 * p.workload.flops / 1e6 for p in result.points())
    text = growth_report.report(store, result)
    assert "1 thread, 3 points" in text
    assert "3 samples during which it changed" in text
    assert "nothing in this table was measured" in text


def test_a_fair_share_counts_what_others_take() -> None:
    assert Situation(2, busy=1).fair(2) == 1.5
    assert Situation(1, busy=1).fair(2) == 1.0
    assert Situation(4).fair(2) == 1.0
    store = Store(None, MACHINE)
    names = {situation.name for situation in shared_report.situations(store)}
    assert len(names) == len(shared_report.situations(store)) == 7
    assert {"1 thread, alone", "4 threads, beside 1 busy process"} <= names


def test_a_shared_machine_is_compared_with_the_fair_share_and_with_one_thread() -> None:
    store = Store(None, MACHINE)
    net = family(8, 1, 4)
    for situation, us in {Situation(2): 10.0, Situation(4): 11.0, Situation(2, 1): 24.0, Situation(1): 12.0}.items():
        store.add(shared_report.key_of(net, situation, "chainrule"), {"us_per_step": us})
    for threads, us in [(1, 10.0), (2, 11.0), (1, 20.0), (2, 21.4)]:
        store.add(rounds.key_of(net, threads, "chainrule"), {"us_per_step": us})
    assert shared_report.beyond_fair(store, net, Situation(4), "chainrule") == pytest.approx(1.1)
    assert shared_report.beyond_fair(store, net, Situation(2, 1), "chainrule") == pytest.approx(1.6)
    assert shared_report.beyond_fair(store, net, Situation(2), "chainrule") is None
    text = shared_report.report(store, [net], [net], ["chainrule"])
    assert "beyond the fair share: 1.60 times (OVER 1.5)" in text
    assert "more than 5% slower: 1.**\n* w8-d1-b4: 1.08 times as long" in text


def test_the_table_of_functions_names_their_errors(tmp_path: Path) -> None:
    path = tmp_path / "ulp.txt"
    assert elementary.errors(path) == {}
    path.write_text(
        "instruction set: avx2\n"
        "float   exp         4294967296 inputs   largest error 0.9134 ulp at 0x1p+1\n"
        "float   log              42949 inputs   largest error inf ulp at 0x1p+1   FAILED\n"
        "double  exp              20480 inputs   largest error 0.7 ulp at 0x1p+1\n"
    )
    assert elementary.errors(path) == {"exp": ("0.9134", 1 << 32), "log": ("inf", 42949)}
    text = elementary.table(lambda kernel, size, peer: f"{peer} {kernel} {size}", [4096], ["chainrule"], elementary.errors(path))
    assert "| exp | chainrule exp 4096 | 0.9134 | all |" in text
    assert "| log | chainrule log 4096 | inf | 42949 |" in text
    assert "| tanh | chainrule tanh_forward 4096 | not measured |  |" in text


def test_workloads_survive_json() -> None:
    for workload in WORKLOADS.values():
        assert Workload.from_json(json.loads(json.dumps(workload.to_json()))) == workload
    tiny = family(3, 2, 5, rows=12)
    assert (tiny.rows, make_data(tiny).x.shape) == (10, (10, 3))


def test_a_run_of_a_tiny_workload(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "run.json"
    options = ["--workloads", "xor", "--peers", "chainrule,numpy", "--threads", "1", "--rounds", "1", "--seconds", "0.01"]
    assert run.main([*options, "--quick", "--output", str(output)]) == 0
    points = {point["key"]["peer"]: point["samples"] for point in json.loads(output.read_text())["points"]}
    assert set(points) == {"chainrule", "numpy"}
    assert all(sample["us_per_step"] > 0 for samples in points.values() for sample in samples)
    text = output.with_suffix(".md").read_text()
    assert "| xor: 2-8-1 tanh mse sgd, batch 4 | 1 |" in text
    assert text.strip() in capsys.readouterr().out
    assert (tmp_path / "run-1.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_of_derivatives(tmp_path: Path) -> None:
    output = tmp_path / "derivatives.json"
    peers = ["chainrule", "chainrule_compiled"]
    assert derivatives.main(["--peers", ",".join(peers), "--quick", "--seconds", "0.01", "--output", str(output)]) == 0
    points = json.loads(output.read_text())["points"]
    assert [(p["key"]["peer"], p["key"]["case"]) for p in points] == [(peer, c.name) for peer in peers for c in derivatives.cases()]
    assert all(sample["derivative"] > 0 for point in points for sample in point["samples"])
    assert all(sample["record"] > 0 for point in points if point["key"]["peer"] == "chainrule" for sample in point["samples"])


def test_the_report_of_derivatives_compares_with_the_fastest_that_records(tmp_path: Path) -> None:
    store = Store(tmp_path / "made-up.json", MACHINE)
    for peer, time in [
        ("chainrule", 2e-6),
        ("chainrule_compiled", 0.2e-6),
        ("autograd", 40e-6),
        ("torch", 8e-6),
        ("jax_jit", 1e-6),
    ]:
        store.add(derivatives.key_of("f", peer), {"record": time, "derivative": 2 * time, "result": [1.0, 2.0]})
    text = derivatives.report(store, ["f"], ["chainrule", "chainrule_compiled", "autograd", "torch", "jax_jit"])
    assert "| f | 2 (2 to 2) | 40 (40 to 40) | 8 (8 to 8) | torch | 4 |" in text
    assert "| f | 4 (4 to 4) | 0.4 (0.4 to 0.4) | 80 (80 to 80) | 16 (16 to 16) | 2 (2 to 2) | torch | 4 | 40 |" in text
    assert derivatives.disagreements(store, ["f"], ["chainrule", "torch"]) == []
    store.add(derivatives.key_of("f", "torch"), {"derivative": 1e-6, "result": [1.0, 2.1]})
    assert derivatives.disagreements(store, ["f"], ["chainrule", "torch"]) == ["f: torch finds another derivative"]


def test_a_run_of_many_models(tmp_path: Path) -> None:
    output = tmp_path / "many.json"
    arguments = ["--quick", "--seconds", "0.01", "--models", "3", "--output", str(output)]
    assert many.main(arguments) == 0
    points = json.loads(output.read_text())["points"]
    assert [(p["key"]["workload"]["name"], p["key"]["way"]) for p in points] == [
        (n, w) for n in ("seeds", "digits") for w in many.WAYS
    ]
    assert all(sample["us_per_step"] > 0 for point in points for sample in point["samples"])


def test_the_report_of_many_models_compares_with_the_faster_way(tmp_path: Path) -> None:
    store = Store(tmp_path / "made-up.json", MACHINE)
    net = many.NETS["seeds"]
    for way, us in zip(many.WAYS, (2.0, 8.0, 4.0), strict=True):
        store.add(many.key_of(net, 16, way), {"us_per_step": us, "bits": "a"})
    assert "| 2 (2 to 2) | 8 (8 to 8) | 4 (4 to 4) | 2 (2 to 2) |" in many.report(store, [net], 16)
    many.require_same_bits(store, [net], 16)
    store.add(many.key_of(net, 16, many.WAYS[0]), {"us_per_step": 2.0, "bits": "b"})
    with pytest.raises(SystemExit, match="seeds: expected the same parameters each way"):
        many.require_same_bits(store, [net], 16)


def test_a_child_that_fails_says_why() -> None:
    workload = family(2, 1, 1)
    (result,) = process.fit("no_such_peer", [workload], 1, 0.01)
    assert "no_such_peer" in result["error"]


def test_two_revisions_are_compared_round_by_round(capsys: pytest.CaptureFixture[str]) -> None:
    site = Path(cr.__file__).parents[1]
    samples = compare.measure([site, site], [WORKLOADS["xor"]], [1], rounds=2, seconds=0.01)
    (base, head) = samples["xor", 1]
    assert len(base) == len(head) == 2
    assert all(step > 0 for step in (*base, *head))
    text = compare.report({("xor", 1): ([2.0, 3.0], [1.0, 1.0])}, ("old", "new"))
    assert "| old, us | new, us | base / head |" in text
    assert "2.5 (2 to 3)" in text
    with pytest.raises(SystemExit, match="revisions that git knows"):
        compare.main(["no-such-revision", "."])


def test_bench_measures_products_and_imports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--quick", "--only", "products,imports", "--peers", "chainrule,numpy", "--threads", "1", "--output", str(tmp_path)]
    assert bench.main(options) == 0
    out = capsys.readouterr().out
    assert "| product, float32 | threads | chainrule, GFLOP/s | numpy, GFLOP/s |" in out
    assert "| import, after NumPy | ms |" in out
    points = json.loads((tmp_path / "products.json").read_text())["points"]
    assert {point["key"]["peer"] for point in points} == {"chainrule", "numpy"}
    assert all(0 < sample["seconds"] < 1 for point in points for sample in point["samples"])


def test_bench_says_at_once_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with pytest.raises(ImportError, match=r"threadpoolctl to be installed; pip install 'chainrule\[bench\]'"):
        bench.main(["--quick", "--output", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
