"""The examples keep their claims; those on data of one's own run here on small made-up files, for the path through the code."""

import csv
import gzip
import importlib.util
import re
import struct
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_xor(capsys: pytest.CaptureFixture[str]) -> None:
    assert example("xor").main([]) == 0
    assert "4 of 4 right" in capsys.readouterr().out


def test_fizzbuzz(capsys: pytest.CaptureFixture[str]) -> None:
    fizzbuzz = example("fizzbuzz")
    answers = fizzbuzz.classify(np.arange(1, 16)).tolist()
    assert answers == [0, 0, 1, 0, 2, 1, 0, 0, 1, 2, 0, 1, 0, 0, 3]
    assert fizzbuzz.encode(np.array([1, 1023, 512])).sum(axis=1).tolist() == [1, 10, 1]
    assert fizzbuzz.main([]) == 0
    assert "of 100 right" in capsys.readouterr().out


def test_profiling(capsys: pytest.CaptureFixture[str]) -> None:
    assert example("profiling").main(["--quick"]) == 0
    out = capsys.readouterr().out
    assert out.count("weight_gradient+update") >= 7
    assert "barrier wait" in out or "thread 0" in out


def test_many_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert example("many_models").main([]) == 0
    assert "the same bits: True" in capsys.readouterr().out


def test_data_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert example("data_sources").main(["--rows", "60000"]) == 0
    assert "batches from a function" in capsys.readouterr().out


def test_two_heads(capsys: pytest.CaptureFixture[str]) -> None:
    assert example("two_heads").main([]) == 0
    assert re.search(r"price: R2 0\.9[89]\d; sold: accuracy 9\d\.\d%", capsys.readouterr().out)


def test_losses_and_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    losses_and_metrics = example("losses_and_metrics")
    assert losses_and_metrics.coverage(np.array([[0.0], [1.0]]), np.array([[0.5], [0.5]])) == 0.5
    assert losses_and_metrics.main([]) == 0
    assert "features in use: [0, 1]" in capsys.readouterr().out


