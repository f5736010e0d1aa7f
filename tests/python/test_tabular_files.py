"""The file of a trained table: every damage and every document that does not fit is refused."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_table import made_up

import chainrule as cr
from chainrule.tabular import TrainedTable, files, load, train_table
from chainrule.tabular.trained import MODEL_FILE


@pytest.fixture(scope="module")
def regression() -> TrainedTable:
    return train_table(made_up(), "rent", drop=["class"], members=2, epochs=2)


def test_every_flipped_bit_and_every_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    tensors = {"a": np.arange(3, dtype=np.float32), "b": np.ones((2, 1))}
    files.write(path, tensors, {"x": [1, "é"]})
    whole = path.read_bytes()
    found, document = files.read(path)
    assert document == {"x": [1, "é"]}
    assert {name: (value.dtype.name, value.tolist()) for name, value in found.items()} == {
        "a": ("float32", [0, 1, 2]),
        "b": ("float64", [[1], [1]]),
    }
    damaged = [whole[:i] for i in range(len(whole))] + [whole + b"\0"]
    damaged += [whole[:i] + bytes([whole[i] ^ (1 << bit)]) + whole[i + 1 :] for i in range(len(whole)) for bit in range(8)]
    for content in damaged:
        with pytest.raises(cr.CorruptFileError):
            files.parsed(content, path)


def test_another_format_is_not_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FORMAT", 2)
    files.write(tmp_path / "file", {}, {})
    monkeypatch.undo()
    with pytest.raises(cr.ChainruleError, match="expected format 1, got 2"):
        files.read(tmp_path / "file")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    files.write(path, {}, {"x": "old"})

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="save: no space"):
        files.write(path, {}, {"x": "new"})
    assert files.read(path)[1] == {"x": "old"}
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def changes() -> list[Any]:
    """Documents with one thing wrong each, as paths and values; a function makes a value of the old one."""
    return [
        (("target", "task"), "sorting"),
        (("target", "scale"), 0),
        (("target", "mean"), "1"),
        (("target", "more"), 1),
        (("features", 0, "type"), "module"),
        (("features", 0, "kind"), "code"),
        (("features", 0, "edges"), lambda old: old[::-1]),
        (("features", 0, "column"), "rent"),
        (("features", 0, "missing"), 1),
        (("features",), []),
        (("features",), lambda old: old[1:]),
        (("features", 1, "values"), lambda old: [old[0], *old[:-1]]),
        (("features", 1, "values"), lambda old: [*old, "more"]),
        (("architecture", "units"), [1 << 40, 32]),
        (("architecture", "units"), []),
        (("architecture", "units"), [64, -1]),
        (("architecture", "activation"), "eval"),
        (("architecture", "dropout"), 1),
        (("models",), 1),
        (("models",), 1 << 50),
        (("models",), 0),
        (("metrics",), {}),
        (("metrics", "model", "r2"), None),
        (("seed",), None),
        (("more",), 1),
    ]


@pytest.mark.parametrize("number", range(len(changes())))
def test_a_document_that_does_not_fit_is_refused(number: int, regression: TrainedTable, tmp_path: Path) -> None:
    path = regression.save(tmp_path)
    tensors, document = files.read(path)
    document = json.loads(json.dumps(document))
    place, value = changes()[number]
    inside: Any = document
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value(inside[place[-1]]) if callable(value) else value
    files.write(path, tensors, document)
    with pytest.raises(cr.CorruptFileError, match=MODEL_FILE):
        load(tmp_path)


def test_arrays_that_do_not_fit_are_refused(regression: TrainedTable, tmp_path: Path) -> None:
    path = regression.save(tmp_path)
    tensors, document = files.read(path)
    name = "0.dense_0.kernel"
    for wrong in ({name: tensors[name][1:]}, {"more": tensors[name]}, {name: np.full_like(tensors[name], np.nan)}):
        files.write(path, {**tensors, **wrong}, document)
        with pytest.raises(cr.CorruptFileError):
            load(tmp_path)
    files.write(path, {key: value for key, value in tensors.items() if key != name}, document)
    with pytest.raises(cr.CorruptFileError):
        load(tmp_path)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=MODEL_FILE):
        load(tmp_path)
