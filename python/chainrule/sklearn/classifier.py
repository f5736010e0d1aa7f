"""scikit-learn's MLPClassifier, trained by chainrule."""

from typing import Any, TypeVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels

from chainrule.sklearn.base import BaseMLP, Split, is_stochastic
from chainrule.sklearn.problems import OUT_ACTIVATIONS, Problem, classification
from chainrule.validation import Array

T = TypeVar("T", bound="MLPClassifier")


class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multi-layer perceptron that minimises the log-loss of its classes; for multilabel y the sum of the labels' log-losses.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default (100,)
        Widths of the hidden layers.
    activation : str or class or instance or function, or a sequence of these with one for each hidden layer, default "relu"
        "identity", "logistic", "tanh", "relu", or whatever `chainrule.Dense` takes: "gelu", "leaky_relu", ``np.sin``.
    solver : {"adam", "sgd", "lbfgs"}, default "adam"
        Adam (Kingma, Ba 2015); stochastic gradient descent; L-BFGS-B of SciPy on all rows at once, for small data.
    alpha : float, default 1e-4
        Strength of the L2 penalty alpha / 2 |coefs|^2 / n, with the total weight n of the batch; intercepts are free.
    batch_size : int or "auto", default "auto"
        Rows of a step of sgd and adam; "auto" is min(200, n_samples).
    learning_rate : {"constant", "invscaling", "adaptive"}, default "constant"
        Of sgd: constant; learning_rate_init / (t_ + 1)^power_t after each epoch; divided by 5 each time that nothing improves.
    learning_rate_init : float, default 1e-3
        Of sgd and adam.
    power_t : float, default 0.5
        Exponent of "invscaling".
    max_iter : int, default 200
        Epochs of sgd and adam, iterations of lbfgs, at most.
    shuffle : bool, default True
        Whether sgd and adam take the rows in a new order each epoch.
    random_state : int, RandomState or None, default None
        Draws initial parameters (the same numbers as scikit-learn), the part for validation, and the seed of shuffles and dropout.
    tol : float, default 1e-4
        What counts as an improvement; for lbfgs the largest element of the gradient to stop at.
    verbose : bool, default False
        Whether to print a line for each iteration.
    warm_start : bool, default False
        Whether `fit` starts from the parameters of the last fit.
    momentum, nesterovs_momentum : float and bool, default 0.9 and True
        Of sgd.
    early_stopping : bool, default False
        Whether sgd and adam watch the score on validation data instead of the loss, and go back to the best parameters at the end.
    validation_fraction : float, default 0.1
        The part of the data that early stopping takes off, unless `fit` is given validation data.
    beta_1, beta_2, epsilon : float, default 0.9, 0.999, 1e-8
        Of adam.
    n_iter_no_change : int, default 10
        Epochs without an improvement of `tol` before sgd and adam stop.
    max_fun : int, default 15000
        Evaluations of lbfgs, at most.
    dropout : float or sequence of float, default 0.0
        Probability that an output of a hidden layer is dropped in training; for all hidden layers or for each. Not for lbfgs.
    class_weight : dict or "balanced", optional
        Weights of the classes, which multiply those of the rows; "balanced": n_samples / (n_classes * count of the class).
    loss : str or class or instance or function, optional
        Left out or "log_loss": log-loss. Else whatever `chainrule.Sequential.fit` takes, of the values before `out_activation_`.
    batch_norm : bool, default False
        Whether the hidden layers normalise their values over the batch before the activation. Not for lbfgs.
    callbacks : sequence of `chainrule.Callback`, default ()
        Called while fitting; they see the network as `model`, and "objective", the reported loss, and "val_loss" in their logs.

    Attributes
    ----------
    classes_ : ndarray
        The classes.
    coefs_, intercepts_ : list of ndarray
        Kernels (in, out) and biases of the layers. Read-only: put other arrays into the lists to change the network.
    loss_ : float
        The last loss, penalty included.
    loss_curve_, validation_loss_curve_ : list of float
        Losses by iteration; the second without penalty, empty without validation data.
    best_loss_ : float or None
        The least loss; None with early stopping.
    validation_scores_, best_validation_score_ : list of float and float, or None
        Accuracies on the validation data; None without early stopping.
    n_iter_, t_ : int
        Iterations of the last fit; samples seen by sgd and adam.
    n_layers_, n_outputs_ : int
        Layers with the input; outputs.
    out_activation_ : str
        "softmax", or "logistic" for two classes and for labels.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.
    model_ : chainrule.Sequential
        The network, up to `out_activation_`.

    Raises
    ------
    TypeError, ValueError
        From `fit`, for parameters and data that do not fit, and where the loss becomes NaN or infinite.

    Notes
    -----
    float32 data is trained in float32, all other in float64. Updates follow scikit-learn's formulas: from the same parameters and
    with the same order of rows they agree to rounding. Orders differ where `shuffle` is on: they come from chainrule's generator and
    are the same on every machine. Hyperparameters, `random_state` and data being the same, so are the bits of a fit with sgd and
    adam, for any number of threads.

    A pickled or copied estimator predicts the same and goes on as the original would: it has what sgd and adam have gathered (moments,
    velocities) and the place in the order of rows.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from chainrule.sklearn import MLPClassifier
    >>> X, y = make_classification(n_samples=200, random_state=1)
    >>> classifier = MLPClassifier((32, 16), ["tanh", "gelu"], dropout=0.1, class_weight="balanced", random_state=1)
    >>> classifier.set_params(learning_rate_init=0.01, max_iter=500).fit(X, y).score(X, y) > 0.95
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: Any = 0.0,
        batch_norm: bool = False,
        callbacks: Any = (),
        class_weight: Any = None,
        loss: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.callbacks = callbacks
        self.class_weight = class_weight
        self.loss = loss

    @available_if(is_stochastic)
    def partial_fit(self: T, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> T:
        """Go on with one epoch over the data, with the state that the solver has.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array-like of shape (n_classes,)
            All classes; needed in the first call, of which y need not have all.

        Returns
        -------
        The estimator itself.

        Raises
        ------
        ValueError
            Without classes in the first call, and for others than these later.
        """
        if classes is None and not hasattr(self, "classes_"):
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if classes is not None:
            classes = unique_labels(classes)
            if not hasattr(self, "classes_"):
                self._binarizer = LabelBinarizer().fit(y if type_of_target(y).startswith("multilabel") else classes)
                self.classes_ = classes
            elif not np.array_equal(classes, self.classes_):
                raise ValueError(f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {self.classes_!r}")
        return self._fit(X, y, sample_weight, None, incremental=True)

    def predict(self, X: Any) -> Array:
        """Return the classes of rows, or the indicators of their labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        return self._decoded(self._activated(X))

    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities of the classes, or of the labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        probabilities = self._activated(X)
        return np.hstack([1 - probabilities, probabilities]) if probabilities.shape[1] == 1 else probabilities

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of `predict_proba`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            -inf for a probability of 0.
        """
        probabilities = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            return np.log(probabilities, out=probabilities)

    def _encoded(self, y: Array, first: bool, incremental: bool) -> Array:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._binarizer.classes_
        else:
            classes = unique_labels(y)
            if self.warm_start and not incremental and set(classes) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                    f"Previously got {self.classes_}, `y` has {classes}"
                )
            if len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
                raise ValueError(f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}.")
        encoded: Array = self._binarizer.transform(y).astype(bool)
        return encoded

    def _problem(self) -> Problem:
        return classification(self.loss, self._binarizer.y_type_, self.n_outputs_)

    def _targets(self, y: Array, problem: Problem) -> Array:
        if problem.loss.takes_labels and problem.out_activation == "softmax":
            labels: Array = y.argmax(axis=1)
            return labels
        return y

    def _row_factors(self, y: Array) -> Array | None:
        return None if self.class_weight is None else np.asarray(compute_sample_weight(self.class_weight, y))

    def _stratify(self, y: Array) -> Array | None:
        return y if self.n_outputs_ == 1 else None

    def _score_of(self, z: Array, rows: Split) -> float:
        if not np.isfinite(z).all():
            return float("nan")
        probabilities = OUT_ACTIVATIONS[self.out_activation_](z)
        if self.out_activation_ == "softmax":
            hits = probabilities.argmax(axis=1) == rows.y.argmax(axis=1)
        else:
            hits = ((probabilities > 0.5) == rows.y).all(axis=1)
        return float(np.average(hits, weights=rows.weight))

    def _decoded(self, probabilities: Array) -> Array:
        given = probabilities.ravel() if self.n_outputs_ == 1 else probabilities
        classes: Array = self._binarizer.inverse_transform(given)
        return classes

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
