"""Sequential: layers in a row that can be trained."""

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from chainrule import _core, validation
from chainrule.callbacks import Callback
from chainrule.data import fit_data, labelled_rows
from chainrule.errors import ChainruleError
from chainrule.history import History
from chainrule.hooks import CallbackList
from chainrule.layers import Input, Layer
from chainrule.optimizers import Optimizer
from chainrule.progress import checked_verbose, make_progress
from chainrule.sample_gradients import SampleGradients
from chainrule.training import FitLoop

__all__ = ["Sequential"]


class Sequential(SampleGradients):
    """Layers applied one after the other.

    Parameters
    ----------
    layers : sequence of Layer or function
        The layers, each object once; a function of arrays is taken as `Activation(function)`. The first may be `Input(features)`;
        otherwise the first fit tells the input's width.
    seed : int, default 0
        Keys everything random: initial values, shuffling, dropout. From 0 to 2**64 - 1.
    dtype : {"float32", "float64"}, default "float32"
        What parameters are stored, and everything is computed, in.

    Attributes
    ----------
    history : History or None
        Of the last fit, also of one that was interrupted.
    stop_training : bool
        Set to True by a callback, or from another thread, to end a fit.

    Raises
    ------
    TypeError, ValueError
        For anything that is no layer, no layer at all, a layer or a layer's name given twice, another dtype.

    Notes
    -----
    The same seed and data give the same bits for any number of threads and any instruction set.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> y = np.array([0, 1, 1, 0])
    >>> model = cr.Sequential([cr.Dense(8, "tanh"), cr.Dense(1)], seed=1)
    >>> history = model.fit(x, y, epochs=2000, batch_size=4, loss="mse", optimizer=cr.SGD(0.1), verbose=0)
    >>> model.predict(x).round().ravel().tolist()
    [0.0, 1.0, 1.0, 0.0]
    """

    def __init__(self, layers: Iterable[Layer | Input | Callable[..., Any]], *, seed: int = 0, dtype: object = "float32") -> None:
        super().__init__(layers, seed=seed, dtype=dtype)
        self._lock = threading.Lock()  # held while the model trains
        self.history: History | None = None
        self.stop_training = False

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer that trained last; its `lr` may be set. None before the first training."""
        return None if self._sessions.last is None else self._sessions.last.choice.optimizer

    def fit(
        self,
        x: object,
        y: object,
        *,
        epochs: int = 1,
        batch_size: int | None = None,
        loss: object = None,
        optimizer: object = "adam",
        metrics: Iterable[str] | str = (),
        validation_data: object = None,
        validation_split: float = 0.0,
        shuffle: bool = True,
        sample_weight: object = None,
        class_weight: Mapping[int, float] | None = None,
        callbacks: Iterable[Callback] | Callback = (),
        verbose: int | str = "auto",
    ) -> History:
        """Train: minimise the mean loss over batches of rows.

        Parameters
        ----------
        x : array of shape (rows, features)
            float32, float64, integer or bool, of any strides, read-only, memory-mapped: read in place, cast batch by batch.
        y : array of shape (rows,) or (rows, outputs)
            Integer class labels (rows,) for losses that take them, else values; (rows,) serves for one output.
        epochs : int, default 1
            Passes over the data.
        batch_size : int, optional
            Rows per step; the last step of an epoch takes what is left. Left out: 32; all rows for `LevenbergMarquardt`.
        loss : str or class or Loss or function
            See `chainrule.losses`. May be left out once the model has been trained: then it is the last one.
        optimizer : str or class or Optimizer, default "adam"
            See `chainrule.optimizers`. The same object as in the last training, with the same loss and metrics, goes on with its
            state, epoch numbers included: two fits of two epochs equal one of four, bit for bit. Anything else starts anew.
        metrics : sequence of str
            Of "accuracy", "mse", "mae".
        validation_data : tuple, optional
            (x, y) or (x, y, sample_weight), evaluated after each epoch.
        validation_split : float, default 0
            Takes this last fraction of the rows for validation instead.
        shuffle : bool, default True
            Whether each epoch takes the rows in a new order.
        sample_weight : array of shape (rows,), optional
            Weights of the rows in a batch's mean loss, at least 0: sum of weight * loss over sum of weight. Metrics ignore them.
        class_weight : dict of int to float, optional
            Factors of the rows' weights by class; a class that is not named counts 1.
        callbacks : sequence of Callback
            See `chainrule.callbacks`.
        verbose : {"auto", 0, 1, 2}, default "auto"
            0: silent; 1: a bar on a terminal with tqdm, else lines; 2: lines; "auto": 1.

        Returns
        -------
        History
            Also kept as `model.history`.

        Raises
        ------
        TypeError, ValueError
            For data, names or numbers that do not fit. The model is unchanged then, but for one case: a NaN or infinity in `x` is
            found when its batch is read in the first epoch, and the steps before it have been taken.
        TrainingDiverged
            When the loss becomes NaN or infinite; parameters stay as before that step. See `TerminateOnNaN`.
        ChainruleError
            While another fit trains this model.
        KeyboardInterrupt
            On Ctrl-C, within 100 ms; the model stays usable, `model.history` holds the epochs completed.

        Examples
        --------
        >>> import numpy as np
        >>> import chainrule as cr
        >>> x = np.random.default_rng(0).normal(size=(200, 3))
        >>> y = (x.sum(axis=1) > 0).astype(int)
        >>> model = cr.Sequential([cr.Dense(16, "relu"), cr.Dense(2)])
        >>> history = model.fit(x, y, epochs=30, loss="cross_entropy", optimizer=cr.Adam(0.01), metrics=["accuracy"],
        ...                     validation_split=0.2, verbose=0)
        >>> history.history["val_accuracy"][-1] > 0.9
        True
        """
        epochs = validation.integer(epochs, "fit", "epochs", 1)
        batch_size = None if batch_size is None else validation.integer(batch_size, "fit", "batch_size", 1)
        shuffle = validation.flag(shuffle, "fit", "shuffle")
        level = checked_verbose(verbose)
        hooks = CallbackList(callbacks)
        self._begin_training("fit")
        try:
            chosen = self._sessions.loss(loss, "fit")
            data = fit_data(
                self._accept,
                x,
                y,
                chosen,
                sample_weight=sample_weight,
                class_weight=class_weight,
                validation_data=validation_data,
                validation_split=validation_split,
            )
            goal = self._sessions.goal("fit", chosen, metrics, data.y)
            choice = self._sessions.new_optimizer(optimizer)
            batch_size = choice.optimizer.batch_size(batch_size, len(data.x))
            self.build(data.x.shape[1])
            session = self._sessions.for_training(self._ready("fit"), goal, choice)
            trainer = session.trainer
            trainer.bind(
                data.x,
                data.y.values,
                data.weight,
                batch_size=batch_size,
                shuffle=shuffle,
                scale=self._scale,
                validation=data.validation,
            )
            self.stop_training = False
            history = self.history = History()
            progress = make_progress(level, epochs, trainer.steps_per_epoch)
            try:
                hooks.start(self, {"epochs": epochs, "steps": trainer.steps_per_epoch, "verbose": verbose})
                FitLoop(self, session, epochs, hooks, progress, history).run()
            finally:
                progress.close()
                trainer.unbind()
            return history
        finally:
            self._lock.release()

    def train_on_batch(
        self,
        x: object,
        y: object,
        *,
        loss: object = None,
        optimizer: object = None,
        metrics: Iterable[str] | str | None = None,
        sample_weight: object = None,
    ) -> dict[str, float]:
        """Make one step on all rows of x.

        Parameters
        ----------
        x, y, sample_weight
            As for `fit`.
        loss, optimizer, metrics
            As for `fit`; what is left out, or is equal to what the last step had, goes on. The first optimizer is "adam".

        Returns
        -------
        dict
            "loss" and the metrics, before the step.

        Raises
        ------
        TypeError, ValueError, TrainingDiverged, ChainruleError
            As for `fit`.

        Examples
        --------
        >>> import numpy as np
        >>> import chainrule as cr
        >>> model = cr.Sequential([cr.Dense(1, kernel_init="zeros")])
        >>> model.train_on_batch(np.ones((4, 2)), np.ones(4), loss="mse", optimizer=cr.SGD(0.1))
        {'loss': 1.0}
        >>> model.parameters()["0.bias"]
        array([0.2], dtype=float32)
        """
        self._begin_training("train_on_batch")
        try:
            chosen = self._sessions.loss(loss, "train_on_batch")
            rows, y_checked, weight = labelled_rows(self._accept, x, y, sample_weight, chosen, "train_on_batch")
            goal = self._sessions.goal("train_on_batch", chosen, metrics, y_checked)
            choice = self._sessions.next_optimizer(optimizer)
            self.build(rows.shape[1])
            session = self._sessions.for_training(self._ready("train_on_batch"), goal, choice)
            session.trainer.lr = choice.optimizer.lr
            return session.trainer.train_on_batch(rows, y_checked.values, weight, self._scale)
        finally:
            self._lock.release()

    def evaluate(
        self,
        x: object,
        y: object,
        *,
        loss: object = None,
        metrics: Iterable[str] | str | None = None,
        sample_weight: object = None,
    ) -> dict[str, float]:
        """Return the mean loss and the metrics over all rows, without dropout.

        Parameters
        ----------
        x, y, sample_weight
            As for `fit`.
        loss, metrics
            As for `fit`; left out, those of the last training.

        Returns
        -------
        dict
            "loss" and the metrics.

        Raises
        ------
        TypeError, ValueError
            For data that does not fit.
        ChainruleError
            Before the model is built.

        Examples
        --------
        >>> import numpy as np
        >>> import chainrule as cr
        >>> model = cr.Sequential([cr.Input(2), cr.Dense(1, kernel_init="ones")])
        >>> model.evaluate(np.ones((3, 2)), np.zeros(3), loss="mse", metrics=["mae"])
        {'loss': 4.0, 'mae': 2.0}
        """
        built = self._ready("evaluate")
        chosen = self._sessions.loss(loss, "evaluate")
        rows, y_checked, weight = labelled_rows(self._accept, x, y, sample_weight, chosen, "evaluate")
        _core.require_finite(rows, "evaluate", "x")
        goal = self._sessions.goal("evaluate", chosen, metrics, y_checked)
        trainer = self._sessions.for_evaluation(built, goal).trainer
        return trainer.evaluate(rows, y_checked.values, weight, self._scale)

    def explain_plan(self) -> str:
        """Return, in words, how predictions, and after a training its steps, are computed, and why so.

        The instruction set with its lanes; each limit of threads; then for predictions, and for batches as the last fit had
        them, how many threads (and what the estimate says of one and of more, and what the fit measured), by rows or by columns,
        and every step. The estimate decides nothing but the time that a step takes.

        Returns
        -------
        str
            Several lines, for people: their words may change.

        Raises
        ------
        ChainruleError
            Before the model is built.

        Examples
        --------
        >>> import chainrule as cr
        >>> plan = cr.Sequential([cr.Input(2), cr.Dense(1)]).explain_plan()
        """
        parts = [self._ready("explain_plan").network.explain()]
        if self._sessions.last is not None:
            parts.append(self._sessions.last.trainer.explain())
        return "\n".join(parts)

    def _begin_training(self, operation: str) -> None:
        if not self._lock.acquire(blocking=False):
            raise ChainruleError(f"{operation}: expected a model that nothing trains, got one that is training already")
