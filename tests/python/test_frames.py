"""Frames of pandas and polars: columns go by name wherever x is read, and every type of numbers is read."""

import decimal
import json
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import safetensors

import chainrule as cr

# Of the columns; on columns in another order the linear sum would be another one.
COLUMNS = list("abc")
TURNED = list("cba")
PACKAGES = pytest.mark.parametrize("package", [pd, pl])


def net():
    return cr.Sequential([cr.Dense(4, "tanh"), cr.Dense(1)], seed=1)


def two_inputs():
    one, other = cr.Input(3, name="one"), cr.Input(2, name="other")
    return cr.Model([one, other], cr.Dense(1)(cr.concatenate([one, other])), seed=1)


@pytest.fixture
def rows(rng):
    x = rng.normal(size=(60, 3))
    return x, x @ [1.0, 2.0, 4.0]


def frame_of(package, x, columns=COLUMNS):
    return package.DataFrame({name: x[:, i] for i, name in enumerate(columns)})


def turned(frame):
    return frame[TURNED]


SETTINGS = {"epochs": 2, "loss": "mse", "verbose": 0}


# --- columns by name --------------------------------------------------------------------------------------------------------------


@PACKAGES
def test_names_are_in_the_file(tmp_path, rows, package):
    x, y = rows
    frame, path = frame_of(package, x), tmp_path / "net.safetensors"
    model = net()
    model.fit(frame, y, **SETTINGS)
    for include_optimizer in (True, False):
        model.save(path, include_optimizer=include_optimizer)
        again = cr.load(path)
        assert again.feature_names == COLUMNS
        np.testing.assert_array_equal(again.predict(turned(frame)), model.predict(x))


def test_a_resumed_fit_knows_the_names(tmp_path, rows, fingerprint):
    x, y = rows
    frame, path = frame_of(pd, x), tmp_path / "net.safetensors"
    begun, whole = net(), net()
    begun.fit(frame, y, callbacks=cr.Checkpoint(path), **SETTINGS)
    whole.fit(x, y, **SETTINGS | {"epochs": 4})
    more = SETTINGS | {"epochs": 4, "resume_from": path}

    for data in (x, frame):
        model = net()
        model.fit(data, y, **more)
        assert model.feature_names == COLUMNS
        assert fingerprint(model) == fingerprint(whole)
        np.testing.assert_array_equal(model.predict(turned(frame)), whole.predict(x))
    loaded = cr.load(path)
    loaded.fit(turned(frame), y, **more | {"optimizer": loaded.optimizer})
    assert fingerprint(loaded) == fingerprint(whole)

    model = net()
    with pytest.raises(ValueError, match=r"is of another fit: expected feature_names\[0\]\[0\] = 'a', got 'c'"):
        model.fit(turned(frame), y, **more)
    assert model.feature_names is None
    assert "input unknown" in repr(model)
    with pytest.raises(ValueError, match=r"is of another fit: expected architecture.inputs\[0\].features = 3, got 2"):
        net().fit(frame[["a", "b"]], y, **more)


@PACKAGES
def test_validation_data_of_the_first_fit(rows, package):
    x, y = rows
    frame = frame_of(package, x)
    model, expected = net(), net()
    history = model.fit(frame, y, validation_data=(turned(frame), y), **SETTINGS)
    assert history.history == expected.fit(x, y, validation_data=(x, y), **SETTINGS).history
    with pytest.raises(ValueError, match=r"fit: expected validation x with the columns .*, got none called 'b'"):
        net().fit(frame, y, validation_data=(frame[["a", "c"]], y), **SETTINGS)


