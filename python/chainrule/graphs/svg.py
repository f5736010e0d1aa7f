"""Pictures of graphs in SVG: self-contained, with a paper of their own, and no scripts, style sheets or ids that a page shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from chainrule.graphs.colours import BORDERS, EDGES, FILLS, INKS, PAPER, RIM
from chainrule.graphs.layout import Link, Route, laid_out
from chainrule.graphs.node import Node
from chainrule.graphs.picture import Arrow, Box, Picture
from chainrule.graphs.previews import shape_text, shortened
from chainrule.graphs.xml_text import escaped

_FONT = 'font-family="DejaVu Sans Mono, Menlo, Consolas, Liberation Mono, monospace"'
_SIZE, _SMALL = 12.0, 10.5
_ADVANCE = 0.61  # width of a character, in sizes; no wider in any of the fonts
_LINE = 17.0
_PAD = 9.0
_MARGIN = 20.0
_SIDE = 3.5  # of the two arrows of an edge from its middle
_TIP = 7.0


def _text(x: float, y: float, text: str, ink: str, size: float = _SIZE, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{ink}" xml:space="preserve"{more}>{escaped(text)}</text>'


def _width(texts: Iterable[str], size: float = _SIZE) -> float:
    return max((len(text) for text in texts), default=0) * size * _ADVANCE


def _box_size(box: Box) -> tuple[float, float]:
    return _width(text for text, _ in box.lines) + 2 * _PAD, len(box.lines) * _LINE + 2 * _PAD - 4


def _box(box: Box, x: float, y: float) -> str:
    width, height = _box_size(box)
    left, top = x - width / 2, y - height / 2
    look = f'fill="{FILLS[box.kind]}" stroke="{BORDERS[box.kind]}" stroke-width="{1.8 if box.kind == "output" else 1.2}"'
    if box.kind == "constant":
        look += ' stroke-dasharray="4 3"'
    place = f'x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="7"'
    lines = [
        _text(left + _PAD, top + _PAD + 10 + i * _LINE, text, INKS[tone], more=' font-weight="bold"' if tone == "title" else "")
        for i, (text, tone) in enumerate(box.lines)
    ]
    return f'<g class="{box.kind}"><title>{escaped(box.name)}</title><rect {place} {look}/>{"".join(lines)}</g>'


def _curve(pieces: Sequence[tuple[float, float, float]]) -> str:
    (x, _, y), *rest = pieces
    steps = [f"M{pieces[0][0]:.1f} {pieces[0][1]:.1f}L{x:.1f} {y:.1f}"]
    for to_x, top, bottom in rest:
        middle = (y + top) / 2
        steps.append(f"C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {top:.1f}L{to_x:.1f} {bottom:.1f}")
        x, y = to_x, bottom
    return "".join(steps)


def _stroke(pieces: Sequence[tuple[float, float, float]], kind: str, down: bool) -> str:
    """Return a curve with a tip at its lower end, or at its upper."""
    (first_x, first, first_bottom), *middle, (last_x, last_top, last) = pieces
    if down:
        x, y, tip = last_x, last, -_TIP
        last_top, last = min(last_top, last + tip), last + tip
    else:
        x, y, tip = first_x, first, _TIP
        first, first_bottom = first + tip, max(first_bottom, first + tip)
    line = _curve([(first_x, first, first_bottom), *middle, (last_x, last_top, last)])
    dashes = "" if down else ' stroke-dasharray="5 3"'
    head = f"M{x:.1f} {y:.1f}L{x - 3.3:.1f} {y + tip:.1f}L{x + 3.3:.1f} {y + tip:.1f}Z"
    colour = EDGES[kind]
    return f'<path d="{line}" fill="none" stroke="{colour}" stroke-width="1.5"{dashes}/><path d="{head}" fill="{colour}"/>'


def _arrow(arrow: Arrow, route: Route) -> str:
    if not arrow.back:
        return _stroke(route.pieces, "value", down=True)
    there = _stroke([(x - _SIDE, a, b) for x, a, b in route.pieces], "value", down=True)
    return there + _stroke([(x + _SIDE, a, b) for x, a, b in route.pieces], "derivative", down=False)


def _label(arrow: Arrow, route: Route) -> str:
    x, y = route.label
    return _text(x, y + 4, arrow.label, INKS["derivative"], _SMALL, ' class="edge"')


def _paper(width: float, height: float, content: Iterable[str]) -> str:
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    rim = f'<rect x="0.5" y="0.5" width="{width - 1:.0f}" height="{height - 1:.0f}" rx="10" fill="{PAPER}" stroke="{RIM}"/>'
    body = "\n".join(content)
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {_FONT}>\n{rim}\n{body}\n</svg>\n'


def _legend(picture: Picture) -> list[tuple[str, str]]:
    lines = [("= value, computed downwards", INKS["value"])]
    if any(arrow.back for arrow in picture.arrows):
        lines.append((f"∂ derivative of {picture.of} in the node, flowing back", INKS["derivative"]))
    if any(arrow.label for arrow in picture.arrows):
        lines.append(("beside an arrow: the derivative along it", INKS["derivative"]))
    return lines


def drawn(picture: Picture) -> str:
    """Return a picture as SVG."""
    labels = [(_width([arrow.label], _SMALL), _SMALL + 5 if arrow.label else 0.0) for arrow in picture.arrows]
    links = [Link(arrow.source, arrow.target, size) for arrow, size in zip(picture.arrows, labels, strict=True)]
    layout = laid_out([_box_size(box) for box in picture.boxes], links)
    legend = _legend(picture)
    top = _MARGIN + len(legend) * _LINE + 8
    width = max(layout.size[0], _width(text for text, _ in legend)) + 2 * _MARGIN
    aside, down = (width - layout.size[0]) / 2, top
    content = [_text(_MARGIN, _MARGIN + 8 + i * _LINE, text, ink, _SMALL) for i, (text, ink) in enumerate(legend)]
    content.append(f'<g transform="translate({aside:.1f} {down:.1f})">')
    content += [_arrow(arrow, route) for arrow, route in zip(picture.arrows, layout.routes, strict=True)]
    content += [_label(arrow, route) for arrow, route in zip(picture.arrows, layout.routes, strict=True) if arrow.label]
    content += [_box(box, x, y) for box, (x, y) in zip(picture.boxes, layout.boxes, strict=True)]
    return _paper(width, top + layout.size[1] + _MARGIN, [*content, "</g>"])


def summarized(nodes: Sequence[Node], inputs: Sequence[Node], outputs: Sequence[Node], of: str, largest: int) -> str:
    """Return what a graph consists of, for one that is too large for a picture, as SVG."""

    def some(title: str, chosen: Sequence[Node]) -> list[tuple[str, str]]:
        listed = [
            (f"  {shortened(n.name, 30)}  {shape_text(n.shape) if n.shape else 'a number'}", INKS["value"]) for n in chosen[:6]
        ]
        rest = [(f"  and {len(chosen) - 6} more", INKS["muted"])] if len(chosen) > 6 else []
        return [(title, INKS["title"]), *listed, *rest]

    counted = Counter(node.operation for node in nodes if node.inputs).most_common(8)
    lines = [
        (f"A graph of {len(nodes)} nodes: more than the {largest} that a picture shows", INKS["title"]),
        *some("inputs", inputs),
        *some("outputs", outputs),
        ("operations, the most frequent", INKS["title"]),
        *((f"  {count:6d}  {operation}", INKS["value"]) for operation, count in counted),
        (f".table() lists each value and each derivative of {of}; .to_dot() is for Graphviz", INKS["muted"]),
    ]
    content = [_text(_MARGIN, _MARGIN + 10 + i * _LINE, text, ink) for i, (text, ink) in enumerate(lines)]
    return _paper(_width(text for text, _ in lines) + 2 * _MARGIN, len(lines) * _LINE + 2 * _MARGIN, content)
