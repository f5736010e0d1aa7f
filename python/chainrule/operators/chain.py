"""Products of operators, multiplied out in the order that costs least."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from chainrule.operators.base import Array, Operator, require_fitting, structured
from chainrule.operators.sketch import Sketch, Work
from chainrule.operators.structures import Dense


class Step(NamedTuple):
    """A product to make: of the factors from `first` to before `middle` with those from there to before `last`."""

    first: int
    middle: int
    last: int


class Plan(NamedTuple):
    """In what order a chain is multiplied out, and what it costs in FLOPs.

    Attributes
    ----------
    steps : list of Step
        The products in the order they are made.
    work : int
        FLOPs of all of them, by the structure of each.
    forward, reverse : int
        FLOPs of pure forward mode, which carries each column through all factors, and of pure reverse mode, each row.
    result : str
        The structure that comes out.
    """

    steps: list[Step]
    work: int
    forward: int
    reverse: int
    result: str

    def order(self, names: Sequence[str]) -> str:
        """Return the product of the names, in parentheses as it is multiplied."""
        texts = {(i, i + 1): name for i, name in enumerate(names)}
        for first, middle, last in self.steps:
            texts[first, last] = f"({texts[first, middle]} {texts[middle, last]})"
        whole = texts[0, len(names)]
        return whole[1:-1] if self.steps else whole


class Chain(Operator):
    """A product of operators, ``A B C ...``, not multiplied out until it is asked for.

    Parameters
    ----------
    factors : sequence of Operator
        At least one; chains among them are taken apart.

    Raises
    ------
    ValueError
        For no factor, and for shapes that do not multiply.

    Notes
    -----
    Multiplication is associative, its work is not: dynamic programming over all intervals of factors finds the order with the least
    FLOPs, counted by the structures that the products have. ``A @ x`` with an array goes from the right.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.operators import Chain, Dense
    >>> chain = Chain([Dense(np.ones((1, 50))), Dense(np.ones((50, 50))), Dense(np.ones((50, 50)))])
    >>> chain.explain()
    factor   operator
    A[0]     Dense(1, 50)
    A[1]     Dense(50, 50)
    A[2]     Dense(50, 50)
    product  Dense(1, 50)
    order    (A[0] A[1]) A[2]: 10,000 FLOPs
    forward  505,000 FLOPs: each of 50 columns through all factors from the right
    reverse  10,100 FLOPs: each of 1 rows through all factors from the left
    """

    _is_lazy: ClassVar[bool] = True

    def __init__(self, factors: Sequence[Operator]) -> None:
        self.factors: list[Operator] = []
        for factor in factors:
            if not isinstance(factor, Operator):
                raise TypeError(f"Chain: expected operators, got {factor!r}")
            if self.factors:
                require_fitting(self.factors[-1], factor)
            self.factors += factor.factors if isinstance(factor, Chain) else [factor]
        if not self.factors:
            raise ValueError("Chain: expected at least one factor, got none")
        self.shape = (self.factors[0].shape[0], self.factors[-1].shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return np.result_type(*(factor.dtype for factor in self.factors))

    @property
    def T(self) -> Chain:  # noqa: N802
        """The chain of the transposes from the last to the first."""
        return Chain([factor.T for factor in reversed(self.factors)])

    def dense(self) -> Array:
        """Return the product as an array, multiplied in the order of `plan`."""
        return self.product().dense()

    def product(self) -> Operator:
        """Return the product, multiplied in the order of `plan`, in the structure that comes out."""
        parts = {(i, i + 1): factor for i, factor in enumerate(self.factors)}
        for first, middle, last in self.plan().steps:
            parts[first, last] = multiply(parts.pop((first, middle)), parts.pop((middle, last)))
        return parts[0, len(self.factors)]

    def plan(self) -> Plan:
        """Return the order with the least work."""
        prices = _Prices()
        count = len(self.factors)
        best = {(i, i + 1): _Part(0, i, prices.sketched(factor)) for i, factor in enumerate(self.factors)}
        for length in range(2, count + 1):
            for first in range(count - length + 1):
                last = first + length
                best[first, last] = min(
                    (prices.part(best[first, middle], best[middle, last], middle) for middle in range(first + 1, last)),
                    key=lambda part: part.work,
                )
        steps: list[Step] = []
        waiting = [(0, count)]
        while waiting:
            first, last = waiting.pop()
            if last - first > 1:
                middle = best[first, last].middle
                steps.append(Step(first, middle, last))
                waiting += [(first, middle), (middle, last)]
        whole = best[0, count]
        forward = prices.carried(self.factors, self.shape[1])
        reverse = prices.carried(self.T.factors, self.shape[0])
        return Plan(steps[::-1], whole.work, forward, reverse, repr(whole.product))

    def explain(self, names: Sequence[str] | None = None) -> None:
        """Print the factors, the order in which they are multiplied, and its work beside that of pure forward and pure reverse mode.

        Parameters
        ----------
        names : sequence of str, optional
            What the factors are called; "A[0]" and so on where none are given.
        """
        print(self.explanation(names))

    def explanation(self, names: Sequence[str] | None = None) -> str:
        """Return what `explain` prints."""
        names = [f"A[{i}]" for i in range(len(self.factors))] if names is None else list(names)
        plan = self.plan()
        rows = [("factor", "operator"), *zip(names, map(repr, self.factors), strict=True), ("product", plan.result)]
        rows.append(("order", f"{plan.order(names)}: {plan.work:,} FLOPs"))
        rows.append(("forward", f"{plan.forward:,} FLOPs: each of {self.shape[1]:,} columns through all factors from the right"))
        rows.append(("reverse", f"{plan.reverse:,} FLOPs: each of {self.shape[0]:,} rows through all factors from the left"))
        width = max(len(left) for left, _ in rows) + 2
        return "\n".join(f"{left:{width}}{right}" for left, right in rows)

    def __repr__(self) -> str:
        return f"Chain({self.shape}: {' @ '.join(map(repr, self.factors))})"

    def _mapped(self, function: Callable[[Any], Any]) -> Chain:
        return Chain([factor._mapped(function) for factor in self.factors])

    def _times(self, x: Any) -> Any:
        return functools.reduce(lambda y, factor: factor._times(y), reversed(self.factors), x)

    def _plain(self) -> Operator:
        return self.product()


def multiply(left: Operator, right: Operator, work: Work | None = None) -> Operator:
    """Return the product, multiplied out, in its structure; of sketches with the counter that they have."""
    left, right = left._plain(), right._plain()
    product = structured(left, right, functools.partial(multiply, work=work))
    if product is not None:
        return product
    if isinstance(left, Dense) and not isinstance(right, Dense):
        return Dense(right.T._times(left.matrix.T).T)
    if work is None or isinstance(right, Dense):
        return Dense(left._times(right._matrix()))
    work.flops += math.prod(right.shape)
    return Dense(left._times(Sketch(right.shape, work)))


class _Part(NamedTuple):
    """Some factors in a row: the work of their product, where it is cut, its structure."""

    work: int
    middle: int
    product: Operator


class _Prices:
    """What products cost, each kind found once: by the same rules that make them, run on sketches."""

    def __init__(self) -> None:
        self._work = Work()
        self._known: dict[tuple[str, str], tuple[int, Operator]] = {}

    def sketched(self, operator: Operator) -> Operator:
        return operator._mapped(lambda array: Sketch(array.shape, self._work))

    def part(self, left: _Part, right: _Part, middle: int) -> _Part:
        kind = repr(left.product), repr(right.product)
        if kind not in self._known:
            before = self._work.flops
            product = multiply(left.product, right.product, self._work)
            self._known[kind] = self._work.flops - before, product
        work, product = self._known[kind]
        return _Part(left.work + right.work + work, middle, product)

    def carried(self, factors: Sequence[Operator], columns: int) -> int:
        """Return the work of taking so many vectors through the factors, one by one."""
        before = self._work.flops
        for factor in factors:
            self.sketched(factor)._times(Sketch((factor.shape[1], columns), self._work))
        return self._work.flops - before
