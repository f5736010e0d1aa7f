"""What chainrule's estimators have beside scikit-learn's: tools they work in, and parameters they add."""

import copy
import pickle
import warnings

import joblib
import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import chainrule as cr
from chainrule.sklearn import MLPClassifier, MLPRegressor

IRIS, SPECIES = load_iris(return_X_y=True)
X = np.linspace(-2, 2, 120)[:, None]
Y = np.sin(2 * X).ravel()


@pytest.fixture(autouse=True)
def _epochs_may_run_out():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def regressor(**parameters):
    given = {"hidden_layer_sizes": (20,), "activation": "tanh", "random_state": 0, "max_iter": 300}
    given |= {"learning_rate_init": 0.01, "batch_size": 20}
    return MLPRegressor(**given | parameters)


def classifier(**parameters):
    return MLPClassifier(
        **{"hidden_layer_sizes": (16,), "learning_rate_init": 0.01, "random_state": 0, "max_iter": 100} | parameters
    )


# Tools.


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_grid_search_finds_the_same_with_processes_and_with_threads(backend):
    pipeline = make_pipeline(StandardScaler(), classifier(max_iter=20))
    grid = {"mlpclassifier__alpha": [1e-4, 1.0], "mlpclassifier__dropout": [0.0, 0.5]}
    alone = GridSearchCV(pipeline, grid, cv=3).fit(IRIS, SPECIES)
    with joblib.parallel_backend(backend):
        search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2).fit(IRIS, SPECIES)
    assert alone.best_params_ == search.best_params_
    np.testing.assert_array_equal(alone.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(alone.predict_proba(IRIS), search.predict_proba(IRIS))


def test_cross_validation_and_clones():
    pipeline = make_pipeline(StandardScaler(), classifier())
    assert cross_val_score(pipeline, IRIS, SPECIES).mean() > 0.9
    original = classifier(callbacks=[cr.EarlyStopping("objective")], activation=[np.tanh], loss=cr.losses.CrossEntropy(0.1))
    np.testing.assert_array_equal(
        clone(original).fit(IRIS, SPECIES).predict_proba(IRIS), original.fit(IRIS, SPECIES).predict_proba(IRIS)
    )


COPIES = pytest.mark.parametrize(
    "copied",
    [
        lambda estimator, path: pickle.loads(pickle.dumps(estimator)),
        lambda estimator, path: copy.deepcopy(estimator),
        lambda estimator, path: joblib.dump(estimator, path / "a") and joblib.load(path / "a"),
        lambda estimator, path: joblib.dump(estimator, path / "a") and joblib.load(path / "a", mmap_mode="r"),
    ],
    ids=["pickle", "deepcopy", "joblib", "mmap"],
)


@COPIES
def test_copies_predict_the_same_and_train_on(copied, tmp_path):
    estimator = classifier(early_stopping=True, dropout=0.1, activation=[np.sin]).fit(IRIS, SPECIES)
    other = copied(estimator, tmp_path)
    np.testing.assert_array_equal(other.predict_proba(IRIS), estimator.predict_proba(IRIS))
    other.set_params(early_stopping=False).partial_fit(IRIS, SPECIES)
    assert not np.array_equal(other.coefs_[0], estimator.coefs_[0])


@COPIES
@pytest.mark.parametrize("parameters", [{}, {"solver": "sgd"}, {"dropout": 0.2, "batch_norm": True}])
def test_copies_go_on_as_the_original_does(copied, parameters, tmp_path):
    for original in (classifier(**parameters), classifier(**parameters).fit(IRIS, SPECIES)):
        original.partial_fit(IRIS, SPECIES, classes=[0, 1, 2])
        other = copied(original, tmp_path)
        for estimator in (original, other):
            estimator.partial_fit(IRIS, SPECIES).partial_fit(IRIS, SPECIES)
        np.testing.assert_array_equal(other.coefs_[0], original.coefs_[0])
        assert other.loss_curve_ == original.loss_curve_


def test_fits_are_repeated_bit_for_bit():
    one, other = (classifier(dropout=0.2, batch_size=17).fit(IRIS, SPECIES) for _ in range(2))
    np.testing.assert_array_equal(one.coefs_[0], other.coefs_[0])
    assert one.loss_curve_ == other.loss_curve_
    assert classifier(dropout=0.2, batch_size=17, random_state=1).fit(IRIS, SPECIES).loss_curve_ != one.loss_curve_


def test_parameters_are_set_through_the_lists_and_an_edit_in_place_is_refused():
    estimator = regressor(max_iter=1).fit(X, Y)
    estimator.coefs_[1] = np.zeros_like(estimator.coefs_[1])
    estimator.intercepts_ = [estimator.intercepts_[0], np.full(1, 3.0)]
    np.testing.assert_array_equal(estimator.predict(X), np.full(120, 3.0))
    for frozen in (regressor(max_iter=1).fit(X, Y), pickle.loads(pickle.dumps(estimator.partial_fit(X, Y)))):
        with pytest.raises(ValueError, match="read-only"):
            frozen.coefs_[0][0, 0] = 1


# Losses and weights.


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize(
    ("loss", "value"),
    [
        ("absolute_error", lambda p, t: np.abs(p - t).mean()),
        ("mae", lambda p, t: np.abs(p - t).mean()),
        ("huber", lambda p, t: np.where(np.abs(p - t) <= 1, (p - t) ** 2 / 2, np.abs(p - t) - 0.5).mean()),
        (cr.losses.Huber(0.1), lambda p, t: np.where(np.abs(p - t) <= 0.1, (p - t) ** 2 / 2, 0.1 * np.abs(p - t) - 0.005).mean()),
        (lambda p, t: np.mean(np.log(np.cosh(p - t)), axis=1), lambda p, t: np.log(np.cosh(p - t)).mean()),
    ],
    ids=["absolute_error", "mae", "huber", "Huber(0.1)", "function"],
)
def test_losses(loss, value, solver):
    estimator = regressor(loss=loss, solver=solver, alpha=0.0).fit(X, Y)
    assert estimator.score(X, Y) > 0.9
    # lbfgs reports the loss where it ends, adam the mean over the last epoch's steps: of one more step here, without an update.
    if solver == "adam":
        estimator.set_params(learning_rate_init=1e-30, warm_start=True, max_iter=1).fit(X, Y)
    assert estimator.loss_ == pytest.approx(value(estimator.predict(X), Y), rel=1e-6)


def test_a_quantile_is_what_the_loss_asks_for():
    def pinball(prediction, target):
        difference = target - prediction
        return np.sum(np.maximum(0.9 * difference, -0.1 * difference), axis=1)

    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (2000, 1))
    y = x.ravel() + rng.normal(size=2000) * (1 + x.ravel() ** 2)
    estimator = regressor(loss=pinball, max_iter=60).fit(x, y)
    assert 0.87 < np.mean(y < estimator.predict(x)) < 0.93