def test_callbacks(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    assert example("callbacks").main(["--folder", str(tmp_path / "watched")]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"stopped after \d+ of 2000 epochs; the best was epoch \d+: val_loss 0\.02", printed)
    written = {entry.name for entry in (tmp_path / "watched").iterdir()}
    assert {"best.safetensors", "log.csv"} <= written
    for name, package in (("board", "tensorboardX"), ("runs", "mlflow"), ("history.png", "matplotlib")):
        assert (name in written) == (importlib.util.find_spec(package) is not None)
    assert ("trials given up early" in printed) == (importlib.util.find_spec("optuna") is not None)


def test_save_and_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert example("save_and_export").main(["--folder", str(tmp_path / "net")]) == 0
    printed = capsys.readouterr().out
    assert "the same bits as without interruption" in printed
    for name in ("checkpoint.safetensors", "main.c", "net.h", "net.onnx", "net.safetensors"):
        assert name in printed
        assert (tmp_path / "net" / name).exists()
    built = subprocess.run(["cc", "-std=c99", "main.c", "-o", "net", "-lm"], cwd=tmp_path / "net", check=False)
    assert built.returncode == 0
    answer = subprocess.run([tmp_path / "net" / "net"], input="0.5 0.25 -0.5", capture_output=True, text=True, check=True).stdout
    assert abs(float(answer) - (np.sin(1.5) * 0.25 + 0.25)) < 0.05


def test_levenberg_marquardt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "mse.png"
    assert example("levenberg_marquardt").main(["--iterations", "60", "--plot", str(picture)]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"Levenberg-Marquardt +mse \d\.\de-(09|1\d) after 60 iterations", printed)
    assert re.search(r"Adam +mse .* after 60 iterations", printed)
    assert ("L-BFGS needs SciPy" in printed) == (importlib.util.find_spec("scipy") is None)
    assert picture.exists() == (importlib.util.find_spec("matplotlib") is not None)


def test_sklearn_pipeline(capsys: pytest.CaptureFixture[str]) -> None:
    assert example("sklearn_pipeline").main(["--jobs", "1"]) == 0
    assert re.search(r"accuracy 0\.9\d+ on 450 pictures kept back", capsys.readouterr().out)


def test_levenberg_marquardt_needs_numpy_alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("scipy.optimize", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    assert example("levenberg_marquardt").main(["--iterations", "5", "--plot", "mse.png"]) == 1
    printed = capsys.readouterr().out
    assert "L-BFGS needs SciPy" in printed
    assert "the picture needs matplotlib" in printed


def test_optimizers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "schedule.png"
    assert example("optimizers").main(["--plot", str(picture)]) == 0
    printed = capsys.readouterr().out
    for name in ("SGD", "AdamW", "RMSprop", "Adagrad", "Lion"):
        assert re.search(rf"9\d\.\d% in +\d+ ms.* {name}\(", printed)
    assert "with averaged weights" in printed
    assert ("LBFGS(" in printed) == (importlib.util.find_spec("scipy") is not None)
    assert picture.exists() == (importlib.util.find_spec("matplotlib") is not None)


def test_sparse_text(capsys: pytest.CaptureFixture[str]) -> None:
    text = example("sparse_text")
    x = text.hashed(["rain rain wind", "oven"])
    assert x.shape == (2, text.COLUMNS)
    assert sorted(x[0].data.tolist()) == [1, 1, 1, 2]  # wind and two pairs once, rain twice
    assert text.main([]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"(9[5-9]\d|1000) of 1000 other texts right", printed)
    assert "is on cooking" in printed


def write_idx(path: Path, values: NDArray[np.uint8]) -> None:
    raw = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """IDX files of 10 patterns with noise: the training part gzipped, the test part not."""
    random = np.random.default_rng(0)
    patterns = random.integers(0, 200, (10, 28, 28))
    for part, rows, suffix in (("train", 600, ".gz"), ("t10k", 100, "")):
        labels = (np.arange(rows) % 10).astype(np.uint8)
        images = (patterns[labels] + random.integers(0, 56, (rows, 28, 28))).astype(np.uint8)
        write_idx(tmp_path / f"{part}-images-idx3-ubyte{suffix}", images)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte{suffix}", labels)
    return tmp_path


def test_mnist(digits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mnist = example("mnist")
    assert mnist.main(["--data", str(digits), "--epochs", "3"]) == 0
    assert "s per epoch" in capsys.readouterr().out
    assert mnist.main(["--data", str(digits), "--epochs", "1", "--claim", "1.1"]) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected an IDX file"),
        (b"\x00\x00\x0d\x01\x00\x00\x00\x01\x00", "expected an IDX file"),
        (b"\x00\x00\x08\x03\x00\x00\x00\x01", "expected 3 sizes"),
        (b"\x00\x00\x08\x01\x00\x00\x00\x02\x00", "expected 2 bytes"),
        (b"\x00\x00\x08\x01\xff\xff\xff\xff\x00", "expected 4294967295 bytes"),
    ],
)
def test_mnist_refuses_what_is_not_idx(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        example("mnist").read_idx(path)


def test_mnist_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte"):
        example("mnist").main(["--data", str(tmp_path)])


def test_california(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    numeric = [
        "longitude",
        "latitude",
        "housing_median_age",
        "total_rooms",
        "total_bedrooms",
        "population",
        "households",
        "median_income",
    ]
    path = tmp_path / "housing.csv.gz"
    with gzip.open(path, "wt", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*numeric, "median_house_value", "ocean_proximity"])
        for row in range(500):
            values = random.uniform(1, 10, len(numeric))
            cells = [f"{value:.3f}" for value in values]
            if row % 50 == 0:
                cells[4] = ""
            place = ("INLAND", "NEAR BAY")[row % 2]
            writer.writerow([*cells, f"{20_000 * values[7] + 50_000 * (row % 2):.1f}", place])
    california = example("california")
    features, target = california.load(path)
    assert features.shape == (500, 10)
    assert np.isnan(features).sum() == 10
    assert set(features[:, 8:].sum(axis=1)) == {1.0}
    assert target.shape == (500, 1)
    assert california.main(["--data", str(path)]) == 0
    assert "test R2" in capsys.readouterr().out


def test_california_refuses_another_table(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"expected columns .* got a, b"):
        example("california").load(path)
