"""The table that `Sequential.summary` prints."""

from collections.abc import Sequence
from math import prod

from chainrule.building import places, widths
from chainrule.layers import Layer


def parameter_count(layers: Sequence[Layer], features: int) -> int:
    """Return the number of numbers that training changes."""
    return sum(_count(layer, width) for layer, width in zip(layers, widths(layers, features), strict=False))


def table(layers: Sequence[Layer], features: int | None) -> str:
    """Return one line per layer: name, kind, shape that comes out, parameters; without `features` only what is known."""
    rows = [("layer", "kind", "output shape", "parameters")]
    columns = None if features is None else widths(layers, features)
    for i, (layer, place) in enumerate(zip(layers, places(layers), strict=True)):
        if columns is None:
            rows.append((place.label, repr(layer), "?", "?"))
        else:
            rows.append((place.label, repr(layer), f"(rows, {columns[i + 1]})", f"{_count(layer, columns[i]):,}"))
    size = [max(len(row[i]) for row in rows) for i in range(4)]
    lines = [f"{a:<{size[0]}}  {b:<{size[1]}}  {c:<{size[2]}}  {d:>{size[3]}}" for a, b, c, d in rows]
    rule = "-" * len(lines[0])
    if features is None:
        end = "input unknown: fit the model, call build(features), or begin with Input(features)"
    else:
        end = f"input (rows, {features}), {parameter_count(layers, features):,} parameters"
    return "\n".join([lines[0], rule, *lines[1:], rule, end])


def _count(layer: Layer, features: int) -> int:
    return sum(prod(spec.shape) for spec in layer.parameters(features))
