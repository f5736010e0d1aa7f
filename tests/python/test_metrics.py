"""Metrics from the outside: numbers of scikit-learn, epochs and threads, functions, what they refuse."""

from fractions import Fraction

import numpy as np
import pytest

import chainrule as cr
import peers
from chainrule import _core

PEER = peers.stored()["metrics"]
ULP = {"float64": 1e-12, "float32": 2e-5}


def identity(columns, dtype="float64"):
    """A model whose predictions are its inputs."""
    return cr.Sequential([cr.Input(columns), cr.Dense(columns, kernel_init=np.eye(columns))], dtype=dtype)


def evaluate(p, y, loss, metrics, dtype="float64"):
    return identity(p.shape[1], dtype).evaluate(p, y, loss=loss, metrics=metrics)


def test_a_state_of_other_predictions_is_refused():
    x = np.arange(12.0).reshape(6, 2)
    model = identity(2)
    model.fit(x, x, loss="mse", metrics=["r2"], verbose=0)
    trainer = model._sessions.last.trainer
    state = trainer.state()
    rows, column = 4, [1.0, 2.0, 3.0]
    good = [rows, 2, *column, *column, 0, 0, 0]
    trainer.set_state(**{**state, "collected": [good]})
    for collected in (
        [rows, 1, *column, 0, 0, 0],  # of one column
        [rows, 3, *column, *column, *column, 0, 0, 0],
        [rows, 0, 0, 0, 0],
        [0, 2, *column, *column, 0, 0, 0],  # of no rows
        [*good[:-3], 1, 0.5, 0, 0],  # scores that AUC collects
        [*good[:-1], 2, 1, 1, 1, 1, 1, 1],  # and counts of classes
    ):
        with pytest.raises(ValueError, match="state: expected what these metrics collect"):
            trainer.set_state(**{**state, "collected": [collected]})
    model.fit(x, x, verbose=0)


@pytest.mark.parametrize("dtype", ULP)
def test_scikit_learn_agrees(dtype):
    two, three = peers.labels(2), peers.labels(3)
    score, tied = peers.values(1, 7919), peers.values(1, 7919, 11)
    p, t = peers.values(3, 7919), peers.values(3, 7919) + 0.3 * peers.values(3, 104729) + 1e3
    binary = evaluate(score, two, "binary_cross_entropy", ["auc", "precision", "recall", "f1"], dtype)
    several = evaluate(p, three, "cross_entropy", ["top_2", "accuracy", "precision", "recall", "f1"], dtype)
    found = {
        **{name: binary[name] for name in ("auc", "precision", "recall", "f1")},
        "auc, ties": evaluate(tied, two, "binary_cross_entropy", "auc", dtype)["auc"],
        **{name: several[name] for name in ("top_2", "accuracy")},
        **{f"macro {name}": several[name] for name in ("precision", "recall", "f1")},
        **evaluate(p + 1e3, t, "huber", ["r2", "mse", "mae", "rmse"], dtype),
    }
    del found["loss"]
    # Values near 1000 are rounded to float32, whose last place is 6e-5 there.
    assert found == pytest.approx(PEER, rel=ULP[dtype] if dtype == "float64" else 3e-4)


def test_every_kind_of_target_gives_the_same(rng):
    labels = rng.integers(0, 2, 50)
    p = rng.normal(size=(50, 2)).round(1)  # with ties
    metrics = ["accuracy", "auc", "precision", "recall", "f1", "top_1"]
    of_labels = evaluate(p, labels, "cross_entropy", metrics)
    assert evaluate(p, np.eye(2)[labels], "cross_entropy", metrics) == pytest.approx(of_labels, rel=1e-14)
    assert of_labels["accuracy"] == of_labels["top_1"]
    single = evaluate(p[:, 1:] - p[:, :1], labels, "binary_cross_entropy", metrics[:-1])
    signed = evaluate(p[:, 1:] - p[:, :1], 2 * labels - 1, "hinge", metrics[:-1])
    for name in ("auc",):
        assert single[name] == signed[name] == pytest.approx(of_labels[name], abs=1e-12)
    assert {name: single[name] for name in metrics[:-1]} == {name: signed[name] for name in metrics[:-1]}


def exact_auc(score, positive):
    """The definition, in fractions."""
    pairs = [(a > b) + Fraction(int(a == b), 2) for a in score[positive] for b in score[~positive]]
    return float(sum(pairs, Fraction(0)) / len(pairs))


