"""scikit-learn's MLPClassifier and MLPRegressor, through `fit` with a warm start."""

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from ..workloads import Data, Workload
from . import Train


def make(workload: Workload, data: Data, threads: int) -> Train:
    from threadpoolctl import threadpool_limits

    threadpool_limits(threads)
    kind = MLPRegressor if workload.loss == "mse" else MLPClassifier
    model = kind(
        hidden_layer_sizes=workload.widths[1:-1],
        activation="identity" if workload.activation == "linear" else workload.activation,
        solver=workload.optimizer,
        alpha=0.0,
        batch_size=workload.batch,
        learning_rate_init=workload.lr,
        momentum=0.0,
        tol=0.0,
        n_iter_no_change=1_000_000_000,
        warm_start=True,
        random_state=0,
    )
    y = data.y[:, 0] if data.y.ndim == 2 and data.y.shape[1] == 1 else data.y

    def train(epochs: int) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.set_params(max_iter=epochs).fit(data.x, y)
        return float(model.loss_)

    return train
