"""Every wrong call raises a named exception whose text says operation, expected, got; the model stays as it was."""

import re

import numpy as np
import pytest

import chainrule as cr

X = np.zeros((4, 3), np.float32)
Y = np.zeros((4, 2), np.float32)
LABELS = np.array([0, 1, 1, 0])


def built():
    return cr.Sequential([cr.Input(3), cr.Dense(5, "relu"), cr.Dense(2)])


def one_output():
    return cr.Sequential([cr.Input(3), cr.Dense(1)])


def fit(x=X, y=Y, model=built, loss="mse", **more):
    return lambda: model().fit(x, y, loss=loss, verbose=0, **more)


def predict(x):
    return lambda: built().predict(x)


def with_nan(array, at):
    result = array.astype(float)
    result[at] = np.nan
    return result


class Sparse:
    def toarray(self):
        return X


CASES = {
    # shapes and ranks
    "wide": (lambda: cr.Sequential([cr.Input(64), cr.Dense(2)]).predict(np.zeros((32, 10))), ValueError,
             r"^Dense: expected input with 64 features, got shape \(32, 10\)$"),
    "predict 1-D": (predict(np.zeros(3)), ValueError, r"predict: expected x of 2 dimensions .*, got shape \(3,\); one sample is x\[None, :\]"),
    "predict 0-D": (predict(1.0), ValueError, r"predict: expected x of 2 dimensions .*, got shape \(\)"),
    "pictures": (fit(np.zeros((4, 3, 3))), ValueError, r"fit: expected x of 2 dimensions .*, got shape \(4, 3, 3\); flatten"),
    "no features": (fit(np.zeros((4, 0))), ValueError, r"fit: expected x with at least one feature, got shape \(4, 0\)"),
    "no rows": (fit(X[:0], Y[:0]), ValueError, r"fit: expected x with at least one row, got shape \(0, 3\)"),
    "no rows, step": (lambda: built().train_on_batch(X[:0], Y[:0], loss="mse"), ValueError, r"train_on_batch: expected x with at least one row"),
    "lengths": (fit(X, Y[:3]), ValueError, r"fit: expected y with 4 rows, as many as x has, got shape \(3, 2\)"),
    "y scalar": (fit(X, 1.0), ValueError, r"fit: expected y with 4 rows, as many as x has, got shape \(\)"),
    "y columns": (fit(X, np.zeros((4, 5))), ValueError, r"fit: expected y of shape \(4, 2\) for mse, got shape \(4, 5\)"),
    "y flat": (fit(X, np.zeros(4)), ValueError, r"fit: expected y of shape \(4, 2\) for mse, got shape \(4,\)"),
    "y labels, mse": (fit(X, LABELS), ValueError, r"expected y of shape \(4, 2\) for mse, got shape \(4,\); for class labels .*'cross_entropy'"),
    "y 3-D": (fit(X, np.zeros((4, 2, 1))), ValueError, r"fit: expected y of shape \(4, 2\)"),
    "ragged": (fit([[1.0, 2.0], [3.0]]), ValueError, r"fit: expected x as a rectangular array, got list"),
    "weight length": (fit(sample_weight=np.ones(3)), ValueError, r"fit: expected sample_weight of shape \(4,\), got shape \(3,\)"),
    "weight negative": (fit(sample_weight=np.array([1, 1, -1, 1])), ValueError, r"fit: expected sample_weight of at least 0, got -1 at row 2"),
    "weight zero": (fit(sample_weight=np.zeros(4)), ValueError, r"fit: expected sample_weight with a positive sum, got 0"),
    "validation x": (fit(validation_data=(X[:, :2], Y)), ValueError, r"Dense: expected input with 3 features, got shape \(4, 2\)"),
    "validation y": (fit(validation_data=(X, Y[:2])), ValueError, r"fit: expected validation y with 4 rows"),
    "validation kind": (fit(X, LABELS, loss="cross_entropy", validation_data=(X, Y)), ValueError,
                        r"fit: expected validation y as integer labels, like y, got values"),
    "validation pair": (fit(validation_data=X), TypeError, r"fit: expected validation_data as \(x, y\) or .*, got ndarray"),
    "validation twice": (fit(validation_data=(X, Y), validation_split=0.5), ValueError, r"either validation_data or validation_split, got both"),
    "split of one": (fit(validation_split=0.99), ValueError, r"expected validation_split to leave rows on both sides, got 0.99 of 4 rows"),
    "split": (fit(validation_split=1.0), ValueError, r"fit: expected validation_split .*below 1, got 1"),
    # element types
    "float16": (fit(X.astype(np.float16)), TypeError, r"fit: expected x of float32, float64, .*, got float16; convert it with x.astype"),
    "longdouble": (fit(X.astype(np.longdouble)), TypeError, r"expected x of float32"),
    "complex": (fit(X.astype(complex)), TypeError, r"got complex128; .*x.real"),
    "object": (fit(X.astype(object)), TypeError, r"got object; convert it with np.asarray"),
    "text": (fit(np.array([["a"] * 3] * 4)), TypeError, r"got str.*; encode text"),
    "bytes": (fit(np.array([[b"a"] * 3] * 4)), TypeError, r"got bytes.*; encode text"),
    "times": (fit(np.zeros((4, 3), "M8[s]")), TypeError, r"got datetime64.*; convert times"),
    "durations": (fit(np.zeros((4, 3), "m8[s]")), TypeError, r"got timedelta64.*; convert durations"),
    "structured": (fit(np.zeros((4, 3), [("a", "f4")])), TypeError, r"got a structured array"),
    "foreign": (fit(X.astype(X.dtype.newbyteorder("S"))), TypeError, r"got float32 of foreign byte order; convert it with x.astype"),
    "masked": (fit(np.ma.masked_equal(X, 1)), TypeError, r"fit: expected x without masked elements, got a masked array"),
    "sparse": (fit(Sparse()), TypeError, r"fit: expected x as a dense array, got Sparse; convert it with x.toarray"),
    "none": (fit(None), TypeError, r"fit: expected x of float32.*, got object"),
    "y object": (fit(X, Y.astype(object)), TypeError, r"fit: expected y of float32"),
    "weight text": (fit(sample_weight=["a"] * 4), TypeError, r"fit: expected sample_weight of float32"),
    "float labels": (fit(X, np.array([0.0, 1, 1, 0]), loss="cross_entropy"), TypeError,
                     r"fit: expected y as integer labels \(rows,\) or values .*, got float64 of shape \(4,\); .*astype\(int\)"),
    # values
    "NaN in x": (fit(with_nan(X, (2, 1))), ValueError, r"fit: expected finite values in x, got nan at row 2, column 1"),
    "infinity in x": (predict(np.where(np.arange(12).reshape(4, 3) == 5, np.inf, 0)), ValueError, r"predict: .* in x, got inf at row 1, column 2"),
    "beyond float32": (predict(np.full((1, 3), -1e39)), ValueError, r"in x, got -1e\+39, too large for float32, at row 0, column 0"),
    "NaN in held-out x": (fit(with_nan(X, (3, 1)), validation_split=0.25), ValueError, r"fit: .* in x, got nan at row 3, column 1"),
    "NaN in validation x": (fit(validation_data=(with_nan(X, (0, 2)), Y)), ValueError, r"fit: .* in validation x, got nan at row 0, column 2"),
    "NaN, step": (lambda: built().train_on_batch(with_nan(X, (1, 0)), Y, loss="mse"), ValueError, r"train_on_batch: .* in x, got nan at row 1"),
    "NaN, evaluate": (lambda: built().evaluate(with_nan(X, (1, 0)), Y, loss="mse"), ValueError, r"evaluate: .* in x, got nan at row 1"),
    "NaN in y": (fit(X, with_nan(Y, (3, 0))), ValueError, r"fit: expected finite values in y, got nan at row 3, column 0"),
    "NaN in flat y": (fit(X, with_nan(np.zeros(4), 1), one_output), ValueError, r"in y, got nan at row 1$"),
    "NaN weight": (fit(sample_weight=with_nan(np.ones(4), 2)), ValueError, r"fit: expected finite values in sample_weight, got nan at row 2"),
    "label too large": (fit(X, np.array([0, 1, 2, 0]), loss="cross_entropy"), ValueError, r"fit: expected labels from 0 to 1 in y, got 2 at row 2"),
    "label negative": (fit(X, np.array([0, -1, 1, 0]), loss="sigmoid_nll"), ValueError, r"expected labels from 0 to 1 in y, got -1 at row 1"),
    "label, evaluate": (lambda: built().evaluate(X, LABELS + 5, loss="cross_entropy"), ValueError, r"evaluate: expected labels from 0 to 1"),
    "weights by output": (fit(sample_weight={"output": np.ones(4)}), TypeError, r"fit: expected sample_weight of shape \(4,\), for all outputs the same, got a dict"),
    "label, one output": (fit(X, LABELS, one_output, "cross_entropy"), ValueError, r"expected labels from 0 to 0 .*; for two classes in one output use the loss 'binary_cross_entropy'"),
    "binary": (fit(X, np.array([0, 1, 2, 0]), one_output, "binary_cross_entropy"), ValueError, r"expected y from 0 to 1 for binary_cross_entropy, got 0 to 2"),
    # names
    "loss": (fit(loss="cross_entrpy"), ValueError, r"^unknown loss 'cross_entrpy': did you mean 'cross_entropy'\?$"),
    "loss far": (fit(loss="zzz"), ValueError, r"unknown loss 'zzz': expected one of 'mse', "),
    "loss type": (fit(loss=3), TypeError, r"loss: expected a name, such as 'mse', or an instance of Loss, got 3"),
    "no loss": (fit(loss=None), ValueError, r"fit: expected a loss, such as loss='mse', .*, got None"),
    "optimizer": (fit(optimizer="adm"), ValueError, r"unknown optimizer 'adm': did you mean 'adam'\?"),
    "metric": (fit(metrics=["acuracy"]), ValueError, r"unknown metric 'acuracy': did you mean 'accuracy'\?"),
    "metric twice": (fit(metrics=["mse", "mse"]), ValueError, r"metrics: expected each name once, got 'mse' twice"),
    "metric type": (fit(metrics=[3]), TypeError, r"metrics: expected names, .*, got 3"),
    "metrics type": (fit(metrics=3), TypeError, r"metrics: expected names, .*, got 3"),
    "metric, labels": (fit(X, LABELS, loss="cross_entropy", metrics=["mse"]), ValueError, r"expected metrics of classes, such as 'accuracy', for integer labels, got 'mse'"),
    "activation": (lambda: cr.Dense(3, "rleu"), ValueError, r"unknown activation 'rleu': did you mean 'relu'\?"),
    "initializer": (lambda: cr.Dense(3, kernel_init="he_norml"), ValueError, r"unknown initializer 'he_norml': did you mean 'he_normal'\?"),
    "name in capitals": (lambda: cr.Dense(3, "ReLU"), ValueError, r"unknown activation 'ReLU': did you mean 'relu'\?"),
    "scikit-learn's name": (lambda: cr.Dense(3, "logistic"), ValueError, r"unknown activation 'logistic': did you mean 'sigmoid'\?"),
    "Keras' name": (fit(loss="sparse_categorical_crossentropy"), ValueError, r"unknown loss '.*': did you mean 'cross_entropy'\?"),
    "Keras' short name": (fit(metrics=["acc"]), ValueError, r"unknown metric 'acc': did you mean 'accuracy'\?"),
    "PyTorch's name": (lambda: cr.Dense(3, kernel_init="xavier_uniform"), ValueError, r"did you mean 'glorot_uniform'\?"),
    "initializer type": (lambda: cr.Dense(3, kernel_init=3), TypeError, r"initializer: expected a name"),
    "dtype": (lambda: cr.Sequential([cr.Dense(1)], dtype="float16"), ValueError, r"Sequential: expected dtype 'float32' or 'float64', got 'float16'"),
    "dtype unknown": (lambda: cr.Sequential([cr.Dense(1)], dtype="flot32"), ValueError, r"expected dtype 'float32' or 'float64', got 'flot32'"),
    "parameter": (lambda: built().set_parameters({"0.kernl": 0}), ValueError, r"unknown parameter '0.kernl': did you mean '0.kernel'\?"),
    "state": (lambda: built().load_state_dict({"0.weigt": 0}), ValueError, r"unknown parameter '0.weigt': did you mean '0.weight'\?"),
    "verbose": (lambda: built().fit(X, Y, loss="mse", verbose="loud"), ValueError, r"fit: expected verbose as 'auto', 0, 1 or 2, got 'loud'"),
    # sizes and numbers
    "units": (lambda: cr.Dense(0), ValueError, r"Dense: expected units as an integer of at least 1, got 0"),
    "units negative": (lambda: cr.Dense(-5), ValueError, r"Dense: expected units as an integer of at least 1, got -5"),
    "units float": (lambda: cr.Dense(2.5), TypeError, r"Dense: expected units as an integer, got 2.5"),
    "units bool": (lambda: cr.Dense(True), TypeError, r"Dense: expected units as an integer, got True"),
    "features": (lambda: cr.Input(-1), ValueError, r"Input: expected features as an integer of at least 1, got -1"),
    "build": (lambda: built().build(7), ValueError, r"build: expected 3 features, for which the model is built, got 7"),
    "epochs": (fit(epochs=0), ValueError, r"fit: expected epochs as an integer of at least 1, got 0"),
    "epochs float": (fit(epochs=1.0), TypeError, r"fit: expected epochs as an integer, got 1.0"),
    "batch size": (fit(batch_size=-3), ValueError, r"fit: expected batch_size as an integer of at least 1, got -3"),
    "seed": (lambda: cr.Sequential([cr.Dense(1)], seed=-1), ValueError, r"Sequential: expected seed as an integer of at least 0, got -1"),
    "seed large": (lambda: cr.Sequential([cr.Dense(1)], seed=2**64), ValueError, r"Sequential: expected seed as an integer of at most"),
    "dropout": (lambda: cr.Dropout(1.0), ValueError, r"Dropout: expected p as a finite number of at least 0 below 1, got 1"),
    "dropout text": (lambda: cr.Dropout("half"), TypeError, r"Dropout: expected p as a number, got 'half'"),
    "lr": (lambda: cr.SGD(-0.1), ValueError, r"SGD: expected lr as a finite number of at least 0, got -0.1"),
    "lr NaN": (lambda: cr.Adam(float("nan")), ValueError, r"Adam: expected lr as a finite number of at least 0, got nan"),
    "momentum": (lambda: cr.SGD(momentum=1), ValueError, r"SGD: expected momentum .*below 1, got 1"),
    "nesterov": (lambda: cr.SGD(nesterov=True), ValueError, r"SGD: expected a momentum above 0 for nesterov=True, got 0"),
    "nesterov type": (lambda: cr.SGD(momentum=0.5, nesterov=1), TypeError, r"SGD: expected nesterov to be True or False, got 1"),
    "beta": (lambda: cr.AdamW(beta2=1.5), ValueError, r"AdamW: expected beta2 .*below 1, got 1.5"),
    "epsilon": (lambda: cr.Adam(epsilon=0), ValueError, r"Adam: expected epsilon .*above 0, got 0"),
    "delta": (lambda: cr.losses.Huber(0), ValueError, r"Huber: expected delta .*above 0, got 0"),
    "smoothing": (lambda: cr.losses.CrossEntropy(1), ValueError, r"CrossEntropy: expected label_smoothing .*below 1, got 1"),
    "threads": (lambda: cr.set_num_threads(-1), ValueError, r"set_num_threads: expected count as an integer of at least 0, got -1"),
    "threads many": (lambda: cr.set_num_threads(100000), ValueError, r"set_num_threads: expected count as an integer of at most 1024"),
    "class weight": (fit(X, LABELS, loss="cross_entropy", class_weight=[1, 2]), TypeError, r"expected class_weight as a dict .*, got \[1, 2\]"),
    "class weight sign": (fit(X, LABELS, loss="cross_entropy", class_weight={0: -1}), ValueError, r"expected class_weight\[0\] .*at least 0, got -1"),
    # structure
    "no layers": (lambda: cr.Sequential([]), ValueError, r"Sequential: expected at least one layer, got none"),
    "only input": (lambda: cr.Sequential([cr.Input(2)]), ValueError, r"Sequential: expected at least one layer, got none"),
    "one layer": (lambda: cr.Sequential(cr.Dense(1)), TypeError, r"Sequential: expected a list of layers, got Dense\(1\)"),
    "class of layer": (lambda: cr.Sequential([cr.Dense]), TypeError, r"Sequential: expected layers, such as .*, got <class"),
    "model as layer": (lambda: cr.Sequential([built(), cr.Dense(1)]), TypeError, r"Sequential: expected layers, got a Sequential: .*\*model\.layers"),
    "model on a value": (lambda: built()(cr.Input(3)), TypeError, r"^expected numbers, got the symbolic Input\(3\), on which layers are called"),
    "array and value": (lambda: np.ones(3) + cr.Input(3), TypeError, r"numpy\.add: expected arrays, got a symbolic value"),
    "number times value": (lambda: 2 * cr.Input(3), TypeError, r"Multiply: expected a value, .*, got int"),
    "NumPy on a value": (lambda: np.sin(cr.Input(3)), TypeError, r"numpy\.sin: expected arrays, got a symbolic value; a Lambda layer"),
    "layer without a deed": (lambda: cr.Sequential([cr.Input(3), cr.Layer()]), NotImplementedError, r"Layer: expected a layer that says .* layers\.Composite"),
    "input late": (lambda: cr.Sequential([cr.Dense(1), cr.Input(3)]), ValueError, r"Sequential: expected Input at the front, got it after 1 layers"),
    "shared": (lambda: cr.Sequential([cr.Dense(2)] * 2), ValueError, r"Sequential: expected each layer object once, got Dense\(2\) twice"),
    "same name": (lambda: cr.Sequential([cr.Dense(2, name="a"), cr.Dense(2, name="a")]), ValueError, r"expected each name once, got 'a' twice"),
    "bad name": (lambda: cr.Dense(2, name="0.kernel"), ValueError, r"Dense: expected name to be a word such as 'hidden_1', got '0.kernel'"),
    "no parameters": (fit(X, X, lambda: cr.Sequential([cr.Activation("tanh")])), ValueError, r"fit: expected a model with parameters to train, got none"),
    "kernel shape": (lambda: built().set_parameters({"0.kernel": np.zeros((5, 3))}), ValueError,
                     r"set_parameters: expected 0.kernel of shape \(3, 5\), got shape \(5, 3\)"),
    "kernel NaN": (lambda: built().set_parameters({"0.bias": np.full(5, np.nan)}), ValueError, r"set_parameters: expected finite values in 0.bias"),
    "kernel overflow": (lambda: built().set_parameters({"0.bias": np.full(5, 1e300)}), ValueError, r"expected finite values in 0.bias, got inf"),
    "parameters type": (lambda: built().set_parameters([1]), TypeError, r"set_parameters: expected a dict .*, got list"),
    "state missing": (lambda: built().load_state_dict({"0.bias": np.zeros(5)}), ValueError, r"load_state_dict: expected all of .*, got none for 0.weight"),
    "init shape": (lambda: cr.Sequential([cr.Input(3), cr.Dense(2, kernel_init=np.zeros((2, 3)))]), ValueError,
                   r"initializer: expected values of shape \(3, 2\), got shape \(2, 3\)"),
    # reading before building
    **{
        f"unbuilt {name}": (call, cr.ChainruleError, rf"{name}: expected a built model, got one whose input is unknown")
        for name, call in {
            "predict": lambda: cr.Sequential([cr.Dense(1)]).predict(X),
            "evaluate": lambda: cr.Sequential([cr.Dense(1)]).evaluate(X, Y, loss="mse"),
            "parameters": lambda: cr.Sequential([cr.Dense(1)]).parameters(),
            "set_parameters": lambda: cr.Sequential([cr.Dense(1)]).set_parameters({}),
            "state_dict": lambda: cr.Sequential([cr.Dense(1)]).state_dict(),
            "load_state_dict": lambda: cr.Sequential([cr.Dense(1)]).load_state_dict({}),
            "explain_plan": lambda: cr.Sequential([cr.Dense(1)]).explain_plan(),
        }.items()
    },
    # callbacks
    "callback class": (fit(callbacks=[cr.EarlyStopping]), TypeError, r"fit: expected callbacks as instances of Callback, got <class"),
    "callback number": (fit(callbacks=3), TypeError, r"fit: expected callbacks as instances of Callback, got 3"),
    "monitor": (fit(callbacks=[cr.EarlyStopping()]), ValueError, r"EarlyStopping: expected monitor to be one of \['loss'\], got 'val_loss'; give fit validation"),
    "mode": (lambda: cr.EarlyStopping(mode="up"), ValueError, r"EarlyStopping: expected mode 'auto', 'min' or 'max', got 'up'"),
    "factor": (lambda: cr.ReduceLROnPlateau(factor=1), ValueError, r"ReduceLROnPlateau: expected factor .*below 1, got 1"),
    "lambda": (lambda: cr.LambdaCallback(on_epoch_end=3), TypeError, r"LambdaCallback: expected on_epoch_end as a function, got 3"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "text"), CASES.values(), ids=CASES)
