"""No other file is taken for a model's: damaged ones, forged ones, those of others."""

import contextlib
import copy
import json
import os
import random

import numpy as np
import pytest
import safetensors.numpy
from stored_models import small, two_in_two_out

import chainrule as cr
from chainrule import model_file


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


def test_every_flipped_bit_and_every_truncation_is_refused(path):
    """All bits of the lengths and the first bytes, one bit of every other byte: the header's, the padding's, the numbers'."""
    small().save(path)
    data = path.read_bytes()
    # Tried on bytes in memory: 2000 files would take minutes on slow disks. The paths through files are tried below.
    flips = [(i, bit) for i in range(len(data)) for bit in (range(8) if i < 64 else [i % 8])]
    for i, bit in flips:
        changed = bytearray(data)
        changed[i] ^= 1 << bit
        with pytest.raises(cr.CorruptFileError):
            model_file._checked(bytes(changed), "load")
    for length in range(len(data)):
        with pytest.raises(cr.CorruptFileError):
            model_file._checked(data[:length], "load")
    with pytest.raises(cr.CorruptFileError):
        model_file._checked(data + b"\0", "load")
    assert model_file._checked(data, "load") > 0


@pytest.mark.parametrize(
    "change",
    [lambda d: d[:0], lambda d: d[:7], lambda d: d[:-1], lambda d: d + b"x", lambda d: b"\xff" * 8 + d[8:], lambda d: b"\0" * 100],
)
def test_damaged_files_are_refused(path, change):
    small().save(path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(cr.CorruptFileError, match=f"load: {path}: expected"):
        cr.load(path)


def test_safetensors_of_others_are_refused(path):
    safetensors.numpy.save_file({"0.weight": np.ones((1, 1), np.float32)}, path)
    with pytest.raises(cr.CorruptFileError, match="expected one checksum in its header"):
        cr.load(path)


def forged(path, change):
    """A file with a valid checksum whose document or tensors were changed on purpose."""
    contents = model_file.read(path, "test")
    change(contents.document, contents.tensors)
    model_file.write(path, contents, "test")


@pytest.mark.parametrize(
    "change",
    [
        lambda d, t: d.update(code="import os"),
        lambda d, t: d.pop("architecture"),
        lambda d, t: d["architecture"].update(seed=-1),
        lambda d, t: d["architecture"].update(seed="x"),
        lambda d, t: d["architecture"].update(dtype="int8"),
        lambda d, t: d["architecture"].update(layers=[]),
        lambda d, t: d["architecture"].update(layers=5),
        lambda d, t: d["architecture"].pop("inputs"),
        lambda d, t: d["architecture"].update(inputs=[]),
        lambda d, t: d["architecture"]["layers"][0].update(units=10**12),  # 8 TB, of which nothing may be made
        lambda d, t: d["architecture"]["inputs"][0].update(features=10**18),
        lambda d, t: d["architecture"]["layers"][0].update({"class": "Sequential"}),
        lambda d, t: d["architecture"]["layers"].append(d["architecture"]["layers"][0]),
        lambda d, t: t.pop("0.weight"),
        lambda d, t: t.update({"0.weight": np.ones((2, 2), np.float32)}),
        lambda d, t: t.update({"0.weight": np.ones((1, 1), np.float64)}),
        lambda d, t: t.update({"more": np.ones(3)}),
        lambda d, t: d["training"]["heads"][0].update(loss="no such"),
        lambda d, t: d["training"]["heads"][0].update(metrics=5),
        lambda d, t: d["training"]["heads"].append(d["training"]["heads"][0]),
        lambda d, t: d["training"].update(heads=[]),
        lambda d, t: d["training"].update(optimizer={"class": "Dense", "units": 3}),
        lambda d, t: d["training"]["state"].update(epoch=-1),
        lambda d, t: d["training"]["state"].update(iterations=2**70),
        lambda d, t: d["training"]["state"].update(numbers={}),
        lambda d, t: d["training"]["state"].update(numbers=[1]),
        lambda d, t: d["training"]["state"].pop("epoch"),
        lambda d, t: d["training"]["state"].update(more=1),
        lambda d, t: d["training"]["fit"].update(more=1),
        lambda d, t: d["training"].update(history=["no such"]),
        lambda d, t: t.pop("training/optimizer/first.0.kernel"),
        lambda d, t: t.update({"training/optimizer/first.0.kernel": np.ones((3, 1), np.float32)}),
        lambda d, t: t.update({"training/optimizer/third.0.kernel": np.ones((1, 1), np.float32)}),
        lambda d, t: t.update({"training/optimizer/first.0.kernel": np.ones((1, 1))}),
    ],
)
def test_forged_files_are_refused(path, change):
    model = small()
    model.fit(np.ones((4, 1)), np.ones(4), loss="mse", verbose=0)
    model.save(path)
    forged(path, lambda document, tensors: None)
    cr.load(path)
    forged(path, change)
    with pytest.raises(cr.CorruptFileError, match="load: "):
        cr.load(path)


def places(tree, path=()):
    """All places of a JSON tree."""
    yield path
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from places(value, (*path, key))


STRANGE = [
    None,
    True,
    -1,
    0,
    1,
    3,
    2**31,
    2**63,
    2**64,
    10**400,
    -0.5,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "relu",
    "mse",
    "adam",
    "no such",
]
STRANGE += [
    [],
    [1],
    {},
    {"class": "Dense", "units": 2},
    {"class": "Adam"},
    {"class": "Huber", "delta": 0},
    {"function": "f"},
    "é" * 50,
]


@pytest.mark.parametrize("seed", range(4))
def test_no_document_does_anything_else(path, seed):
    """With a valid checksum and any value in any place a file is refused by name, or is a model that works."""
    generator = random.Random(seed)
    model = cr.Sequential([cr.Input(2), cr.Dense(3, cr.activations.ELU(0.5)), cr.Dropout(0.1), cr.Dense(1, name="out")], seed=3)
    x, y = np.ones((4, 2)), np.ones(4)
    optimizer = generator.choice([cr.Adam(), cr.SGD(0.1, 0.9), cr.LevenbergMarquardt()]) if seed else cr.Adam()
    if isinstance(optimizer, cr.LevenbergMarquardt):
        model = cr.Sequential([cr.Input(2), cr.Dense(1)])
    model.fit(x, y, epochs=2, loss="mse", optimizer=optimizer, callbacks=[cr.EarlyStopping("loss", patience=9)], verbose=0)
    model.save(path)
    good = model_file.read(path, "test")
    loaded = 0
    for place in places(good.document):
        for _ in range(3):
            document = copy.deepcopy(good.document)
            where = document
            for key in place[:-1]:
                where = where[key]
            if place:
                where[place[-1]] = generator.choice(STRANGE)
            model_file.write(path, model_file.Contents(dict(good.tensors), document), "test")
            try:
                again = cr.load(path)
            except cr.ChainruleError:
                continue
            loaded += 1
            assert again.predict(x).shape == (4, 1)
            with contextlib.suppress(ValueError, TypeError, cr.ChainruleError):
                again.fit(x, y, loss="mse", optimizer=again.optimizer or "adam", verbose=0)
            with contextlib.suppress(ValueError, TypeError, cr.ChainruleError):
                model.fit(x, y, epochs=3, loss="mse", optimizer=optimizer, resume_from=path, verbose=0)
    assert loaded > 0


def test_deep_json_is_refused(path):
    small().save(path)
    forged(path, lambda document, tensors: document.update(architecture=json.loads("[" * 500 + "]" * 500)))
    with pytest.raises(cr.CorruptFileError):
        cr.load(path)


def test_a_newer_format_is_named(path, monkeypatch):
    monkeypatch.setattr(model_file, "_FORMAT", 2)
    small().save(path)
    monkeypatch.undo()
    with pytest.raises(cr.ChainruleError, match="expected format 1, got 2"):
        cr.load(path)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="load: No such file"):
        cr.load(tmp_path / "none")
    with pytest.raises(IsADirectoryError, match="load: "):
        cr.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="save: No such file"):
        small().save(tmp_path / "none" / "net")
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(IsADirectoryError, match="save: Is a directory"):
        small().save(folder)
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_pipes_and_devices_are_not_read(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, "/dev/zero"):
        with pytest.raises(cr.CorruptFileError, match=f"load: {path}: expected a file, got a pipe or a device"):
            cr.load(path)


