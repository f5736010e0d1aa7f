"""chainrule's estimators against scikit-learn's: from the same parameters and with the same order of rows, the same course."""

import warnings

import numpy as np
import pytest
import sklearn.neural_network
from sklearn.exceptions import ConvergenceWarning

import chainrule as cr
from chainrule.sklearn import MLPClassifier, MLPRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(103, 5))
WEIGHT = RNG.random(103)
Y = {
    "binary": RNG.integers(0, 2, 103),
    "classes": np.array(["a", "b", "c"])[RNG.integers(0, 3, 103)],
    "labels": RNG.integers(0, 2, (103, 4)),
    "number": RNG.normal(size=103),
    "numbers": RNG.normal(size=(103, 3)),
    "counts": RNG.poisson(2, 103),
}


def fit_both(kind, y, weight, **parameters):
    """Return our estimator and theirs, fitted; the last batch of each epoch is smaller than the others."""
    given = {"hidden_layer_sizes": (7, 4), "batch_size": 20, "shuffle": False, "max_iter": 15, "random_state": 3, "alpha": 0.05}
    fitted = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for module in (cr.sklearn, sklearn.neural_network):
            fitted.append(getattr(module, kind)(**given | parameters).fit(X, Y[y], sample_weight=weight))
    return fitted


def assert_same_course(ours, theirs, tolerance=1e-12):
    for one, other in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance)
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=tolerance)
    for name in ("n_iter_", "n_layers_", "n_outputs_", "out_activation_", "t_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    if ours.solver != "lbfgs":
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=tolerance)
        assert ours._no_improvement_count == theirs._no_improvement_count
        for name in ("best_loss_", "best_validation_score_", "validation_scores_"):
            one, other = getattr(ours, name), getattr(theirs, name)
            assert (one is None) == (other is None), name
            assert one is None or one == pytest.approx(other, rel=tolerance), name


@pytest.mark.parametrize("nesterovs_momentum", [True, False])
@pytest.mark.parametrize("momentum", [0.0, 0.9, 1.0])
@pytest.mark.parametrize("learning_rate", ["constant", "invscaling", "adaptive"])
def test_sgd(learning_rate, momentum, nesterovs_momentum):
    parameters = {
        "solver": "sgd",
        "activation": "tanh",
        "learning_rate": learning_rate,
        "learning_rate_init": 0.1 if momentum < 1 else 0.001,
        "momentum": momentum,
        "nesterovs_momentum": nesterovs_momentum,
        "max_iter": 60,
        "tol": 1e-2,
        "n_iter_no_change": 2,
        "power_t": 0.1,
    }
    ours, theirs = fit_both("MLPClassifier", "classes", None, **parameters)
    assert_same_course(ours, theirs)
    assert ours._optimizer.lr == pytest.approx(theirs._optimizer.learning_rate, rel=1e-15)
    if learning_rate == "adaptive" and momentum < 1:
        assert ours._optimizer.lr < 0.1


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_adam_and_lbfgs(activation):
    assert_same_course(*fit_both("MLPClassifier", "classes", None, solver="adam", activation=activation, learning_rate_init=0.01))
    # lbfgs' line searches multiply what rounding leaves.
    assert_same_course(*fit_both("MLPClassifier", "classes", None, solver="lbfgs", activation=activation), tolerance=1e-9)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["equal", "weighted"])
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize(
    ("kind", "y", "loss"),
    [
        ("MLPClassifier", "binary", {}),
        ("MLPClassifier", "labels", {}),
        ("MLPRegressor", "number", {}),
        ("MLPRegressor", "numbers", {}),
        ("MLPRegressor", "counts", {"loss": "poisson"}),
    ],
)
def test_targets(kind, y, loss, solver, weight):
    if solver == "lbfgs" and y == "numbers":
        return  # scikit-learn gives lbfgs the mean of the outputs' losses and the gradient of their sum
    ours, theirs = fit_both(kind, y, weight, solver=solver, activation="tanh", learning_rate_init=0.01, **loss)
    assert_same_course(ours, theirs, tolerance=1e-9 if solver == "lbfgs" else 1e-12)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-9)


@pytest.mark.parametrize(("kind", "y"), [("MLPClassifier", "binary"), ("MLPClassifier", "labels"), ("MLPRegressor", "numbers")])
def test_early_stopping(kind, y):
    parameters = {"early_stopping": True, "activation": "tanh", "learning_rate_init": 0.05, "n_iter_no_change": 5, "max_iter": 100}
    ours, theirs = fit_both(kind, y, WEIGHT, **parameters)
    assert_same_course(ours, theirs)
    assert ours.n_iter_ < 100


def test_partial_fit_and_warm_start():
    for kind, y, classes in (("MLPClassifier", "classes", {"classes": ["a", "b", "c"]}), ("MLPRegressor", "number", {})):
        fitted = []
        for module in (cr.sklearn, sklearn.neural_network):
            estimator = getattr(module, kind)(
                hidden_layer_sizes=7, shuffle=False, batch_size=20, random_state=0, warm_start=True, max_iter=3
            )
            for _ in range(3):
                estimator.partial_fit(X, Y[y], **classes)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                estimator.fit(X, Y[y])
            fitted.append(estimator.partial_fit(X, Y[y]))
        assert_same_course(*fitted)
        assert len(fitted[0].loss_curve_) == 7


def test_first_parameters_are_scikit_learns():
    for activation in ("relu", "logistic"):
        ours, theirs = fit_both("MLPRegressor", "number", None, activation=activation, max_iter=1, learning_rate_init=1e-30)
        for one, other in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
            np.testing.assert_array_equal(one, other)


def test_parameters_and_their_defaults_are_scikit_learns():
    for ours, theirs in (
        (MLPClassifier(), sklearn.neural_network.MLPClassifier()),
        (MLPRegressor(), sklearn.neural_network.MLPRegressor()),
    ):
        defaults = ours.get_params()
        assert theirs.get_params().items() <= defaults.items()
        assert list(theirs.get_params()) == [name for name in defaults if name in theirs.get_params()]


def test_all_fitted_attributes_are_there():
    ours, theirs = fit_both("MLPClassifier", "classes", None)
    assert {name for name in vars(theirs) if name.endswith("_")} <= set(dir(ours))
    ours, theirs = fit_both("MLPRegressor", "number", None, solver="lbfgs")
    assert {name for name in vars(theirs) if name.endswith("_")} <= set(dir(ours))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_number_of_threads_gives_the_same_bits(dtype):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2000, 40)).astype(dtype), rng.integers(0, 5, 2000)
    before, fitted = cr.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            cr.set_num_threads(threads)
            estimator = MLPClassifier((70, 33), alpha=0.1, max_iter=3, random_state=0)
            with pytest.warns(ConvergenceWarning):
                fitted.append(estimator.fit(x, y))
    finally:
        cr.set_num_threads(before)
    for other in fitted[1:]:
        assert fitted[0].loss_curve_ == other.loss_curve_
        for one, two in zip(fitted[0].coefs_, other.coefs_, strict=True):
            np.testing.assert_array_equal(one, two)