@PACKAGES
def test_several_inputs(tmp_path, rows, package):
    x, y = rows
    one, other = frame_of(package, x), frame_of(package, x[:, :2], "pq")
    model, expected = two_inputs(), two_inputs()
    history = model.fit([one, other], y, validation_data=({"other": other[["q", "p"]], "one": turned(one)}, y), **SETTINGS)
    arrays = [x, x[:, :2]]
    assert history.history == expected.fit(arrays, y, validation_data=(arrays, y), **SETTINGS).history
    assert model.feature_names == {"one": COLUMNS, "other": ["p", "q"]}
    model.save(tmp_path / "net.safetensors")
    for net_ in (model, cr.load(tmp_path / "net.safetensors"), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(net_.predict([turned(one), other[["q", "p"]]]), expected.predict(arrays))
        assert net_.feature_names == model.feature_names
    with pytest.raises(ValueError, match=r"expected x\['other'\] with the columns .*, got none called 'q'"):
        model.predict([one, one.rename({"a": "p"}) if package is pl else one.rename(columns={"a": "p"})])

    half = two_inputs()
    half.fit([one, x[:, :2]], y, **SETTINGS)
    assert half.feature_names == {"one": COLUMNS}
    np.testing.assert_array_equal(half.predict([turned(one), x[:, :2]]), half.predict(arrays))
    assert two_inputs().feature_names is None


@PACKAGES
def test_single_steps(rows, package):
    x, y = rows
    frame = frame_of(package, x)
    model, expected = net(), net()
    for data, reference in ((frame, x), (turned(frame), x)):
        assert model.train_on_batch(data, y, loss="mse") == expected.train_on_batch(reference, y, loss="mse")
    assert model.feature_names == COLUMNS


@PACKAGES
def test_streams(rows, fingerprint, package):
    x, y = rows
    frame = frame_of(package, x)
    model, expected = net(), net()
    model.fit([(frame[:30], y[:30]), (turned(frame)[30:], y[30:])], validation_data=(turned(frame), y), **SETTINGS)
    expected.fit([(x[:30], y[:30]), (x[30:], y[30:])], **SETTINGS)
    assert fingerprint(model) == fingerprint(expected)
    assert model.feature_names == COLUMNS
    assert model.history.history["val_loss"][-1] == expected.evaluate(x, y)["loss"]


@pytest.mark.parametrize(
    "names", [[["a", "b"]], [["a", "b", 3]], [["a", "b", "b"]], ["abc"], [], [None, None], "abc", {"x": ["a"]}, None]
)
def test_forged_names_are_refused(tmp_path, rows, names):
    from chainrule import model_file

    path = tmp_path / "net.safetensors"
    model = net()
    model.fit(frame_of(pd, rows[0]), rows[1], **SETTINGS)
    model.save(path)
    with safetensors.safe_open(path, "numpy") as file:
        assert json.loads(file.metadata()["chainrule"])["feature_names"] == [COLUMNS]
    contents = model_file.read(path, "load")
    model_file.write(path, contents._replace(document={**contents.document, "feature_names": names}), "save")
    with pytest.raises(cr.CorruptFileError, match="load: expected "):
        cr.load(path)
    with pytest.raises(cr.CorruptFileError, match="expected "):
        net().fit(*rows, resume_from=path, **SETTINGS)


# --- types of columns -------------------------------------------------------------------------------------------------------------


def pandas_types():
    def arrow(kind, values):
        return pd.array(values, pd.ArrowDtype(kind))

    whole, missing, truth = [3, 0, 1, 2], [3, None, 1, 2], [True, False, True, True]
    return {
        "Int64": (pd.array(whole, "Int64"), pd.array(missing, "Int64")),
        "Float64": (pd.array(whole, "Float64"), pd.array(missing, "Float64")),
        "boolean": (pd.array(truth, "boolean"), pd.array([True, None, False, True], "boolean")),
        "int8[pyarrow]": (pd.array(whole, "int8[pyarrow]"), pd.array(missing, "int8[pyarrow]")),
        "double[pyarrow]": (pd.array(whole, "double[pyarrow]"), pd.array(missing, "double[pyarrow]")),
        "float[pyarrow]": (pd.array(whole, "float[pyarrow]"), pd.array(missing, "float[pyarrow]")),
        "bool[pyarrow]": (pd.array(truth, "bool[pyarrow]"), pd.array([True, None, False, True], "bool[pyarrow]")),
        "decimal": (arrow(pa.decimal128(5, 2), whole), arrow(pa.decimal128(5, 2), missing)),
        "Sparse[int]": (pd.arrays.SparseArray(whole), None),
        "Sparse[float]": (pd.arrays.SparseArray([3.0, 0, 1, 2]), pd.arrays.SparseArray([3.0, np.nan, 1, 2])),
    }


@pytest.mark.parametrize("beside", [{}, {"b": [0.5, 1, 2, 3]}], ids=["alone", "beside floats"])
@pytest.mark.parametrize("kind", pandas_types())
def test_every_type_of_numbers_of_pandas(kind, beside):
    whole, missing = pandas_types()[kind]
    y, settings = np.arange(4.0), {"loss": "mse", "verbose": 0}
    model, expected = net(), net()
    model.fit(pd.DataFrame({"a": whole, **beside}), y, **settings)
    expected.fit(np.column_stack([np.array([float(one) for one in whole]), *beside.values()]), y, **settings)
    assert all(np.array_equal(value, expected.parameters()[name]) for name, value in model.parameters().items())
    if missing is not None:
        with pytest.raises(ValueError, match="fit: expected finite values in x, got nan at row 1, column 0"):
            net().fit(pd.DataFrame({"a": missing, **beside}), y, **settings)


@pytest.mark.parametrize(
    "column", [pd.interval_range(0, 4), list("abcd"), pd.Categorical([1, 2, 1, 2]), pd.date_range("2020", periods=4)]
)
def test_other_types_are_named(column):
    with pytest.raises(TypeError, match="fit: expected x with columns of numbers, got others in 'a'"):
        net().fit(pd.DataFrame({"a": column, "b": 1.0}), np.arange(4.0), loss="mse", verbose=0)


def test_half_precision_is_refused_as_of_arrays():
    half = pd.DataFrame({"a": pd.array(np.arange(4, dtype=np.float16), pd.ArrowDtype(pa.float16()))})
    with pytest.raises(TypeError, match=r"fit: expected x of float32, .*got float16; convert it with x.astype\(np.float32\)"):
        net().fit(half, np.arange(4.0), loss="mse", verbose=0)


def test_polars_decimals_and_truth():
    columns = {"a": [decimal.Decimal(1), None], "b": [True, None]}
    for name, values in columns.items():
        with pytest.raises(ValueError, match="got nan at row 1, column 0"):
            net().fit(pl.DataFrame({name: values}), [0.0, 1.0], loss="mse", verbose=0)


def test_a_lazy_frame_is_to_be_collected():
    lazy = pl.LazyFrame({"a": [1.0, 2.0]})
    with pytest.raises(TypeError, match=r"fit: expected x as an array or a frame .*, got LazyFrame; convert it with x.collect\(\)"):
        net().fit(lazy, [1.0, 2.0], loss="mse", verbose=0)
    with pytest.raises(TypeError, match=r"got LazyFrame; convert it with y.collect\(\)"):
        net().fit([[1.0], [2.0]], lazy, loss="mse", verbose=0)


@pytest.mark.parametrize(
    "y",
    [["a", "b"], np.array(["a", "b"], object), pd.Series(["a", "b"]), pd.Series(pd.Categorical(["a", "b"])), pl.Series(["a", "b"])],
)
def test_text_as_targets_is_to_be_encoded(y):
    with pytest.raises(TypeError, match=r"fit: expected y of float32, .*encode text as numbers, for instance np.unique\(column"):
        net().fit(np.ones((2, 1)), y, loss="cross_entropy", verbose=0)


# --- what fails changes nothing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"y": np.zeros(3)},
        {"optimizer": "nope"},
        {"validation_data": (np.zeros((2, 5)), np.zeros(2))},
        {"resume_from": "none"},
        {"optimizer": "lbfgs", "x": pd.DataFrame({"a": [np.nan] * 60, "b": 0.0})},
        {"optimizer": cr.LevenbergMarquardt(), "y": None, "x": [(np.zeros((4, 2)), np.zeros(4))]},
        {"optimizer": cr.LevenbergMarquardt(), "loss": "huber"},
    ],
)
def test_a_fit_that_does_not_begin_leaves_no_trace(rows, wrong):
    x, y = rows
    model = net()
    with pytest.raises((ValueError, TypeError, FileNotFoundError)):
        model.fit(**{"x": frame_of(pd, x), "y": y, **SETTINGS, **wrong})
    assert "input unknown" in repr(model)
    assert model.feature_names is None
    with pytest.raises(ValueError, match="fit: expected a loss"):
        model.fit(x, y, verbose=0)
    other = pd.DataFrame(np.column_stack([x, x]), columns=list("uvwxyz"))
    model.fit(other, y, **SETTINGS)
    assert model.feature_names == list("uvwxyz")


def test_a_step_that_fails_leaves_no_trace(rows):
    x, y = rows
    model = net()
    for data, target in ((frame_of(pd, x), y[:3]), (frame_of(pd, x * np.nan), y)):
        with pytest.raises(ValueError, match="train_on_batch: expected"):
            model.train_on_batch(data, target, loss="mse")
        assert "input unknown" in repr(model)
        assert model.feature_names is None
    with pytest.raises(cr.TrainingDiverged):
        model.train_on_batch(x, y + 1e38, loss="mse", optimizer=cr.SGD(0.25))
    assert model.optimizer.lr == 0.25  # it may be set, and the step tried again
