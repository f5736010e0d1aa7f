"""scikit-learn's MLPRegressor, trained by chainrule."""

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d

from chainrule.sklearn.base import BaseMLP, Split
from chainrule.sklearn.problems import OUT_ACTIVATIONS, Problem, poisson_target, regression
from chainrule.validation import Array


class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron that minimises a loss of its outputs.

    Parameters
    ----------
    loss : str or class or instance or function, default "squared_error"
        "squared_error": half the squared error; "poisson": half the Poisson deviance of exp(last values), for y of at least 0.
        "absolute_error", and whatever `chainrule.Sequential.fit` takes: "huber", ``chainrule.losses.Huber(2.0)``, or a function
        ``(prediction, target) -> losses of the rows`` made of NumPy's functions.
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
    batch_norm : bool, default False
        Whether the hidden layers normalise their values over the batch before the activation. Not for lbfgs.
    callbacks : sequence of `chainrule.Callback`, default ()
        Called while fitting; they see the network as `model`, and "objective", the reported loss, and "val_loss" in their logs.

    Attributes
    ----------
    coefs_, intercepts_ : list of ndarray
        Kernels (in, out) and biases of the layers. Read-only: put other arrays into the lists to change the network.
    loss_ : float
        The last loss, penalty included.
    loss_curve_, validation_loss_curve_ : list of float
        Losses by iteration; the second without penalty, empty without validation data.
    best_loss_ : float or None
        The least loss; None with early stopping.
    validation_scores_, best_validation_score_ : list of float and float, or None
        R^2 on the validation data; None without early stopping.
    n_iter_, t_ : int
        Iterations of the last fit; samples seen by sgd and adam.
    n_layers_, n_outputs_ : int
        Layers with the input; outputs.
    out_activation_ : str
        "identity"; "exp" for "poisson".
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

    With several outputs scikit-learn reports the mean of their halved squared errors and descends their sum; so does this, but
    for lbfgs, which here descends the sum by its own gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.sklearn import MLPRegressor
    >>> X = np.linspace(-3, 3, 200)[:, None]
    >>> y = np.sin(X).ravel()
    >>> regressor = MLPRegressor("huber", (32, 32), "tanh", solver="lbfgs", max_iter=2000, random_state=0)
    >>> regressor.fit(X, y).score(X, y) > 0.99
    True
    """

    _y_numeric = True

    def __init__(
        self,
        loss: Any = "squared_error",
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
    ) -> None:
        self.loss = loss
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

    def predict(self, X: Any) -> Array:
        """Return the outputs for rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        outputs = self._activated(X)
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    def _encoded(self, y: Array, first: bool, incremental: bool) -> Array:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return y.reshape(len(y), -1)

    def _problem(self) -> Problem:
        return regression(self.loss, self.n_outputs_)

    def _targets(self, y: Array, problem: Problem) -> Array:
        return poisson_target(y) if problem.out_activation == "exp" else y

    def _score_of(self, z: Array, rows: Split) -> float:
        if not np.isfinite(z).all():
            return float("nan")
        return float(r2_score(rows.y, OUT_ACTIVATIONS[self.out_activation_](z), sample_weight=rows.weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
