"""Derivatives in the parameters for each sample by itself: gradients of the loss, and the Jacobian of the outputs."""

import numpy as np

from chainrule import _core
from chainrule.building import Built
from chainrule.losses import Loss
from chainrule.model import Trainable
from chainrule.sparse import dense
from chainrule.structure import Structure
from chainrule.targets import Targets
from chainrule.validation import Array


class SampleGradients(Trainable):
    """A model of one input and one output that tells what each sample asks of its parameters."""

    def __init__(self, structure: Structure, *, seed: int, dtype: object) -> None:
        super().__init__(structure, seed=seed, dtype=dtype)
        self._row_gradients: dict[tuple[Loss | None, bool, int], _core.RowGradients] = {}

    def per_sample_gradients(self, x: object, y: object, *, loss: object = None) -> dict[str, Array]:
        """Return the gradient of each sample's loss in all parameters, without dropout.

        Sample i's gradient in a kernel is the outer product of the layer's input x_i and its cotangent dz_i, in a bias dz_i.
        Their mean over the samples is the gradient that `fit` descends on this batch.

        Parameters
        ----------
        x, y
            As for `fit`, without sample weights.
        loss : str or class or Loss, optional
            As for `fit`; left out, that of the last training.

        Returns
        -------
        dict of str to ndarray of shape (rows, *shape of the parameter)
            Names and order as `parameters` gives them, of the model's dtype: views of one array of shape (rows, parameters).

        Raises
        ------
        TypeError, ValueError
            For data that does not fit.
        MemoryError
            Where rows times parameters are too many.
        ChainruleError
            Before the model is built.

        Examples
        --------
        >>> import numpy as np
        >>> import chainrule as cr
        >>> model = cr.Sequential([cr.Input(2), cr.Dense(1, kernel_init="zeros")])
        >>> gradients = model.per_sample_gradients(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, -1.0]), loss="half_mse")
        >>> gradients["0.kernel"][:, :, 0]
        array([[-1., -2.],
               [ 3.,  4.]], dtype=float32)
        """
        operation = "per_sample_gradients"
        built = self._ready(operation)
        (chosen,) = self._sessions.terms(loss, None, operation).losses
        rows = self._labelled([chosen]).rows(x, y, None, operation)
        (y_checked,) = rows.y
        flat = self._gradients_of(built, chosen, y_checked).run(dense(rows.x[0], operation), y_checked.values, self._scales[0])
        ends = np.cumsum([np.prod(shape) for shape in built.shapes.values()])
        parts = np.split(flat, ends[:-1], axis=1) if built.shapes else []
        shaped = {name: part.reshape(rows.rows, *shape) for (name, shape), part in zip(built.shapes.items(), parts, strict=True)}
        return {name: part for name, part in shaped.items() if name in built.trained}

    def residual_jacobian(self, x: object) -> Array:
        """Return the Jacobian of the outputs, and so of the residuals prediction - target, in all parameters, without dropout.

        Parameters
        ----------
        x : array of shape (rows, features)
            As for `predict`.

        Returns
        -------
        ndarray of shape (rows * outputs, parameters)
            Row i * outputs + j is d output j of sample i; columns are the parameters in the order of `parameters`, each kernel
            (in, out) in C order. Of the model's dtype.

        Raises
        ------
        TypeError, ValueError
            For an x that does not fit.
        MemoryError
            Where rows times outputs times parameters are too many.
        ChainruleError
            Before the model is built.

        Examples
        --------
        >>> import numpy as np
        >>> import chainrule as cr
        >>> cr.Sequential([cr.Input(2), cr.Dense(2)]).residual_jacobian(np.array([[3.0, 4.0]]))
        array([[3., 0., 4., 0., 1., 0.],
               [0., 3., 0., 4., 0., 1.]], dtype=float32)
        """
        built = self._ready("residual_jacobian")
        (rows,) = self._accept(x, "residual_jacobian", "x").x
        return self._gradients_of(built, None, None).run(dense(rows, "residual_jacobian"), None, self._scales[0])

    def _gradients_of(self, built: Built, loss: Loss | None, y: Targets | None) -> _core.RowGradients:
        """Return the native gradients of a loss, or of the outputs, made when first asked for."""
        labels = y is not None and y.labels
        columns = 0 if y is None or labels else y.values.shape[1]
        found = self._row_gradients.get((loss, labels, columns))
        if found is None:
            operation = None if loss is None else loss.operation(built.outputs[0], columns, self._dtype)
            alpha = 0.0 if loss is None else loss.alpha
            found = _core.RowGradients(built.network, loss=operation, alpha=alpha, labels=labels)
            self._row_gradients[loss, labels, columns] = found
        return found
