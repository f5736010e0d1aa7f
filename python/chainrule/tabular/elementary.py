"""Elementary functions of matrices in float64 by chainrule's own kernels: NumPy's give other last bits on other processors."""

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.validation import Array

__all__ = ["apply"]


def apply(function: str | Callable[[Any], Any], values: Array) -> Array:
    """Return a function of each element, or of each row, as an activation is one.

    Parameters
    ----------
    function : str or function
        As `chainrule.Activation` takes it.
    values : array of shape (rows, columns)

    Returns
    -------
    array of float64, shape (rows, columns)

    Examples
    --------
    >>> import numpy as np
    >>> apply("softmax", np.array([[0.0, 0.0]]))
    array([[0.5, 0.5]])
    """
    model = cr.Sequential([cr.Input(values.shape[1]), cr.Activation(function)], dtype="float64")
    return model.predict(np.asarray(values, np.float64))
