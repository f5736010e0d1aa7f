"""A graph in Graphviz' language."""

from __future__ import annotations

from chainrule.graphs.colours import BORDERS, EDGES, FILLS, INKS
from chainrule.graphs.picture import Arrow, Box, Picture
from chainrule.graphs.xml_text import escaped


def _box(number: int, box: Box) -> str:
    lines = "".join(
        f'<FONT COLOR="{INKS[tone]}">{escaped(text).replace("  ", "&#160;&#160;")}</FONT><BR ALIGN="LEFT"/>'
        for text, tone in box.lines
    )
    return f'  n{number} [label=<{lines}>, fillcolor="{FILLS[box.kind]}", color="{BORDERS[box.kind]}"];'


def _arrows(arrow: Arrow) -> list[str]:
    lines = [f'  n{arrow.source} -> n{arrow.target} [color="{EDGES["value"]}"];']
    if arrow.back:
        look = f'color="{EDGES["derivative"]}", fontcolor="{INKS["derivative"]}", style=dashed, dir=back'
        lines.append(f'  n{arrow.source} -> n{arrow.target} [label="{arrow.label}", {look}];')
    return lines


def dot(picture: Picture) -> str:
    """Return a picture as a digraph."""
    lines = [
        "digraph chainrule {",
        f"  label=<values in blue, derivatives of {escaped(picture.of)} in orange>; labelloc=t; bgcolor=white;",
        '  node [shape=box, style="filled,rounded", fontname="monospace", fontsize=11];',
        '  edge [fontname="monospace", fontsize=10];',
        *(_box(number, box) for number, box in enumerate(picture.boxes)),
        *(line for arrow in picture.arrows for line in _arrows(arrow)),
        "}",
    ]
    return "\n".join(lines) + "\n"
