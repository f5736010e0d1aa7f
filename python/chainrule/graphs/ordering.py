"""The order of slots within layers, with few crossings: sweeps by the mean place of neighbours, the best kept."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence

_SWEEPS = 24


def crossings(below: Sequence[Sequence[int]], layers: Sequence[Sequence[int]]) -> int:
    """Return how many pairs of edges between neighbouring layers cross."""
    total = 0
    for upper, lower in itertools.pairwise(layers):
        place = {slot: i for i, slot in enumerate(lower)}
        seen: list[int] = []
        for slot in upper:
            ends = sorted(place[i] for i in below[slot])
            total += sum(len(seen) - bisect.bisect_right(seen, end) for end in ends)
            for end in ends:
                bisect.insort(seen, end)
    return total


def _sorted(layer: list[int], fixed: list[int], neighbours: Sequence[Sequence[int]]) -> list[int]:
    """Return a layer by the mean place of the neighbours in the fixed one; what has none keeps its share of the way."""
    share = 1 / max(len(fixed), 1)
    place = {slot: (i + 0.5) * share for i, slot in enumerate(fixed)}
    key = {}
    for i, slot in enumerate(layer):
        near = [place[n] for n in neighbours[slot]]
        key[slot] = sum(near) / len(near) if near else (i + 0.5) / len(layer)
    return sorted(layer, key=key.__getitem__)


def ordered(above: Sequence[Sequence[int]], below: Sequence[Sequence[int]], layers: list[list[int]]) -> list[list[int]]:
    """Return the layers with their slots in a good order; above, below: each slot's neighbours in the layers beside its own."""
    best, fewest = layers, crossings(below, layers)
    current = [list(layer) for layer in layers]
    for sweep in range(_SWEEPS):
        if fewest == 0:
            break
        if sweep % 2 == 0:
            for i in range(len(current) - 2, -1, -1):
                current[i] = _sorted(current[i], current[i + 1], below)
        else:
            for i in range(1, len(current)):
                current[i] = _sorted(current[i], current[i - 1], above)
        number = crossings(below, current)
        if number < fewest:
            best, fewest = [list(layer) for layer in current], number
    return best