def test_error(call, kind, text):
    with pytest.raises(kind, match=text) as caught:
        call()
    assert type(caught.value) is kind
    assert re.search(r"expected|did you mean", str(caught.value))


def test_failed_fit_leaves_an_unbuilt_model_unbuilt():
    model = cr.Sequential([cr.Dense(2)])
    for wrong in (
        {"y": Y[:2]},
        {"loss": "nope"},
        {"optimizer": "nope"},
        {"metrics": ["nope"]},
        {"sample_weight": [1]},
        {"epochs": -1},
    ):
        with pytest.raises(ValueError, match=r"expected|unknown"):
            model.fit(**{"x": X, "y": Y, "loss": "mse", "verbose": 0, **wrong})
    assert "input unknown" in repr(model)


def test_failed_set_parameters_changes_nothing():
    model = built()
    before = model.parameters()
    with pytest.raises(ValueError, match=r"expected 1\.bias of shape"):
        model.set_parameters({"0.kernel": np.ones((3, 5)), "1.bias": np.ones(3)})
    for name, value in model.parameters().items():
        np.testing.assert_array_equal(value, before[name])


def test_a_batch_too_large_for_memory_changes_nothing():
    model = cr.Sequential([cr.Input(1), cr.Dense(1_000_000, "relu"), cr.Dense(1)])
    small = np.ones((4, 1), np.float32)
    model.fit(small, small, loss="mse", verbose=0)
    before = model.parameters()
    rows = 2**24  # times a million features: more than a process can address
    large = np.broadcast_to(np.float32(1), (rows, 1))
    for call in (
        lambda: model.train_on_batch(large, large, loss="mse"),
        lambda: model.fit(large, large, loss="mse", batch_size=rows, shuffle=False, verbose=0),
    ):
        with pytest.raises(MemoryError):
            call()
        for name, value in model.parameters().items():
            np.testing.assert_array_equal(value, before[name])
    model.train_on_batch(small, small, loss="mse")
    assert len(model.history.epoch) == 1