@pytest.mark.parametrize("levels", [2, 5, 1000])
def test_auc_is_the_share_of_pairs(levels, rng):
    score = rng.integers(0, levels, 700)
    positive = rng.random(700) < 0.3
    assert evaluate(score[:, None], positive, "mse", "auc")["auc"] == exact_auc(score, positive)


def test_auc_of_one_class_is_nan(rng):
    assert np.isnan(evaluate(rng.normal(size=(9, 1)), np.ones(9), "mse", "auc")["auc"])


def test_r2_at_its_edges(rng):
    p = rng.normal(size=(300, 2))
    constant = np.full(300, 0.1)
    y = np.stack([constant, p[:, 1]], axis=1)
    assert evaluate(p, y, "mse", "r2")["r2"] == 0.5
    assert evaluate(y, y, "mse", "r2")["r2"] == 1
    assert np.isnan(evaluate(p[:1], y[:1], "mse", "r2")["r2"])


def test_r2_does_not_cancel_far_from_zero(rng):
    y = rng.normal(size=(5000, 1))
    p = y + 0.1 * rng.normal(size=(5000, 1))
    near = evaluate(p, y, "mse", "r2")["r2"]
    assert near == pytest.approx(1 - ((y - p) ** 2).sum() / ((y - y.mean()) ** 2).sum(), rel=1e-13)
    # 1e6 rounds p and y at 1e-10.
    assert evaluate(p + 1e6, y + 1e6, "mse", "r2")["r2"] == pytest.approx(near, rel=1e-8)


