"""Every operation of the graph: its value against NumPy, its derivatives against central differences and against each other.

Each over 26 samples or more; and the checks themselves, by turning the sign of each derivative rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from operation_cases import CASES, Case
from operation_cases.elementwise import BINARY
from operation_checks import DERIVATIVE_CHECKS, Problem, check_value

from chainrule import _core

OPERATIONS = _core.operation_names()
CASES_OF: dict[str, list[Case]] = {name: [case for case in CASES if case.operation == name] for name in OPERATIONS}
# Their inputs may have different shapes that broadcast together.
BROADCAST = [*BINARY, "pow", "where", "matmul", "solve", "broadcast_like", "spread_like", "sum_like"]


def differ(case: Case) -> bool:
    return len({array.shape for array in case.arrays}) > 1


def test_every_case_is_of_an_operation() -> None:
    assert {case.operation for case in CASES} <= set(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_samples_are_many_and_of_all_kinds(operation: str) -> None:
    cases = CASES_OF[operation]
    assert len(cases) >= 26
    largest = [max(math.prod(array.shape) for array in case.arrays) for case in cases]
    assert any(any(0 in array.shape for array in case.arrays) for case in cases)
    assert 1 in largest
    assert any(size > 1 and size % 2 for size in largest)
    assert max(largest) > 16
    if operation in BROADCAST:
        assert sum(differ(case) for case in cases) >= 8


def run(check: Callable[[Case], None], case: Case) -> None:
    """Check, and name the case where that fails."""
    try:
        check(case)
    except Exception as error:
        raise AssertionError(f"{check.__name__} of {case}: {error}") from error


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-13), ("float32", 3e-6)])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_values(operation: str, dtype: str, tolerance: float) -> None:
    def check(case: Case) -> None:
        check_value(case, dtype, tolerance)

    for case in CASES_OF[operation]:
        run(check, case)


@pytest.mark.parametrize("check", DERIVATIVE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_derivatives(operation: str, check: Callable[[Case], None]) -> None:
    for case in CASES_OF[operation]:
        run(check, case)


# --- the checks themselves --------------------------------------------------------------------------------------------------------


def rules(operation: str) -> set[tuple[str, int]]:
    """The mode and the input of each rule that gives a derivative for some case. Nothing flows through the others, by definition."""
    found: set[tuple[str, int]] = set()
    for case in CASES_OF[operation]:
        problem = Problem(case)
        for node, direction in zip(problem.wrt, problem.v, strict=True):
            number = problem.inputs.index(node)
            if problem.graph.reverse([problem.y], [problem.u], [node])[0] >= 0:
                found.add(("vjp", number))
            if problem.graph.forward([node], [direction], [problem.y])[0] >= 0:
                found.add(("jvp", number))
    return found


@contextmanager
def negated(operation: str, mode: str, number: int) -> Iterator[None]:
    _core.negate_rule(operation, mode, number)
    try:
        yield
    finally:
        _core.negate_rule(None)


def notices(case: Case) -> bool:
    for check in DERIVATIVE_CHECKS[:2]:
        try:
            check(case)
        except AssertionError:
            return True
    return False


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_checks_notice_each_rule_of_a_wrong_sign(operation: str) -> None:
    found = rules(operation)
    assert {number for mode, number in found if mode == "vjp"} == {number for mode, number in found if mode == "jvp"}
    for mode, number in sorted(found):
        with negated(operation, mode, number):
            assert any(notices(case) for case in CASES_OF[operation]), f"the {mode} of input {number}"


def test_what_has_no_rule_is_constant() -> None:
    constant = {operation for operation in OPERATIONS if not rules(operation)}
    assert constant == {
        *("exceeds", "equals", "sign", "floor", "ceil", "trunc", "rint"),
        *("determinant_sign", "one_hot_like", "dropout_mask"),
    }


def test_a_rule_of_a_wrong_sign_is_wrong_and_taken_back() -> None:
    graph = _core.Graph("float64")
    x = graph.input("x", ())
    y = graph.apply("exp", [x])
    seed = graph.apply("power", [x], alpha=0.0)
    with negated("exp", "vjp", 0):
        (wrong,) = graph.reverse([y], [seed], [x])
        (forward,) = graph.forward([x], [seed], [y])
    (right,) = graph.reverse([y], [seed], [x])
    values = graph.evaluate([y, wrong, forward, right], {x: np.array(0.5)})
    assert [value / values[0] for value in values] == [1, -1, 1, 1]


def test_negate_rule_refuses_what_does_not_exist() -> None:
    with pytest.raises(ValueError, match="negate_rule: expected mode jvp or vjp, got sideways"):
        _core.negate_rule("exp", "sideways")
    with pytest.raises(ValueError, match="nothing_of_the_kind"):
        _core.negate_rule("nothing_of_the_kind")
