"""What classifier and regressor share: the network, its fit by one of the solvers, and the fitted attributes."""

import warnings
from collections.abc import Sequence
from copy import deepcopy
from numbers import Real
from typing import Any, TypeVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array, check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data

from chainrule import Callback, Sequential, TrainingDiverged
from chainrule.hooks import CallbackList
from chainrule.saving import between_epochs
from chainrule.sessions import Choice
from chainrule.sklearn import lbfgs, parameters
from chainrule.sklearn.networks import network, structure
from chainrule.sklearn.problems import OUT_ACTIVATIONS, Problem
from chainrule.sklearn.solvers import make_solver
from chainrule.sklearn.watching import Watch
from chainrule.validation import Array

T = TypeVar("T", bound="BaseMLP")

_NONFINITE = "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."


def is_stochastic(estimator: Any) -> bool:
    """Say whether there is a `partial_fit`, or raise AttributeError."""
    if estimator.solver == "lbfgs":
        raise AttributeError(f"{type(estimator).__name__}: expected solver='sgd' or 'adam' for partial_fit, got 'lbfgs'")
    return True


class Split:
    """Rows as a solver sees them: `y` encoded, so that a row of it is a row of the network's outputs."""

    def __init__(self, x: Any, y: Array, weight: Array | None) -> None:
        self.x = x
        self.y = y
        self.weight = weight


