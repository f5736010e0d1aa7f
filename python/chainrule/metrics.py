"""Metrics, by name: counted natively beside the loss, from the same predictions.

``accuracy``
    The share of rows whose largest prediction is the true class; with one output, whose prediction lies on the target's side of the
    threshold (0 for logits, 1/2 otherwise).
``mse``, ``mae``
    The mean over rows and columns of the squared and of the absolute error.
"""

from collections.abc import Iterable

from chainrule.names import unknown

__all__ = ["metric_names"]

_KNOWN = ("accuracy", "mse", "mae")


def metric_names(given: Iterable[str] | str) -> tuple[str, ...]:
    """Return the names asked for, each once.

    Raises
    ------
    ValueError
        For a name that is unknown or given twice.

    Examples
    --------
    >>> from chainrule.metrics import metric_names
    >>> metric_names("accuracy")
    ('accuracy',)
    """
    try:
        names = (given,) if isinstance(given, str) else tuple(given)
    except TypeError:
        raise TypeError(f"metrics: expected names, such as ['accuracy'], got {given!r}") from None
    for position, name in enumerate(names):
        if not isinstance(name, str):
            raise TypeError(f"metrics: expected names, such as ['accuracy'], got {name!r}")
        if name not in _KNOWN:
            raise unknown("metric", name, _KNOWN)
        if name in names[:position]:
            raise ValueError(f"metrics: expected each name once, got {name!r} twice")
    return names