def test_class_weights_are_weights_of_rows():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 2)), (rng.random(200) < 0.1).astype(int)
    by_class = classifier(class_weight={0: 1.0, 1: 9.0}).fit(x, y)
    np.testing.assert_array_equal(by_class.coefs_[0], classifier().fit(x, y, np.where(y == 1, 9.0, 1.0)).coefs_[0])
    balanced = classifier(class_weight="balanced").fit(x, y)
    assert balanced.predict(x).mean() > classifier().fit(x, y).predict(x).mean()
    both = classifier(class_weight={1: 2.0}).fit(x, y, np.full(200, 0.5))
    np.testing.assert_array_equal(both.coefs_[0], classifier().fit(x, y, np.where(y == 1, 1.0, 0.5)).coefs_[0])


def test_a_classifier_takes_other_losses():
    smoothed = classifier(loss=cr.losses.CrossEntropy(label_smoothing=0.3)).fit(IRIS, SPECIES)
    assert smoothed.score(IRIS, SPECIES) > 0.9
    assert smoothed.predict_proba(IRIS).max() < classifier().fit(IRIS, SPECIES).predict_proba(IRIS).max()
    brier = classifier(loss=lambda p, t: np.sum((1 / (1 + np.exp(-p)) - t) ** 2, axis=1)).fit(IRIS, SPECIES == 1)
    assert brier.score(IRIS, SPECIES == 1) > 0.9


# Layers.


def test_activations_by_layer():
    estimator = regressor(hidden_layer_sizes=(8, 6, 4), activation=["logistic", "gelu", np.sin]).fit(X, Y)
    z = 1 / (1 + np.exp(-(X @ estimator.coefs_[0] + estimator.intercepts_[0])))
    z = z @ estimator.coefs_[1] + estimator.intercepts_[1]
    gelu = cr.Sequential([cr.Input(6), cr.Activation("gelu")], dtype="float64").predict(z)
    z = np.sin(gelu @ estimator.coefs_[2] + estimator.intercepts_[2])
    np.testing.assert_allclose(estimator.predict(X), (z @ estimator.coefs_[3] + estimator.intercepts_[3]).ravel(), rtol=1e-12)
    with pytest.raises(ValueError, match="expected activation with one element for each of 2 hidden layers, got 3"):
        regressor(hidden_layer_sizes=(8, 6), activation=["relu"] * 3).fit(X, Y)