@pytest.mark.parametrize(
    "setting", [{"trainable": 1}, {"trainable": None}, {"lr_scale": -1.0}, {"lr_scale": "1"}, {"lr_scale": 1e999}]
)
def test_forged_settings_of_training_are_refused(path, setting):
    small().save(path)
    contents = model_file.read(path, "load")
    contents.document["architecture"]["layers"][0].update(setting)
    model_file.write(path, contents, "save")
    with pytest.raises(cr.CorruptFileError, match=f"load: expected what Dense takes: .*{next(iter(setting))}"):
        cr.load(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a["calls"][0].update(operands=[2]),  # its own value
        lambda a: a["calls"][0].update(operands=[-1]),
        lambda a: a["calls"][0].update(operands=[]),
        lambda a: a["calls"][0].update(operands=[0, 1]),
        lambda a: a["calls"][0].update(operands=[True]),
        lambda a: a["calls"][0].update(layer={"class": "Residual", "layers": [{"class": "Dense", "units": 2}]}),
        lambda a: a["calls"][0].update(more=1),
        lambda a: a["calls"][1].update(prefix=a["calls"][2]["prefix"]),
        lambda a: a["calls"].pop(),
        lambda a: a.update(outputs=[]),
        lambda a: a.update(outputs=[["price", 2], ["price", 3]]),
        lambda a: a.update(outputs=[["price", 99], ["sold", 3]]),
        lambda a: a["inputs"].pop(),
        lambda a: a["inputs"].append(a["inputs"][0]),
        lambda a: a["inputs"][1].update(features=10**15),
    ],
)
def test_forged_structures_are_refused(path, change):
    two_in_two_out().save(path)
    forged(path, lambda document, tensors: change(document["architecture"]))
    with pytest.raises(cr.CorruptFileError, match="load: "):
        cr.load(path)
