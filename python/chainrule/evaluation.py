"""What a model says of data, and of its last training: evaluation, gradients of a loss, moving averages, its plan."""

import contextlib
from collections.abc import Iterator

from chainrule import summary
from chainrule.data import Labelled, require_finite
from chainrule.errors import ChainruleError, TrainingDiverged
from chainrule.judge import called, in_order
from chainrule.losses import Loss
from chainrule.optimizers import Optimizer
from chainrule.portable import Portable
from chainrule.sessions import Sessions
from chainrule.structure import Structure
from chainrule.validation import Array


class Evaluated(Portable):
    """A model with losses and metrics: those of its last training, or others."""

    def __init__(self, structure: Structure, *, seed: int, dtype: object) -> None:
        super().__init__(structure, seed=seed, dtype=dtype)
        self._sessions = Sessions(structure, self._dtype, self._seed)

    @contextlib.contextmanager
    def _unless_it_fails(self) -> Iterator[None]:
        """Take back, where training fails before it begins, what was built and kept for it; a step that diverges has begun."""
        before = self._built, list(self._columns), self._sessions.last
        try:
            yield
        except TrainingDiverged:
            raise
        except BaseException:
            self._built, self._columns, self._sessions.last = before
            raise

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer that trained last; its `lr` may be set. None before the first training."""
        return None if self._sessions.last is None else self._sessions.last.choice.optimizer

    def evaluate(
        self,
        x: object,
        y: object,
        *,
        loss: object = None,
        metrics: object = None,
        sample_weight: object = None,
        loss_weights: object = None,
    ) -> dict[str, float]:
        """Return the mean loss and the metrics over all rows, without dropout.

        Parameters
        ----------
        x, y, sample_weight
            As for `fit`.
        loss, metrics, loss_weights
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
        terms = self._sessions.terms(loss, loss_weights, "evaluate")
        rows = self._labelled(terms.losses).rows(x, y, sample_weight, "evaluate")
        require_finite(rows.x, "evaluate", "x")
        goal = self._sessions.goal("evaluate", terms, metrics, rows.y)
        trainer = self._sessions.for_evaluation(built, goal).trainer
        judged = called(goal, rows.values, lambda: self._predict_rows(rows.x, "evaluate"))
        return in_order(goal, trainer.evaluate(rows.x, rows.values, rows.weight) | judged)

    def loss_and_gradients(
        self, x: object, y: object, *, loss: object = None, sample_weight: object = None, loss_weights: object = None
    ) -> tuple[float, dict[str, Array]]:
        """Return the mean loss over all rows and its gradients in all parameters, without dropout.

        Parameters
        ----------
        x, y, sample_weight
            As for `fit`.
        loss, loss_weights
            As for `fit`; left out, those of the last training.

        Returns
        -------
        float
            sum of weight * loss over sum of weight, with penalties (`l1`, `l2`).
        dict of str to ndarray
            The gradients, of the parameters' shapes and type; names and order as `parameters` gives them. Sums over rows are
            made in blocks of 1024, in order: the same bits for any number of threads.

        Raises
        ------
        TypeError, ValueError
            For data that does not fit.
        TrainingDiverged
            When the loss is NaN or infinite.
        ChainruleError
            Before the model is built.

        Examples
        --------
        >>> import numpy as np
        >>> import chainrule as cr
        >>> model = cr.Sequential([cr.Input(2), cr.Dense(1, kernel_init="zeros")])
        >>> value, gradients = model.loss_and_gradients(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, -1.0]), loss="half_mse")
        >>> value, gradients["0.kernel"].ravel()
        (0.5, array([1., 1.], dtype=float32))
        """
        operation = "loss_and_gradients"
        built = self._ready(operation)
        terms = self._sessions.terms(loss, loss_weights, operation)
        rows = self._labelled(terms.losses).rows(x, y, sample_weight, operation)
        require_finite(rows.x, operation, "x")
        goal = self._sessions.goal(operation, terms, (), rows.y)
        trainer = self._sessions.for_gradients(built, goal)
        value, gradients = trainer.loss_and_gradients(rows.x, rows.values, rows.weight)
        return value, {name: gradients[name] for name in built.shapes if name in built.trained}

    def ema_parameters(self) -> dict[str, Array]:
        """Return copies of the moving averages of the parameters, which an optimizer with `ema` keeps.

        Returns
        -------
        dict of str to ndarray
            Names and shapes as `parameters` gives them; those of a layer that is not trainable are its parameters.

        Raises
        ------
        ChainruleError
            Where the last training's optimizer keeps none.

        Examples
        --------
        >>> import numpy as np
        >>> import chainrule as cr
        >>> model = cr.Sequential([cr.Dense(1, kernel_init="zeros")])
        >>> loss = model.train_on_batch(np.ones((4, 2)), np.ones(4), loss="mse", optimizer=cr.SGD(0.1, ema=0.75))
        >>> model.parameters()["0.bias"], model.ema_parameters()["0.bias"]
        (array([0.2], dtype=float32), array([0.05], dtype=float32))
        """
        averages = {} if self._sessions.last is None else self._sessions.last.trainer.ema_parameters()
        if not averages:
            raise ChainruleError(
                "ema_parameters: expected a model trained by an optimizer with ema, such as Adam(ema=0.999), got none"
            )
        return averages

    @contextlib.contextmanager
    def use_ema(self) -> Iterator[None]:
        """Give the model the moving averages of its parameters for the time of a with block, and then its own back.

        Raises
        ------
        ChainruleError
            As `ema_parameters`.

        Examples
        --------
        >>> import numpy as np
        >>> import chainrule as cr
        >>> x = np.linspace(-1, 1, 50)[:, None]
        >>> model = cr.Sequential([cr.Dense(1)])
        >>> history = model.fit(x, 2 * x, epochs=50, loss="mse", optimizer=cr.Adam(0.1, ema=0.9), verbose=0)
        >>> with model.use_ema():
        ...     averaged = model.predict(x)
        """
        own = self.parameters() if self._built is not None else {}
        self.set_parameters(self.ema_parameters())
        try:
            yield
        finally:
            self.set_parameters(own)

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

    def summary(self) -> None:
        """Print a table of the layers: kind, shape that comes out, number of parameters, and what each is called on where not in line.

        Examples
        --------
        >>> import chainrule as cr
        >>> cr.Sequential([cr.Input(2), cr.Dense(8, "tanh"), cr.Dense(1)]).summary()
        layer    kind              output shape  parameters
        ---------------------------------------------------
        dense_0  Dense(8, 'tanh')  (rows, 8)             24
        dense_1  Dense(1)          (rows, 1)              9
        ---------------------------------------------------
        input (rows, 2), 33 parameters
        """
        print(summary.table(self._structure, None if self._built is None else self._built.features))

    def _labelled(self, losses: list[Loss]) -> Labelled:
        return Labelled(self._accept, losses, list(self._structure.outputs))

    def _size(self) -> str:
        """Return widths and number of parameters, for `repr`."""
        if self._built is None:
            return "input unknown"
        inputs, outputs = (" + ".join(map(str, widths)) for widths in (self._built.features, self._built.outputs))
        return f"{inputs} -> {outputs}, {summary.parameter_count(self._structure, self._built.features):,} parameters"
