"""The command line and the demonstration."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import cli, demo


def test_the_digits_are_whole_and_split_without_overlap() -> None:
    digits = demo.load_digits()
    assert digits.images.shape == (1797, 8, 8)
    assert digits.images.dtype == np.uint8
    assert digits.images.max() == 16
    assert np.bincount(digits.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    parts = demo.split_digits(digits)
    assert [len(part) for part in parts] == [1258, 180, 359]
    rows = [image.tobytes() for part in parts for image in part.images]
    assert sorted(rows) == sorted(image.tobytes() for image in digits.images)


def test_demo_reaches_its_claim_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Without matplotlib, whether it is installed or not.
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    outcome = demo.run(picture=tmp_path / "picture.png")
    assert outcome.accuracy >= 0.97
    assert outcome.picture is None
    assert not list(tmp_path.iterdir())
    text = capsys.readouterr().out
    lines = text.splitlines()
    epochs = [line for line in lines if line.endswith(" ms") and line.split()[0].isdigit()]
    assert len(epochs) == len(outcome.history["loss"])
    assert f"test accuracy {outcome.accuracy:.2%}" in text
    assert "matplotlib is not installed" in text


def test_demo_gives_the_same_weights_again() -> None:
    first, second = (demo.run(epochs=2, seed=3) for _ in range(2))
    assert first.history == second.history
    assert first.accuracy == second.accuracy


def test_demo_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "picture.png"
    assert cli.main(["demo", "--epochs", "2", "--output", str(path)]) == 0
    assert path.read_bytes().startswith(b"\x89PNG")
    assert str(path) in capsys.readouterr().out


def test_demo_says_where_it_could_not_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "missing" / "picture.png"
    assert cli.main(["demo", "--epochs", "1", "--output", str(path)]) == 1
    assert str(path.parent) in capsys.readouterr().err


def test_demo_obeys_threads() -> None:
    try:
        assert cli.main(["demo", "--epochs", "1", "--no-plot", "--threads", "1"]) == 0
        assert cr.get_num_threads() == 1
    finally:
        cr.set_num_threads(0)


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info"]) == 0
    assert capsys.readouterr().out == f"{cr.info()}\n"
    assert cli.main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(dict(cr.info())))


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"chainrule {cr.__version__}\n"


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["demo", "--epochs", "0"], ["demo", "--threads", "-1"], ["demo", "--epochs", "x"]]
)
def test_wrong_arguments_exit_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(arguments)
    assert "usage: chainrule" in capsys.readouterr().err


def test_module_and_script_are_the_same_program() -> None:
    run = subprocess.run([sys.executable, "-m", "chainrule", "info", "--json"], check=True, capture_output=True, text=True)
    assert json.loads(run.stdout)["version"] == cr.__version__