class BaseMLP(BaseEstimator):
    """Base of `MLPClassifier` and `MLPRegressor`, which say what y is, what is minimised and what a good score is."""

    _y_numeric = False

    def fit(self: T, X: Any, y: Any, sample_weight: Any = None, X_val: Any = None, y_val: Any = None) -> T:
        """Fit the network to data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            float32 is computed in float32, everything else in float64. A sparse matrix stays sparse.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Classes, indicators of labels, or numbers.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows, at least 0.
        X_val, y_val : array-like, optional
            Validation data: its loss after each epoch goes to `validation_loss_curve_`; with `early_stopping` it is scored in place
            of a part of X.

        Returns
        -------
        The estimator itself.
        """
        if (X_val is None) != (y_val is None):
            raise ValueError(f"{type(self).__name__}: expected both X_val and y_val, or neither")
        return self._fit(X, y, sample_weight, None if X_val is None else (X_val, y_val), incremental=False)

    @available_if(is_stochastic)
    def partial_fit(self: T, X: Any, y: Any, sample_weight: Any = None) -> T:
        """Go on with one epoch over the data, with the state that the solver has.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.

        Returns
        -------
        The estimator itself.
        """
        return self._fit(X, y, sample_weight, None, incremental=True)

    # What the two kinds of estimator add.

    def _encoded(self, y: Array, first: bool, incremental: bool) -> Array:
        """Check y and return it with a column for each output; sets what `_problem` needs."""
        raise NotImplementedError

    def _problem(self) -> Problem:
        raise NotImplementedError

    def _targets(self, y: Array, problem: Problem) -> Array:
        """Return encoded y as the loss takes it."""
        raise NotImplementedError

    def _row_factors(self, y: Array) -> Array | None:
        """Return the factors of the rows' weights that y asks for."""
        return None

    def _stratify(self, y: Array) -> Array | None:
        """Return what a part for validation must have the same shares of."""
        return None

    def _score_of(self, z: Array, rows: Split) -> float:
        """Return the score of the network's last values."""
        raise NotImplementedError

    # Fitting.

    def _fit(self: T, X: Any, y: Any, sample_weight: Any, held_out: Any, *, incremental: bool) -> T:
        parameters.check(self)
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        rows = self._validated(X, y, sample_weight, first, incremental)
        random = check_random_state(self.random_state)
        if not first:
            parameters.expect_known_sizes(self, rows.y.shape[1])
        self.n_outputs_ = rows.y.shape[1]
        problem = self._problem()
        self.out_activation_ = problem.out_activation
        if first:
            self._initialise(rows, random)
        elif hasattr(self, "model_") and self._structure != structure(self):
            self._rebuild()
        model = self._model()
        if self.solver == "lbfgs":
            self._minimise(model, problem, rows, self._held_out(held_out))
        else:
            training, validation = rows, self._held_out(held_out)
            if self.early_stopping and validation is None:
                training, validation = self._split(rows, random)
            self._train(model, problem, training, validation, incremental)
        self._pull(model)
        if not all(np.isfinite(value).all() for value in (*self.coefs_, *self.intercepts_)):
            raise ValueError(_NONFINITE)
        return self

    def _validated(self, X: Any, y: Any, sample_weight: Any, first: bool, incremental: bool) -> Split:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=self._y_numeric,
            dtype=(np.float64, np.float32),
            reset=first,
        )
        encoded = self._encoded(y, first, incremental)
        weight = self._weights(sample_weight, X)
        factors = self._row_factors(y)
        if factors is not None:
            weight = factors if weight is None else weight * factors
        return Split(X, encoded, weight)

    def _weights(self, sample_weight: Any, X: Any) -> Array | None:
        if sample_weight is None:
            return None
        if isinstance(sample_weight, Real):
            sample_weight = np.full(X.shape[0], float(sample_weight))
        weight = check_array(sample_weight, ensure_2d=False, dtype=(np.float64, np.float32), input_name="sample_weight")
        if weight.ndim != 1:
            raise ValueError(f"Sample weights must be 1D array or scalar, got shape {weight.shape}")
        check_consistent_length(X, weight)
        if not weight.any():
            raise ValueError("Sample weights must not be zero for all rows.")
        return np.asarray(weight)

    def _held_out(self, given: Any) -> Split | None:
        if given is None:
            return None
        X, y = validate_data(self, *given, accept_sparse=["csr", "csc"], multi_output=True, dtype=self.coefs_[0].dtype, reset=False)
        return Split(X, self._encoded(y, False, True), None)

    def _split(self, rows: Split, random: Any) -> tuple[Split, Split]:
        """Take a part off for validation."""
        arrays = [rows.x, rows.y] if rows.weight is None else [rows.x, rows.y, rows.weight]
        parts = train_test_split(*arrays, random_state=random, test_size=self.validation_fraction, stratify=self._stratify(rows.y))
        weights = parts[4:] or [None, None]
        training, validation = (Split(parts[i], parts[2 + i], weights[i]) for i in (0, 1))
        if validation.x.shape[0] < 2:
            raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
        return training, validation

    def _initialise(self, rows: Split, random: Any) -> None:
        """Draw the parameters as scikit-learn does, and begin the curves."""
        hidden = parameters.hidden_sizes(self)
        widths = [rows.x.shape[1], *hidden, self.n_outputs_]
        functions = parameters.activations(self, len(hidden))
        self.n_layers_ = len(widths)
        self.n_iter_ = self.t_ = 0
        self.coefs_: list[Array] = []
        self.intercepts_: list[Array] = []
        # The output layer's bound is that of the hidden layers before it, as scikit-learn has it.
        for fan_in, fan_out, function in zip(widths, widths[1:], [*functions, *(functions[-1:] or ["identity"])], strict=False):
            logistic = isinstance(function, str) and function in ("logistic", "sigmoid")
            bound = np.sqrt((2.0 if logistic else 6.0) / (fan_in + fan_out))
            self.coefs_.append(random.uniform(-bound, bound, (fan_in, fan_out)).astype(rows.x.dtype, copy=False))
            self.intercepts_.append(random.uniform(-bound, bound, fan_out).astype(rows.x.dtype, copy=False))
        self.loss_curve_: list[float] = []
        self.validation_loss_curve_: list[float] = []
        self._forget_best()
        # From a copy: what scikit-learn draws next, the part for validation, is drawn next here, too.
        self._seed = int(deepcopy(random).randint(2**31 - 1))
        self.__dict__.pop("model_", None)

    def _forget_best(self) -> None:
        self._no_improvement_count = 0
        self.best_loss_: float | None = None if self.early_stopping else np.inf
        self.validation_scores_: list[float] | None = [] if self.early_stopping else None
        self.best_validation_score_: float | None = -np.inf if self.early_stopping else None

    def _train(self, model: Sequential, problem: Problem, rows: Split, validation: Split | None, incremental: bool) -> None:
        """Run a stochastic solver."""
        known = getattr(self, "_optimizer", None)
        if known is None or not incremental or known.alpha != self.alpha:
            self._optimizer = make_solver(self, problem)
        score = None
        if self.early_stopping:
            score = self._score_for(model, validation)
        elif self.best_loss_ is None:  # an earlier fit had early stopping
            self.best_loss_ = np.inf
        x = self._rows(rows.x)
        count = x.shape[0]
        if self.batch_size != "auto" and self.batch_size > count:
            warnings.warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=4)
        self.n_iter_ = 0
        watch = Watch(self, self._optimizer, count, score)
        try:
            model.fit(
                x,
                self._targets(rows.y, problem),
                epochs=1 if incremental else self.max_iter,
                batch_size=min(200 if self.batch_size == "auto" else self.batch_size, count),
                loss=problem.loss,
                optimizer=self._optimizer,
                shuffle=self.shuffle,
                sample_weight=rows.weight,
                validation_data=self._validation_data(validation, problem),
                callbacks=[watch, *self._callbacks()],
                verbose=0,
            )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=4)
        except TrainingDiverged as error:
            self._diverged(watch, error)
        if not (incremental or watch.converged or model.stop_training) and self.n_iter_ == self.max_iter:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=4,
            )
        if self.early_stopping:
            model.set_parameters(self._best_parameters)

    def _diverged(self, watch: Watch, error: TrainingDiverged) -> None:
        """End a fit whose loss is infinite: with early stopping there are parameters to go back to."""
        if self.validation_scores_ is None:
            raise ValueError(_NONFINITE) from error
        watch.record(np.nan)
        self.validation_scores_.append(np.nan)
        warnings.warn(f"{error}; the parameters of the best epoch are kept", ConvergenceWarning, stacklevel=5)

    def _score_for(self, model: Sequential, validation: Split | None) -> Any:
        """Return the function that scores the model on the validation rows, and begin to keep the best parameters."""
        assert validation is not None
        if self.validation_scores_ is None:  # an earlier fit had no early stopping
            self.best_loss_, self.validation_scores_, self.best_validation_score_ = None, [], -np.inf
        if not self.validation_scores_:
            self._best_parameters = model.parameters()
        rows = Split(self._rows(validation.x), validation.y, validation.weight)
        return lambda: self._score_of(model.predict(rows.x), rows)

    def _validation_data(self, validation: Split | None, problem: Problem) -> tuple[Any, ...] | None:
        if validation is None:
            return None
        return self._rows(validation.x), self._targets(validation.y, problem), validation.weight

    def _callbacks(self) -> Sequence[Callback]:
        return [self.callbacks] if isinstance(self.callbacks, Callback) else list(self.callbacks)

    def _minimise(self, model: Sequential, problem: Problem, rows: Split, validation: Split | None) -> None:
        """Run lbfgs."""
        hooks = CallbackList(self._callbacks())
        held_out = self._validation_data(validation, problem)
        model.stop_training = False
        self.n_iter_ = 0

        def on_iteration(loss: float) -> bool:
            self.n_iter_ += 1
            self.loss_curve_.append(loss)
            logs = {"loss": loss}
            if held_out is not None:
                x, y, _ = held_out
                logs["val_loss"] = problem.reported * model.evaluate(x, y, loss=problem.loss)["loss"]
                self.validation_loss_curve_.append(logs["val_loss"])
            if self.verbose:
                print(f"Iteration {self.n_iter_}, loss = {loss:.8f}")
            hooks.call("on_epoch_end", self.n_iter_ - 1, logs)
            return model.stop_training

        hooks.start(model, {"epochs": self.max_iter, "steps": 1, "verbose": 0})
        hooks.call("on_train_begin", {})
        result = lbfgs.minimise(
            model,
            lbfgs.Rows(self._rows(rows.x), self._targets(rows.y, problem), rows.weight),
            problem,
            self.alpha,
            max_iter=self.max_iter,
            max_fun=self.max_fun,
            tol=self.tol,
            on_iteration=on_iteration,
            watched=held_out is not None or hooks.wants("on_epoch_end"),
        )
        if not np.isfinite(result.x).all():
            raise ValueError(_NONFINITE)
        hooks.call("on_train_end", {"loss": float(result.fun)})
        self.n_iter_ = min(int(result.nit), self.max_iter)
        self.loss_ = self.best_loss_ = float(result.fun)
        if result.status != 0 and not model.stop_training:
            warnings.warn(
                f"lbfgs failed to converge after {self.n_iter_} iteration(s) (status={result.status}): {result.message}. "
                "Increase max_iter or max_fun, or scale the data.",
                ConvergenceWarning,
                stacklevel=4,
            )

    # The network and its parameters.

    def _model(self) -> Sequential:
        """Return the network with the parameters of `coefs_` and `intercepts_`, which a user may have set."""
        current = (*self.coefs_, *self.intercepts_)
        known: tuple[Any, ...] = getattr(self, "_pulled", ())
        if not hasattr(self, "model_"):
            self.model_, self._structure = network(self), structure(self)
        elif len(known) == len(current) and all(one is other for one, other in zip(known, current, strict=True)):
            return self.model_
        count = len(self.coefs_)
        kernels = {f"dense_{i}.kernel": value for i, value in enumerate(current[:count])}
        biases = {f"dense_{i}.bias": value for i, value in enumerate(current[count:])}
        self.model_.set_parameters(kernels | biases)
        return self.model_

    def _rebuild(self) -> None:
        """Go on with the parameters of the last fit in a network of what is set now."""
        known = self._model().parameters()
        self.model_, self._structure = network(self), structure(self)
        self.model_.set_parameters({name: known[name] for name in self.model_.parameters() if name in known})
        # The best loss, and the optimizer's moments, belong to the other network.
        self._forget_best()
        self.__dict__.pop("_optimizer", None)

    def _pull(self, model: Sequential) -> None:
        """Show the network's parameters as `coefs_` and `intercepts_`: read-only, since an edit in place would go unnoticed."""
        values = model.parameters()
        count = len(self.coefs_)
        self.coefs_ = [values[f"dense_{i}.kernel"] for i in range(count)]
        self.intercepts_ = [values[f"dense_{i}.bias"] for i in range(count)]
        self._freeze()

    def _freeze(self) -> None:
        self._pulled = (*self.coefs_, *self.intercepts_)
        for value in self._pulled:
            value.setflags(write=False)

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled and copied: with what the solver has gathered, which a model leaves behind."""
        state: dict[str, Any] = super().__getstate__()
        session = self.model_._sessions.last if hasattr(self, "model_") else None
        if session is None or session.choice.optimizer is not getattr(self, "_optimizer", None):
            return state
        return {**state, "_gathered": (session.goal, session.trainer.state())}

    def __setstate__(self, state: Any) -> None:
        """Restore a pickled estimator."""
        goal, held = state.get("_gathered", (None, None))
        super().__setstate__({name: value for name, value in state.items() if name != "_gathered"})
        if hasattr(self, "_pulled"):
            self._freeze()
        if goal is not None:
            built = self.model_._ready("unpickle")
            session = self.model_._sessions.restore(built, goal, Choice(self._optimizer, None))
            session.trainer.set_state(**between_epochs(held))

    # Prediction.

    def _raw(self, X: Any) -> Array:
        """Return the network's last values."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], dtype=(np.float64, np.float32), reset=False)
        return self._model().predict(self._rows(X))

    def _activated(self, X: Any) -> Array:
        raw = self._raw(X)
        return OUT_ACTIVATIONS[self.out_activation_](raw)

    @staticmethod
    def _rows(X: Any) -> Any:
        """Return X as chainrule takes it: an array, or a CSR matrix."""
        return X if isinstance(X, np.ndarray) else X.tocsr()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
