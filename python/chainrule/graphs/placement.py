"""The places of slots along their layers: near their neighbours, in their order, and never overlapping.

Each layer in turn solves: minimise ``sum of weight (x - wanted)^2`` with ``x[i + 1] - x[i]`` at least the two slots' reach. With the
distances taken out that is a regression by an ascending sequence, which pooling neighbours that violate it solves exactly.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Protocol

_SWEEPS = 40
_STRAIGHT = 6.0  # what a piece of a long arrow weighs more than one that ends at a box
_ASIDE = 0.05  # what an arrow weighs that comes from a box which nothing leads to: such boxes give way, and chains stay straight


class Placeable(Protocol):
    """What `placed` needs of a slot."""

    x: float
    before: float
    after: float
    is_box: bool
    aside: bool
    above: list[int]
    below: list[int]


def ascending(wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the ascending numbers nearest to the wanted ones in weighted squares."""
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for x, weight in zip(wanted, weights, strict=True):
        mean, total, count = x, weight, 1
        while pools and pools[-1][0] > mean:
            other, more, several = pools.pop()
            mean = (mean * total + other * more) / (total + more)
            total, count = total + more, count + several
        pools.append((mean, total, count))
    return [mean for mean, _, count in pools for _ in range(count)]


def _distances(slots: Sequence[Placeable], layer: Sequence[int], space: float) -> list[float]:
    """Return how far each slot of a layer is at least from the first."""
    distances = [0.0]
    for left, right in itertools.pairwise(layer):
        between = space if slots[left].is_box and slots[right].is_box else space / 2
        distances.append(distances[-1] + slots[left].after + between + slots[right].before)
    return distances


def _weight(slot: Placeable, other: Placeable) -> float:
    """Return how much a slot wants to be in line with a neighbour."""
    if not (slot.is_box or other.is_box):
        return _STRAIGHT
    return _ASIDE if other.aside or slot.aside else 1.0


def placed(slots: Sequence[Placeable], layers: Sequence[Sequence[int]], space: float) -> None:
    """Set x of all slots."""
    distances = [_distances(slots, layer, space) for layer in layers]
    for layer, offsets in zip(layers, distances, strict=True):
        for i, offset in zip(layer, offsets, strict=True):
            slots[i].x = offset - offsets[-1] / 2
    for sweep in range(_SWEEPS):
        sides = ("above", "below") if sweep >= _SWEEPS // 2 else (("above",), ("below",))[sweep % 2]
        order = range(len(layers)) if sweep % 2 == 0 else range(len(layers) - 1, -1, -1)
        for number in order:
            wanted, weights = [], []
            for i, offset in zip(layers[number], distances[number], strict=True):
                slot = slots[i]
                pulls = [(slots[j].x, _weight(slot, slots[j])) for side in sides for j in getattr(slot, side)]
                weight = sum(w for _, w in pulls)
                x = sum(x * w for x, w in pulls) / weight if pulls else slot.x
                wanted.append(x - offset)
                weights.append(weight if pulls else 0.01)
            for i, offset, x in zip(layers[number], distances[number], ascending(wanted, weights), strict=True):
                slots[i].x = x + offset