def test_dropout_acts_in_training_alone():
    plain, dropped = regressor().fit(X, Y), regressor(dropout=0.5).fit(X, Y)
    assert plain.loss_ < 0.5 * dropped.loss_
    np.testing.assert_array_equal(dropped.predict(X), dropped.predict(X))
    assert [layer.p for layer in regressor(hidden_layer_sizes=(4, 4), dropout=[0.0, 0.3]).fit(X, Y).model_.layers[2:3]] == [0.3]
    with pytest.raises(ValueError, match="expected solver='sgd' or 'adam' with dropout"):
        regressor(dropout=0.5, solver="lbfgs").fit(X, Y)


def test_batch_norm_keeps_its_statistics_through_stops_and_pickles():
    estimator = classifier(hidden_layer_sizes=(16, 8), batch_norm=True, early_stopping=True, batch_size=30).fit(IRIS, SPECIES)
    assert estimator.score(IRIS, SPECIES) > 0.9
    values, z = estimator.model_.parameters(), IRIS
    for i, place in enumerate(("norm_0", "norm_1")):
        z = z @ estimator.coefs_[i] + estimator.intercepts_[i]
        scale, shift, mean, variance = (values[f"{place}.{name}"] for name in ("scale", "shift", "running_mean", "running_var"))
        z = np.maximum(scale * (z - mean) / np.sqrt(variance + 1e-5) + shift, 0)
    z = z @ estimator.coefs_[2] + estimator.intercepts_[2]
    np.testing.assert_allclose(estimator.model_.predict(IRIS), z, rtol=1e-10, atol=1e-10)
    other = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(other.predict_proba(IRIS), estimator.predict_proba(IRIS))
    with pytest.raises(ValueError, match="expected solver='sgd' or 'adam' with dropout or batch_norm"):
        classifier(batch_norm=True, solver="lbfgs").fit(IRIS, SPECIES)


def test_no_hidden_layer_is_a_linear_model():
    estimator = regressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0.0, tol=1e-9).fit(X, 3 * X.ravel() + 1)
    np.testing.assert_allclose([estimator.coefs_[0].item(), estimator.intercepts_[0].item()], [3, 1], rtol=1e-6)


# Data.


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_float32_stays_float32(solver):
    x, y = X.astype("float32"), Y.astype("float32")
    estimator = regressor(solver=solver, max_iter=5).fit(x, y)
    assert {value.dtype for value in estimator.coefs_ + estimator.intercepts_} == {np.dtype("float32")}
    assert estimator.predict(x).dtype == np.float32
    assert estimator.model_.dtype == "float32"
    np.testing.assert_allclose(estimator.predict(x), regressor(solver=solver, max_iter=5).fit(X, Y).predict(X), atol=1e-3)
    assert regressor(solver=solver, max_iter=5).fit(X, Y).model_.dtype == "float64"


@pytest.mark.parametrize("kind", [scipy.sparse.csr_matrix, scipy.sparse.csc_array])
def test_sparse_data_is_taken_as_dense_data(kind):
    x, y = load_digits(return_X_y=True)
    x = x[:300]
    dense, sparse = (classifier(max_iter=5).fit(data, y[:300]) for data in (x, kind(x)))
    np.testing.assert_array_equal(dense.coefs_[0], sparse.coefs_[0])
    np.testing.assert_array_equal(dense.predict_proba(x), sparse.predict_proba(kind(x)))


def test_validation_data_of_ones_own():
    x_val, y_val = X[::3] + 0.01, np.sin(2 * (X[::3] + 0.01)).ravel()
    for solver in ("adam", "lbfgs"):
        estimator = regressor(solver=solver).fit(X, Y, X_val=x_val, y_val=y_val)
        assert len(estimator.validation_loss_curve_) == len(estimator.loss_curve_) == estimator.n_iter_
        mse = np.mean((estimator.predict(x_val) - y_val) ** 2)
        assert estimator.validation_loss_curve_[-1] == pytest.approx(mse / 2, rel=1e-9)
        assert estimator.validation_scores_ is None or solver == "lbfgs"
    stopped = classifier(early_stopping=True, max_iter=1000).fit(IRIS[::2], SPECIES[::2], X_val=IRIS[1::2], y_val=SPECIES[1::2])
    assert stopped.n_iter_ < 1000
    assert stopped.score(IRIS[1::2], SPECIES[1::2]) == stopped.best_validation_score_ == max(stopped.validation_scores_)
    assert len(stopped.validation_loss_curve_) == stopped.n_iter_
    with pytest.raises(ValueError, match="expected both X_val and y_val"):
        regressor().fit(X, Y, X_val=X)
    with pytest.raises(ValueError, match="has classes not in"):
        classifier().fit(IRIS, SPECIES, X_val=IRIS[:3], y_val=[0, 1, 7])


