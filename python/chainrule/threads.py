"""How many threads native work may use."""

from chainrule import _core, validation

__all__ = ["get_num_threads", "set_num_threads"]


def set_num_threads(count: int) -> None:
    """Choose how many threads native work may use at most; results do not depend on it, bit for bit.

    Parameters
    ----------
    count : int
        From 1 to 1024; 0 takes the choice back.

    Raises
    ------
    TypeError, ValueError
        For anything else.

    Notes
    -----
    The least limit holds: this one, the CPUs in the affinity mask, the cgroup's quota, ``OMP_NUM_THREADS``,
    ``CHAINRULE_NUM_THREADS``. Small work uses fewer; ``explain_plan`` says how many and why.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.set_num_threads(1)
    >>> cr.get_num_threads()
    1
    >>> cr.set_num_threads(0)
    """
    _core.set_num_threads(validation.integer(count, "set_num_threads", "count", 0, 1024))


def get_num_threads() -> int:
    """Return how many threads native work may use now.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.get_num_threads() >= 1
    True
    """
    return _core.get_num_threads()
