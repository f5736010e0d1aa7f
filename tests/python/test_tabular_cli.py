"""`chainrule train` and `chainrule predict`, as programs."""

from __future__ import annotations

import csv
import errno
import gzip
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chainrule import cli
from chainrule.tabular import load

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks import tables  # noqa: E402
from benchmarks.store import Store  # noqa: E402


@pytest.fixture
def table(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    path = tmp_path / "flats.v1.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["flat_id", "size", "town", "dear"])
        for i in range(300):
            size, town = random.uniform(20, 200), ("Bonn", "Ulm")[i % 2]
            writer.writerow([1000 + i, f"{size:.1f}", town, "yes" if size * (9 + 5 * (i % 2)) > 1200 else "no"])
    return path


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "chainrule", *arguments], capture_output=True, text=True, cwd=folder, env=os.environ
    )


def test_train_and_predict(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run("train", table.name, "--target", "dear", "--epochs", "30", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "flats.v1-model"  # flats.v2.csv has another
    assert {"model.safetensors", "report.md"} <= {one.name for one in folder.iterdir()}
    assert "epoch" in done.stdout
    assert "note: flat_id is dropped: an identifier" in done.stdout
    trained = load(folder)
    assert trained.metrics["accuracy"] > 0.85
    assert f"{trained.metrics['accuracy']:.4f}" in done.stdout

    (tmp_path / "new.csv").write_text("town;size\nUlm;190\nBonn;30\nRome;\n")
    done = run("predict", folder.name, "new.csv", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert list(rows[0]) == ["dear", "probability no", "probability yes"]
    assert [row["dear"] for row in rows[:2]] == ["yes", "no"]
    assert all(float(row["probability no"]) + float(row["probability yes"]) == pytest.approx(1, abs=1e-5) for row in rows)

    monkeypatch.chdir(tmp_path)
    assert cli.main(["predict", folder.name, "new.csv", "--out", "answer.csv"]) == 0
    assert capsys.readouterr().out == "answer.csv: 3 predictions\n"
    assert list(csv.DictReader((tmp_path / "answer.csv").read_text().splitlines())) == rows

    (tmp_path / "other.csv").write_text("place,size\nUlm,190\n")
    assert cli.main(["predict", folder.name, "other.csv"]) == 1
    expected = "chainrule predict: other.csv: expected the columns that the model was trained on, missing: 'town'\n"
    assert capsys.readouterr().err == expected

    (tmp_path / "odd.csv").write_text("town,size\nUlm,190\nBonn,much\n?,more\n")
    assert cli.main(["predict", folder.name, "odd.csv"]) == 0
    expected = "note: size: 2 cells are no numbers and count as missing, the first is 'much' (odd.csv, line 3, column 'size')\n"
    assert capsys.readouterr().err == expected

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    before = (tmp_path / "answer.csv").read_text()
    monkeypatch.setattr("os.fsync", fail)
    assert cli.main(["predict", folder.name, "new.csv", "--out", "answer.csv"]) == 1
    assert capsys.readouterr().err == "chainrule predict: [Errno 28] predict: no space: 'answer.csv'\n"
    assert (tmp_path / "answer.csv").read_text() == before
    assert [one.name for one in tmp_path.iterdir() if one.name.endswith(".tmp")] == []


def test_a_target_by_position_without_a_header(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "data.csv"
    path.write_text("".join(f"{i % 17},{i % 5},{i % 17 + 2 * (i % 5) + 0.5}\n" for i in range(200)))
    arguments = ["train", str(path), "--target", "-1", "--out", str(tmp_path / "out"), "--epochs", "3", "--drop", "column_2"]
    assert cli.main([*arguments, "--threads", "1"]) == 0
    assert "regression of 'column_3'" in capsys.readouterr().out
    assert load(tmp_path / "out").preprocessing.columns == ["column_1"]
    new = tmp_path / "new.csv"
    new.write_text("3,4\n5,4\n")
    assert cli.main(["predict", str(tmp_path / "out"), str(new)]) == 0
    header, *values = capsys.readouterr().out.splitlines()
    assert header == "column_3"
    assert len([float(value) for value in values]) == 2


def test_targets_and_columns_to_drop_by_position(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"{3 + i % 17},{i % 5},{3 + i % 17 + 2 * (i % 5)}\n" for i in range(200))
    for header, names in (("", ["column_1", "column_2", "column_3"]), ("a,b,c\n", ["a", "b", "c"]), ("a,2,1\n", ["a", "2", "1"])):
        (tmp_path / "data.csv").write_text(header + rows)
        for target, drop in (("3", "2"), ("-1", "-2")):
            options = ["--target", target, "--drop", drop, "--out", str(tmp_path / "out"), "--epochs", "2"]
            assert cli.main(["train", str(tmp_path / "data.csv"), *options]) == 0
            trained = load(tmp_path / "out")
            found = [trained.preprocessing.columns, trained.target.column, [one.column for one in trained.preprocessing.dropped]]
            # What is a name is one, and no position.
            assert found == ([["a"], "1", ["2"]] if "2" in names else [[names[0]], names[2], [names[1]]])
            assert "data.csv: 200 rows, 3 columns" in capsys.readouterr().out


def test_scores_come_before_pictures(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def fail(*_: object) -> None:
        raise RuntimeError("no ink")

    for name in ("pictures._learning", "report.importance"):
        monkeypatch.setattr(f"chainrule.tabular.{name}", fail)
        arguments = ["train", table.name, "--target", "dear", "--epochs", "1", "--out", "out"]
        if name == "pictures._learning":
            assert cli.main(arguments) == 0
            output = capsys.readouterr()
            assert output.err == "note: learning.png is not drawn: no ink\n"
        else:
            with pytest.raises(RuntimeError, match="no ink"):
                cli.main(arguments)
            output = capsys.readouterr()
        assert "test rows" in output.out
        assert load("out").target.column == "dear"


@pytest.mark.parametrize("name", ["sales.2023", "sales.2024", "a" * 240, "é" * 125])
def test_each_file_has_a_folder_of_its_own(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(f"{name}.csv").write_text("x,y\n" + "".join(f"{i % 9},{'ab'[i % 2]}\n" for i in range(60)))
    assert cli.main(["train", f"{name}.csv", "--target", "y", "--epochs", "1"]) == 0
    (folder,) = (one.name for one in tmp_path.iterdir() if one.is_dir())
    assert folder == name[: 249 // len(name[0].encode())] + "-model"
    assert cli.main(["predict", folder, f"{name}.csv", "--out", f"{name}.out"]) == 0
    assert len(Path(f"{name}.out").read_text().splitlines()) == 61


@pytest.mark.parametrize("there", ["", "out", "out/deep"])
def test_a_training_that_fails_leaves_no_folder(there: str, table: Path, tmp_path: Path) -> None:
    if there:
        (tmp_path / there).mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    assert (
        cli.main(["train", str(table), "--target", "dear", "--drop", "size,town,1", "--out", str(tmp_path / "out" / "deep")]) == 1
    )
    assert sorted(tmp_path.rglob("*")) == before


def test_columns_of_lists_may_be_dropped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parquet, pyarrow = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("pyarrow")  # in the extra "test"
    path, out = tmp_path / "data.parquet", str(tmp_path / "out")
    columns = {"x": [i % 7 for i in range(60)], "odd": [[i] for i in range(60)], "y": ["a", "b"] * 30}
    parquet.write_table(pyarrow.table(columns), path)
    assert cli.main(["train", str(path), "--target", "y", "--out", out, "--epochs", "1"]) == 1
    expected = f"chainrule train: {path}, column 'odd': expected numbers, strings, booleans, dates or times, got ndarray in row 1\n"
    assert capsys.readouterr().err == expected
    assert cli.main(["train", str(path), "--target", "y", "--out", out, "--epochs", "1", "--drop", "odd"]) == 0
    assert cli.main(["predict", out, str(path)]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "missing.csv", "--target", "y"], "chainrule train: .*missing.csv"),
        (["train", "flats.v1.csv", "--target", "deer"], "unknown column 'deer': did you mean 'dear'"),
        (["train", "flats.v1.csv", "--target", "dear", "--test", "2"], "expected test as a finite number"),
        (["predict", "nowhere", "flats.v1.csv"], "chainrule predict: .*nowhere"),
        (["predict", "flats.v1.csv", "flats.v1.csv"], "expected a whole file"),
    ],
)
def test_failures_are_said(
    arguments: list[str],
    message: str,
    table: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 1
    found = capsys.readouterr().err
    assert re.search(message, found), found
    assert not (tmp_path / "missing-model").exists()


def test_the_example(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("example_table", ROOT / "examples" / "table.py")
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    assert example.main(["--folder", str(tmp_path)]) == 0
    munich, kiel, paris = map(float, capsys.readouterr().out.split("predicted: [")[1].strip(" ]\n").split(", "))
    assert munich == pytest.approx(80 * 19 * 1.03**9.92 + 60, rel=0.1)
    assert kiel == pytest.approx(80 * 9, rel=0.1)
    assert kiel / 2 < paris < 2 * munich


def test_the_benchmark(tmp_path: Path) -> None:
    text = "".join(f"{i % 23},{i % 7},{(i % 23) * 2 + i % 7 + 0.5}\n" for i in range(400))
    (tmp_path / "made-up.csv.gz").write_bytes(gzip.compress(text.encode()))
    sample = tables.measure(tables.Case("made-up.csv.gz", -1, 0.5), "chainrule", 0, tmp_path, epochs=20)
    assert {"score", "r2", "rmse", "mae", "seconds", "linear", "constant"} == set(sample)
    assert sample["linear"] > 0.999
    store = Store(
        None, {"cpu": "", "cpus": 1, "isa": "", "caches": "", "memory_gib": 1, "governor": "", "system": "", "compiler": ""}
    )
    store.machine |= {"python": "", "commit": "", "core": "", "versions": {}, "blas": [], "load": 0.0, "peaks": None}
    for seed, score in ((0, 0.9), (1, 0.8)):
        store.add(tables.key_of("bike", "chainrule", seed), {**sample, "score": score})
    assert "| bike | 0.8500 (0.8000 to 0.9000) |" in tables.report(store, ["chainrule"], [0, 1])
    assert tables.misses(store) == ["bike: expected a score of at least 0.985, got 0.9000"]