def test_early_stopping_goes_back_to_the_best_parameters():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 20)), rng.normal(size=60)
    x_val, y_val = rng.normal(size=(40, 20)), rng.normal(size=40)
    estimator = regressor(early_stopping=True).fit(x, y, X_val=x_val, y_val=y_val)
    assert np.argmax(estimator.validation_scores_) < estimator.n_iter_ - 1
    assert estimator.score(x_val, y_val) == pytest.approx(estimator.best_validation_score_, rel=1e-12)


def test_several_labels_and_outputs():
    y = np.stack([SPECIES == 0, SPECIES > 0], axis=1).astype(int)
    labels = classifier(early_stopping=True).fit(IRIS, y)
    assert labels.predict(IRIS).shape == (150, 2)
    assert labels.score(IRIS, y) > 0.95
    assert labels.predict_log_proba(IRIS).shape == (150, 2)
    both = regressor(solver="lbfgs").fit(X, np.stack([Y, -2 * Y], axis=1))
    assert both.predict(X).shape == (120, 2)
    assert both.score(X, np.stack([Y, -2 * Y], axis=1)) > 0.99


# Callbacks.


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_callbacks_see_the_network_and_can_stop(solver):
    seen = []

    class Look(cr.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(np.mean((self.model.predict(X).ravel() - Y) ** 2) / 2)
            if epoch == 6:
                self.model.stop_training = True

    estimator = regressor(solver=solver, callbacks=[Look()]).fit(X, Y)
    assert estimator.n_iter_ == len(seen) == 7
    assert seen[-1] < seen[0]
    assert seen[-1] == pytest.approx(np.mean((estimator.predict(X) - Y) ** 2) / 2, rel=1e-12)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_the_network_can_be_saved_while_it_is_trained_and_afterwards(solver, tmp_path):
    best = cr.Checkpoint(tmp_path / "best.safetensors", monitor="loss", save_best_only=True)
    estimator = regressor(solver=solver, max_iter=20, callbacks=[best]).fit(X, Y)
    estimator.model_.save(tmp_path / "last.safetensors")
    again = cr.load(tmp_path / "last.safetensors")
    np.testing.assert_array_equal(again.predict(X).ravel(), estimator.predict(X))
    assert cr.load(tmp_path / "best.safetensors").predict(X).shape == (120, 1)


def test_early_stopping_on_the_loss_of_validation_data_by_a_callback():
    stopping = cr.EarlyStopping("val_loss", patience=3, restore_best_weights=True)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 20)), rng.normal(size=60)
    estimator = regressor(callbacks=[stopping]).fit(x, y, X_val=x[::-1], y_val=y)
    assert estimator.n_iter_ < 300
    mse = np.mean((estimator.predict(x[::-1]) - y) ** 2)
    assert min(estimator.validation_loss_curve_) == pytest.approx(mse / 2, rel=1e-12)


def test_an_interrupt_ends_a_fit_with_a_warning_and_what_was_learnt_is_kept():
    class Interrupt(cr.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 4:
                raise KeyboardInterrupt

    estimator = regressor(callbacks=[Interrupt()])
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        estimator.fit(X, Y)
    assert estimator.n_iter_ == len(estimator.loss_curve_) == 5
    np.testing.assert_array_equal(estimator.predict(X), estimator.model_.predict(X).ravel())


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_verbose_prints_a_line_for_each_iteration(solver, capsys):
    estimator = regressor(solver=solver, verbose=True, max_iter=4).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"Iteration {i + 1}, loss = {loss:.8f}" for i, loss in enumerate(estimator.loss_curve_)]
    assert len(lines) == 4


@pytest.mark.parametrize("change", [{"activation": "gelu"}, {"dropout": 0.9}, {"batch_norm": True}])
def test_what_is_set_after_a_fit_acts_in_the_next_one_and_not_before(change):
    for fit in ("fit", "partial_fit"):
        fitted = regressor(max_iter=100, warm_start=True).fit(X, Y)
        before = fitted.predict(X)
        fitted.set_params(**change)
        np.testing.assert_array_equal(fitted.predict(X), before)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(X), before)
        coefs = fitted.coefs_
        getattr(fitted.set_params(learning_rate_init=1e-30, max_iter=1), fit)(X, Y)
        np.testing.assert_allclose(fitted.coefs_[0], coefs[0], atol=1e-20)  # gone on with
        wanted = regressor(**change).set_params(max_iter=1, learning_rate_init=1e-30).fit(X, Y)
        wanted.coefs_, wanted.intercepts_ = fitted.coefs_, fitted.intercepts_
        if "batch_norm" not in change:  # whose statistics have seen one batch more here and there
            np.testing.assert_array_equal(fitted.predict(X), wanted.predict(X))
        kinds = [type(layer).__name__ for layer in wanted.model_.layers]
        assert [type(layer).__name__ for layer in fitted.model_.layers] == kinds


