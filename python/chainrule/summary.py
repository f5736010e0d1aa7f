"""The table that `summary` prints."""

from collections.abc import Sequence
from math import prod

from chainrule.structure import Call, Structure


def parameter_count(structure: Structure, features: Sequence[int]) -> int:
    """Return the number of numbers that training changes."""
    return sum(prod(spec.shape) for spec in structure.parameter_specs(features).values() if spec.trained)


def table(structure: Structure, features: Sequence[int] | None) -> str:
    """Return one line per layer: kind, shape that comes out, parameters; without `features` only what is known."""
    line = all(call.operands == (i,) for i, call in enumerate(structure.calls))
    rows = [("layer", "kind", "output shape", "parameters", "" if line else "of")]
    widths = None if features is None else structure.widths(features)
    names = [*structure.inputs, *(call.place.label for call in structure.calls)]
    for i, call in enumerate(structure.calls):
        operands = "" if line else ", ".join(names[operand] for operand in call.operands)
        if widths is None:
            rows.append((call.place.label, repr(call.layer), "?", "?", operands))
        else:
            shape = f"(rows, {widths[len(structure.inputs) + i]})"
            rows.append((call.place.label, repr(call.layer), shape, f"{_count(call, widths):,}", operands))
    size = [max(len(row[i]) for row in rows) for i in range(4)]
    lines = [f"{a:<{size[0]}}  {b:<{size[1]}}  {c:<{size[2]}}  {d:>{size[3]}}  {e}".rstrip() for a, b, c, d, e in rows]
    rule = "-" * max(map(len, lines))
    if features is None:
        end = "input unknown: fit the model, call build(features), or begin with Input(features)"
    else:
        one = len(structure.inputs) == 1
        inputs = [f"{'input' if one else name} (rows, {width})" for name, width in zip(structure.inputs, features, strict=True)]
        end = f"{', '.join(inputs)}, {parameter_count(structure, features):,} parameters"
    return "\n".join([lines[0], rule, *lines[1:], rule, end])


def _count(call: Call, widths: Sequence[int]) -> int:
    return sum(prod(spec.shape) for spec in call.layer.parameters(widths[call.operands[0]]) if spec.trained)