@pytest.mark.parametrize("batch_size", [1, 7, 64, 500])
def test_an_epoch_without_steps_is_an_evaluation(batch_size, rng):
    x, y = rng.normal(size=(500, 3)), rng.integers(0, 3, 500)
    values = rng.normal(size=(500, 3))
    for target, loss, metrics in (
        (y, "cross_entropy", ["accuracy", "top_2", "precision", "recall", "f1"]),
        (values, "mse", ["r2", "rmse", "mae", "mse"]),
    ):
        model = cr.Sequential([cr.Input(3), cr.Dense(3)], dtype="float64")
        history = model.fit(
            x,
            target,
            batch_size=batch_size,
            loss=loss,
            optimizer=cr.SGD(0.0),
            metrics=metrics,
            validation_data=(x, target),
            verbose=0,
        ).history
        there = model.evaluate(x, target)
        for name in metrics:
            assert history[name] == pytest.approx([there[name]], rel=1e-12), name
            assert history[f"val_{name}"] == [there[name]], name
    model = cr.Sequential([cr.Input(3), cr.Dense(1)])
    history = model.fit(
        x, y > 0, batch_size=batch_size, loss="binary_cross_entropy", optimizer=cr.SGD(0.0), metrics="auc", verbose=0
    )
    assert history.history["auc"] == [model.evaluate(x, y > 0)["auc"]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_bits_for_any_number_of_threads(dtype, rng):
    x = rng.normal(size=(1000, 20))
    y = rng.integers(0, 2, 1000)
    found = set()
    try:
        for threads in (1, 2, 3):
            _core.override_threads(threads)
            kinds = {
                "cross_entropy": (y, ["auc", "f1", "precision", "recall", "top_1"]),
                "huber": (x[:, :2] ** 2, ["r2", "rmse", "mae"]),
            }
            for loss, (target, metrics) in kinds.items():
                model = cr.Sequential([cr.Dense(150, "relu"), cr.Dense(150, "relu"), cr.Dense(2)], dtype=dtype)
                history = model.fit(
                    x, target, epochs=2, batch_size=100, loss=loss, metrics=metrics, validation_split=0.3, verbose=0
                ).history
                found.add((loss, repr(history), repr(model.evaluate(x, target))))
    finally:
        _core.override_threads(0)
    assert len(found) == 2


def test_functions_see_targets_and_predictions(blobs):
    x, y = blobs
    seen = []

    def right(y_true, y_pred):
        seen.append((y_true.shape, y_pred.shape))
        return (y_pred.argmax(axis=1) == y_true).mean()

    model = cr.Sequential([cr.Dense(8, "relu"), cr.Dense(3)])
    history = model.fit(x, y, epochs=3, loss="cross_entropy", metrics=[right, "accuracy"], validation_split=0.2, verbose=0).history
    assert list(history) == ["loss", "right", "accuracy", "val_loss", "val_right", "val_accuracy"]
    assert history["val_right"] == history["val_accuracy"]
    assert all(len(values) == 3 for values in history.values())
    assert seen == [((240,), (240, 3)), ((60,), (60, 3))] * 3
    after = model.evaluate(x[:240], y[:240])
    assert list(after) == ["loss", "right", "accuracy"]
    assert after["right"] == after["accuracy"] == history["right"][-1]
    before = model.evaluate(x, y)
    assert model.train_on_batch(x, y)["right"] == before["right"]


def test_functions_do_not_change_the_training(blobs, fingerprint):
    x, y = blobs

    def zero(y_true, y_pred):
        return 0

    models = [cr.Sequential([cr.Dense(8, "relu"), cr.Dropout(0.2), cr.Dense(3)]) for _ in range(2)]
    models[0].fit(x, y, epochs=3, loss="cross_entropy", verbose=0)
    models[1].fit(x, y, epochs=3, loss="cross_entropy", metrics=zero, verbose=0)
    assert fingerprint(models[0]) == fingerprint(models[1])


def test_values_and_predictions_have_one_shape():
    shapes = []

    def note(y_true, y_pred):
        shapes.append((y_true.shape, y_pred.shape))
        return 0.0

    cr.Sequential([cr.Dense(1)]).fit(np.ones((5, 2)), np.ones(5), loss="mse", metrics=note, verbose=0)
    assert shapes == [((5, 1), (5, 1))]


def test_a_function_that_fails_is_heard():
    def broken(y_true, y_pred):
        return y_pred

    model = cr.Sequential([cr.Dense(2)])
    with pytest.raises(TypeError, match=r"metrics: expected a number from broken, got array"):
        model.fit(np.ones((5, 2)), np.ones((5, 2)), loss="mse", metrics=broken, verbose=0)
    assert np.isfinite(model.fit(np.ones((5, 2)), np.ones((5, 2)), loss="mse", verbose=0).history["loss"]).all()


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_a_function_that_raises_ends_the_fit_once_and_in_order(tmp_path, blobs, fingerprint, error):
    """The epoch is done and in the history, with NaN for what the function owes; a file of the model goes on."""
    x, y = blobs
    calls, told, path = [], [], tmp_path / "net.safetensors"

    def share(y_true, y_pred):
        calls.append(len(y_true))
        if len(calls) == 6:  # the validation of the third epoch
            raise error
        return 0.5

    class Told(cr.Callback):
        def on_train_error(self, error):
            told.append(type(error))

    def fit(model, **more):
        settings = {"epochs": 4, "loss": "cross_entropy", "metrics": ["accuracy", share], "validation_split": 0.1, "verbose": 0}
        return model.fit(x, y, **settings, **more)

    model, whole, resumed = (cr.Sequential([cr.Dense(4, "tanh"), cr.Dense(3)], seed=1) for _ in range(3))
    with pytest.raises(error):
        fit(model, callbacks=Told())
    assert (len(calls), told) == (6, [error])
    assert len(model.history) == 3
    np.testing.assert_array_equal(model.history.history["val_share"], [0.5, 0.5, np.nan])
    model.save(path)
    expected = fit(whole).history
    history = fit(resumed, resume_from=path).history
    assert list(history) == list(expected) == ["loss", "accuracy", "share", "val_loss", "val_accuracy", "val_share"]
    assert all(history[name] == expected[name] for name in expected if not name.endswith("share"))
    assert fingerprint(resumed) == fingerprint(whole)


def test_names_classes_and_instances():
    expected = (cr.metrics.Accuracy(), cr.metrics.TopK(5), cr.metrics.TopK(2), cr.metrics.AUC())
    assert cr.metrics.metrics(["accuracy", cr.metrics.TopK, "top_2", cr.metrics.AUC()]) == expected
    assert cr.metrics.metrics("top_k") == (cr.metrics.TopK(5),)
    assert cr.metrics.metrics(cr.metrics.R2) == (cr.metrics.R2(),)
    assert all(map(cr.metrics.more_is_better, ["accuracy", "val_top_3", "r2", "val_auc", "f1", "my_accuracy"]))
    assert all(map(cr.metrics.more_is_better, ["val_c_auc", "c_top_3", "val_v_r2", "a_b_f1", "val_out_1_precision", "c_recall"]))
    assert not any(map(cr.metrics.more_is_better, ["val_c_loss", "r2_loss", "val_auc_mae", "c_top_", "c_rmse", "auc_", "xr2"]))
    assert not any(map(cr.metrics.more_is_better, ["loss", "val_loss", "mae", "val_rmse", "other"]))


def test_early_stopping_wants_more_r2(rng):
    x = rng.normal(size=(100, 3))
    stop = cr.EarlyStopping("val_r2", patience=2)
    history = cr.Sequential([cr.Dense(1)]).fit(
        x, x[:, 0], epochs=20, loss="mse", metrics="r2", validation_split=0.2, callbacks=stop, verbose=0
    )
    assert len(history) == 20


def test_callbacks_want_more_of_a_heads_metric(rng, tmp_path):
    """The first epoch is the worst: who minimised would keep it."""
    x = rng.normal(size=(100, 3))
    source = cr.Input(3)
    model = cr.Model(source, {"a": cr.Dense(1)(source), "b": cr.Dense(1)(source)})
    stop, plateau = cr.EarlyStopping("val_b_r2", patience=2), cr.callbacks.ReduceLROnPlateau("val_b_r2", patience=2)
    saved = cr.Checkpoint(tmp_path / "{epoch}", monitor="val_b_r2", save_best_only=True)
    history = model.fit(
        x,
        [x[:, 0], x[:, 1]],
        epochs=20,
        loss="mse",
        metrics="r2",
        validation_split=0.2,
        callbacks=[stop, plateau, saved],
        verbose=0,
    )
    values = history.history["val_b_r2"]
    assert values == sorted(values)
    assert len(history) == 20
    assert (stop.best, saved.best, len(saved.files)) == (values[-1], values[-1], 20)
    assert model.optimizer.lr == cr.Adam().lr


@pytest.mark.parametrize(
    ("y", "loss", "metrics", "error", "message"),
    [
        ("labels", "cross_entropy", ["r2"], ValueError, r"evaluate: expected metrics of classes, such as 'accuracy', .* got 'r2'"),
        (
            "labels",
            "cross_entropy",
            ["rmse"],
            ValueError,
            r"evaluate: expected metrics of classes, such as 'accuracy', .* got 'rmse'",
        ),
        ("labels", "cross_entropy", ["auc"], ValueError, r"metrics: expected one output or two for auc, got 3"),
        (
            "labels",
            "cross_entropy",
            ["top_4"],
            ValueError,
            r"metrics: expected k of top_k from 1 to 3, the number of outputs, got 4",
        ),
        ("labels", "cross_entropy", ["top_0"], ValueError, r"TopK: expected k as an integer of at least 1, got 0"),
        ("values", "mse", ["recal"], ValueError, r"unknown metric 'recal': did you mean 'recall'\?"),
        ("values", "mse", [cr.metrics.Metric], TypeError, r"metrics: expected names, .*, classes or functions, got <class"),
        ("values", "mse", [3], TypeError, r"metrics: expected names, .*, classes or functions, got 3"),
        ("values", "mse", ["mse", cr.metrics.MSE], ValueError, r"metrics: expected each name once, got 'mse' twice"),
    ],
)
def test_errors(y, loss, metrics, error, message):
    target = np.array([0, 1]) if y == "labels" else np.zeros((2, 3))
    with pytest.raises(error, match=message):
        evaluate(np.zeros((2, 3)), target, loss, metrics)


def test_metrics_of_labels_are_functions():
    """The class of a row of values is its largest column, of equal ones the first: of several labels in a row functions take notice."""
    x, y = np.eye(4), np.array([[0, 1], [1, 1], [0, 0], [1, 0]])
    model = cr.Sequential([cr.Input(4), cr.Dense(2, kernel_init=[[-1, 1], [1, 2], [-1, -2], [1, -1]])])

    def of_labels(y_true, y_pred):
        return ((y_pred > 0) == y_true).mean()

    found = model.evaluate(x, y, loss="binary_cross_entropy", metrics=["accuracy", of_labels])
    assert (found["accuracy"], found["of_labels"]) == (0.75, 1.0)


def test_functions_need_names_of_their_own():
    class Callable:
        def __call__(self, y_true, y_pred):
            return 0.0

    def loss(y_true, y_pred):
        return 0.0

    with pytest.raises(TypeError, match=r"metrics: expected a function with a __name__"):
        cr.metrics.metrics(Callable())
    with pytest.raises(ValueError, match=r"metrics: expected names other than 'loss' and 'val_...', got 'loss'"):
        cr.metrics.metrics(loss)