def test_normalisation_and_its_statistics_outlive_a_new_dropout():
    fitted = regressor(hidden_layer_sizes=(8, 8), batch_norm=True, max_iter=20, warm_start=True).fit(X, Y)
    before = fitted.model_.parameters()
    fitted.set_params(dropout=0.1, learning_rate_init=1e-30, max_iter=1).partial_fit(X, Y)
    after = fitted.model_.parameters()
    assert set(before) == set(after)
    for name in ("norm_0.scale", "norm_1.shift", "dense_1.kernel"):
        np.testing.assert_allclose(after[name], before[name], atol=1e-20)


def test_the_best_parameters_of_another_network_are_forgotten():
    fitted = classifier(early_stopping=True, warm_start=True).fit(IRIS, SPECIES)
    best = fitted.best_validation_score_
    fitted.set_params(batch_norm=True, activation="tanh", max_iter=1, learning_rate_init=1e-30).fit(IRIS, SPECIES)
    assert len(fitted.validation_scores_) == 1
    assert fitted.best_validation_score_ == fitted.validation_scores_[0] < best
    assert fitted._best_parameters.keys() == fitted.model_.parameters().keys()


def test_other_layers_are_no_warm_start():
    for sizes, y, known in (((7,), Y, r"\[20, 1\]"), ((20, 20), Y, r"\[20, 1\]"), ((20,), np.stack([Y, Y], axis=1), r"\[20, 1\]")):
        for fit in ("fit", "partial_fit"):
            fitted = regressor(max_iter=2, warm_start=True).fit(X, Y)
            before = fitted.predict(X)
            with pytest.raises(ValueError, match=f"MLPRegressor: expected layers of {known} units, as in the last fit, .* got"):
                getattr(fitted.set_params(hidden_layer_sizes=sizes), fit)(X, y)
            np.testing.assert_array_equal(fitted.predict(X), before)
            fitted.set_params(warm_start=False).fit(X, y)


def test_a_new_loss_has_its_own_outputs():
    fitted = regressor(warm_start=True, max_iter=5).fit(X, Y + 2)
    fitted.set_params(loss="poisson", max_iter=300)
    assert fitted.out_activation_ == "identity"
    fitted.fit(X, Y + 2)
    assert fitted.out_activation_ == "exp"
    assert fitted.score(X, Y + 2) > 0.9


def test_partial_fit_takes_a_new_alpha():
    estimator = regressor(alpha=0.0).partial_fit(X, Y)
    plain = copy.deepcopy(estimator)
    for _ in range(100):
        estimator.set_params(alpha=1000.0).partial_fit(X, Y)
        plain.partial_fit(X, Y)
    assert np.abs(estimator.coefs_[0]).max() < 0.1 * np.abs(plain.coefs_[0]).max()


# What is refused.


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alpha": -1}, "MLPRegressor: expected alpha"),
        ({"solver": "newton"}, "expected solver as one of 'lbfgs', 'sgd', 'adam', got 'newton'"),
        ({"hidden_layer_sizes": (5, 0)}, "expected hidden_layer_sizes > 0"),
        ({"n_iter_no_change": 0}, "expected n_iter_no_change"),
        ({"activation": "rellu"}, "did you mean 'relu'"),
        ({"loss": "hubert"}, "did you mean 'huber'"),
        ({"dropout": 1.0}, "expected dropout"),
        ({"loss": "poisson"}, "expected y of at least 0"),
        ({"loss": "cross_entropy"}, "expected a loss of one output, such as 'log_loss'"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        regressor(**parameters).fit(X, Y)


def test_cross_entropy_of_one_output_teaches_nothing():
    with pytest.raises(ValueError, match="expected a loss of one output, such as 'log_loss' for two classes"):
        classifier(loss=cr.losses.CrossEntropy()).fit(IRIS, SPECIES > 0)
    assert classifier(loss="cross_entropy").fit(IRIS, SPECIES).score(IRIS, SPECIES) > 0.9


def test_a_loss_that_runs_away_is_an_error():
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        regressor(solver="sgd", learning_rate_init=1e200, activation="relu").fit(X, Y)
