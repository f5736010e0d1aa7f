"""Where boxes and arrows go: in layers, so that arrows lead downwards and nothing overlaps.

Boxes stand on even layers. Each arrow passes the layers between its ends in slots of its own, as wide as a line, on odd layers as wide
as its label: what has a slot is not crossed by anything. Within layers the order comes from `ordering`, the places from `placement`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from chainrule.graphs.ordering import ordered
from chainrule.graphs.placement import placed

LINE = 9.0  # on either side of an arrow's middle
SPACE = 22.0  # between boxes of a layer
CORNER = 14.0  # of a box, where no arrow meets it
PORTS = 20.0  # between the arrows that meet at a box
GAP = 18.0  # between layers


@dataclass
class Slot:
    """A place in a layer: a box, or where an arrow passes. It reaches from x - before to x + after."""

    layer: int
    before: float
    after: float
    height: float
    is_box: bool
    aside: bool = False  # a box that nothing leads to, or what leads from it
    above: list[int] = field(default_factory=list)
    below: list[int] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0  # of the middle


@dataclass(frozen=True)
class Link:
    """An arrow to lay out: its ends and the size of its label, 0 where there is none."""

    source: int
    target: int
    label: tuple[float, float]


@dataclass(frozen=True)
class Route:
    """Where an arrow goes: vertical pieces (x, from y, to y), from above, and the left middle of its label."""

    pieces: tuple[tuple[float, float, float], ...]
    label: tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """Middles of the boxes, routes of the arrows, and the size of all."""

    boxes: tuple[tuple[float, float], ...]
    routes: tuple[Route, ...]
    size: tuple[float, float]


def layers_of(count: int, links: Sequence[Link]) -> list[int]:
    """Return a layer for each box: below all that leads to it; what nothing leads to stands just above what it leads to."""
    layers = [0] * count
    for link in sorted(links, key=lambda link: link.target):
        layers[link.target] = max(layers[link.target], layers[link.source] + 1)
    led_to = {link.target for link in links}
    first: dict[int, int] = {}
    for link in links:
        first[link.source] = min(first.get(link.source, layers[link.target]), layers[link.target])
    for box, layer in first.items():
        if box not in led_to:
            layers[box] = layer - 1
    return layers


def _slots(sizes: Sequence[tuple[float, float]], links: Sequence[Link]) -> tuple[list[Slot], list[list[int]]]:
    """Return the boxes' slots, then those that arrows pass; and for each arrow the latter."""
    layers = [2 * layer for layer in layers_of(len(sizes), links)]
    led_to = {link.target for link in links}
    slots = [Slot(layers[i], w / 2, w / 2, h, True, i not in led_to) for i, (w, h) in enumerate(sizes)]
    chains = []
    for link in links:
        chain = []
        last = link.source
        for layer in range(layers[link.source] + 1, layers[link.target]):
            labelled = layer == layers[link.target] - 1 and link.label[0] > 0
            after, height = (LINE + link.label[0], link.label[1]) if labelled else (LINE, 0.0)
            slots.append(Slot(layer, LINE, after, height, False, slots[last].aside, above=[last]))
            slots[last].below.append(len(slots) - 1)
            last = len(slots) - 1
            chain.append(last)
        slots[last].below.append(link.target)
        slots[link.target].above.append(last)
        chains.append(chain)
    return slots, chains


def _set_heights(slots: Sequence[Slot], layers: Sequence[Sequence[int]]) -> float:
    """Set the layers below each other, further apart where arrows go far aside; return where the last one ends."""
    top = 0.0
    for layer in layers:
        height = max(slots[i].height for i in layer)
        far = max((abs(slots[i].x - slots[j].x) for i in layer for j in slots[i].above), default=0.0)
        if top > 0:
            top += GAP + min(0.3 * far, 40.0)
        for i in layer:
            slots[i].y = top + height / 2
        top += height
    return top


def _ports(slots: Sequence[Slot], chains: Sequence[Sequence[int]], end: int) -> list[float]:
    """Return where each arrow meets its box, side by side in the order in which they come; end: 0 above, -1 below the arrows."""
    meeting: dict[int, list[int]] = {}
    for arrow, chain in enumerate(chains):
        (box,) = slots[chain[end]].above if end == 0 else slots[chain[end]].below
        meeting.setdefault(box, []).append(arrow)
    ports = [0.0] * len(chains)
    for box, arrows in meeting.items():
        arrows.sort(key=lambda arrow: slots[chains[arrow][end]].x)
        slot = slots[box]
        room = slot.before + slot.after - 2 * CORNER
        step = min(PORTS, room / max(len(arrows) - 1, 1))
        # The row of ports moves towards what comes, as far as the box reaches.
        middle = sum(slots[chains[arrow][end]].x for arrow in arrows) / len(arrows) - slot.x
        slack = max((room - step * (len(arrows) - 1)) / 2, 0.0)
        middle = slot.x + min(max(middle, -slack), slack)
        for i, arrow in enumerate(arrows):
            ports[arrow] = middle + step * (i - (len(arrows) - 1) / 2)
    return ports


def laid_out(sizes: Sequence[tuple[float, float]], links: Sequence[Link]) -> Layout:
    """Return where boxes of some sizes and the arrows between them go; arrows lead from earlier to later boxes."""
    slots, chains = _slots(sizes, links)
    layers: list[list[int]] = [[] for _ in range(max((slot.layer for slot in slots), default=-1) + 1)]
    for i, slot in enumerate(slots):
        layers[slot.layer].append(i)
    layers = ordered([slot.above for slot in slots], [slot.below for slot in slots], layers)
    placed(slots, layers, SPACE)
    height = _set_heights(slots, layers)
    left = min((slot.x - slot.before for slot in slots), default=0.0)
    for slot in slots:
        slot.x -= left
    width = max((slot.x + slot.after for slot in slots), default=0.0)
    routes = []
    reach = [max(slots[i].height for i in layer) / 2 for layer in layers]
    for link, chain, start, finish in zip(links, chains, _ports(slots, chains, 0), _ports(slots, chains, -1), strict=True):
        source, target = slots[link.source], slots[link.target]
        pieces = [(start, source.y + source.height / 2, source.y + reach[source.layer])]
        pieces += [(slots[i].x, slots[i].y - reach[slots[i].layer], slots[i].y + reach[slots[i].layer]) for i in chain]
        pieces.append((finish, target.y - reach[target.layer], target.y - target.height / 2))
        label = slots[chain[-1]]
        routes.append(Route(tuple(pieces), (label.x + LINE, label.y)))
    return Layout(tuple((slot.x, slot.y) for slot in slots[: len(sizes)]), tuple(routes), (width, height))