def test_divergence_names_step_and_layer(rng):
    x = rng.normal(size=(64, 3)) * 1e3
    model = cr.Sequential([cr.Dense(8, "relu"), cr.Dense(2)])
    with pytest.raises(cr.TrainingDiverged, match=r"the loss is NaN or infinite at step \d+, first in \w+") as caught:
        model.fit(x, x[:, :2], epochs=50, loss="mse", optimizer=cr.SGD(1e3), verbose=0)
    assert isinstance(caught.value, cr.ChainruleError)
    assert caught.value.step >= 0
    assert caught.value.layer
    assert all(np.isfinite(value).all() for value in model.parameters().values())


@pytest.mark.parametrize(("function", "loss"), [("softmax", "cross_entropy"), ("sigmoid", "binary_cross_entropy")])
def test_warns_of_double_activation(function, loss):
    model = cr.Sequential([cr.Dense(2), cr.Activation(function)])
    with pytest.warns(UserWarning, match=rf"{loss} takes logits, but the last layer ends in {function}") as caught:
        model.fit(X, Y, loss=loss, verbose=0)
    assert caught[0].filename == __file__


def test_nan_found_when_its_batch_is_read_keeps_the_steps_before():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 20)).astype(np.float32), rng.normal(size=(12, 1))
    model, expected = (cr.Sequential([cr.Dense(3, "tanh"), cr.Dense(1)], seed=3) for _ in range(2))
    settings = {"batch_size": 4, "loss": "mse", "shuffle": False, "verbose": 0}
    expected.fit(x[:8], y[:8], **settings)
    spoilt = x.copy()
    spoilt[9, 17] = -np.inf
    with pytest.raises(ValueError, match=r"fit: expected finite values in x, got -inf at row 9, column 17"):
        model.fit(spoilt, y, **settings)
    for name, value in model.parameters().items():
        np.testing.assert_array_equal(value, expected.parameters()[name])
    model.fit(x, y, **settings)


def count_rows(y_true, y_pred):
    return len(y_true)


@pytest.mark.parametrize("metrics", [(), [count_rows]])
@pytest.mark.parametrize("make_optimizer", [cr.Adam, cr.LBFGS, cr.LevenbergMarquardt])
def test_a_number_without_a_row_is_an_error_of_what_was_called(metrics, make_optimizer):
    """The batch with the number changes nothing, running statistics included; the steps before it are taken."""
    good = np.arange(8.0)[:, None] % 7
    bad, y = np.where(np.arange(8)[:, None] == 6, 7.0, good), np.ones(8)

    def new():
        return cr.Sequential([cr.Input(1), cr.Embedding(7, 2), cr.BatchNorm(), cr.Dense(1)], seed=1)

    if make_optimizer is not cr.Adam:
        model = cr.Sequential([cr.Input(1), cr.Embedding(7, 2), cr.Dense(1)])
        for data in ({"x": bad}, {"x": good, "validation_data": (bad, y)}):
            with pytest.raises(IndexError, match=r"^fit: expected whole numbers from 0 below an embedding's size"):
                model.fit(**{"y": y, "loss": "mse", "optimizer": make_optimizer(), "metrics": metrics, "verbose": 0, **data})
        return
    model = new()
    before = model.parameters()
    for call in (model.evaluate, model.train_on_batch):
        with pytest.raises(IndexError, match=f"^{call.__name__}: expected whole numbers"):
            call(bad, y, loss="mse", metrics=metrics)
    assert all(np.array_equal(before[name], value) for name, value in model.parameters().items())
    settings = {"loss": "mse", "batch_size": 2, "shuffle": False, "verbose": 0, "metrics": metrics}
    for data, rows in (({"x": bad}, 6), ({"x": good, "validation_data": (bad, y)}, 8)):
        model, expected = new(), new()
        with pytest.raises(IndexError, match=r"^fit: expected whole numbers"):
            model.fit(**{"y": y, **settings, **data})
        expected.fit(good[:rows], y[:rows], **settings)
        after = expected.parameters()
        assert all(np.array_equal(after[name], value) for name, value in model.parameters().items())
