"""Pictures of graphs: nothing overlaps, all of it is XML, large graphs become a summary."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import chainrule as cr
from chainrule.graphs.layout import Link, laid_out
from chainrule.graphs.ordering import crossings
from chainrule.graphs.placement import ascending

SVG = "{http://www.w3.org/2000/svg}"
RNG = np.random.default_rng(8)


def network(x: Any, w0: Any, w1: Any) -> Any:
    return np.mean((np.tanh(x @ w0) @ w1 - np.ones((4, 1))) ** 2)


def tangle(x: Any, y: Any, z: Any) -> Any:
    return (x * y + np.sin(z)) * np.exp(x - z) / (y + z * x) + np.log(np.abs(z * y)) - x * x


def diamonds(a: Any) -> Any:
    for _ in range(6):
        a = np.sin(a) * np.exp(-a) + a
    return a


GRAPHS = {
    "network": lambda: cr.trace(network, RNG.standard_normal((4, 2)), RNG.standard_normal((2, 8)), RNG.standard_normal((8, 1))),
    "tangle": lambda: cr.trace(tangle, 0.3, 1.5, 2.0),
    "diamonds": lambda: cr.trace(diamonds, 0.8),
    "several": lambda: cr.trace(lambda x, p: (x[0] * p["<a & b>"], np.stack([x[1], x[0]])), np.ones(3), {"<a & b>": 2.0}),
}
Box = tuple[float, float, float, float]


def overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def boxes_of(root: ElementTree.Element) -> list[Box]:
    """The nodes' boxes and the labels of edges, as they are drawn; a character is 0.602 of its size wide in DejaVu Sans Mono."""
    boxes = []
    for rect in root.iterfind(f"{SVG}g/{SVG}g/{SVG}rect"):
        x, y, width, height = (float(rect.get(key, "")) for key in ("x", "y", "width", "height"))
        boxes.append((x, y, x + width, y + height))
    for text in root.iterfind(f"{SVG}g/{SVG}text"):
        x, y, size = (float(text.get(key, "")) for key in ("x", "y", "font-size"))
        boxes.append((x, y - 0.8 * size, x + 0.602 * size * len(text.text or ""), y + 0.2 * size))
    return boxes


@pytest.mark.parametrize("name", GRAPHS)
def test_no_boxes_and_labels_overlap(name: str) -> None:
    boxes = boxes_of(ElementTree.fromstring(GRAPHS[name]().svg()))
    assert len(boxes) > 5
    assert [pair for pair in itertools.combinations(boxes, 2) if overlap(*pair)] == []


@pytest.mark.parametrize("name", GRAPHS)
def test_text_stays_inside_its_box(name: str) -> None:
    root = ElementTree.fromstring(GRAPHS[name]().svg())
    for group in root.iterfind(f"{SVG}g/{SVG}g"):
        rect = group.find(f"{SVG}rect")
        assert rect is not None
        right = float(rect.get("x", "")) + float(rect.get("width", ""))
        bottom = float(rect.get("y", "")) + float(rect.get("height", ""))
        for text in group.iterfind(f"{SVG}text"):
            assert float(text.get("x", "")) + 0.602 * float(text.get("font-size", "")) * len(text.text or "") < right
            assert float(text.get("y", "")) < bottom - 3


def random_links(count: int, label: float) -> list[Link]:
    pairs = [(int(RNG.integers(0, target)), target) for target in range(1, count) for _ in range(2)]
    return [Link(source, target, (label, 15.0 if label else 0.0)) for source, target in pairs]


@pytest.mark.parametrize(("count", "label"), [(5, 0.0), (25, 40.0), (80, 30.0)])
def test_arrows_pass_beside_the_boxes_and_labels_of_others(count: int, label: float) -> None:
    sizes = [(float(w), float(h)) for w, h in RNG.uniform(30, 200, (count, 2))]
    links = random_links(count, label)
    layout = laid_out(sizes, links)
    boxes = [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for (x, y), (w, h) in zip(layout.boxes, sizes, strict=True)]
    assert [pair for pair in itertools.combinations(boxes, 2) if overlap(*pair)] == []
    labels = [(x, y - 7.5, x + label, y + 7.5) for x, y in (route.label for route in layout.routes)] if label else []
    assert [pair for pair in itertools.combinations([*boxes, *labels], 2) if overlap(*pair)] == []
    for link, route in zip(links, layout.routes, strict=True):
        assert route.pieces[0][1] == pytest.approx(boxes[link.source][3])
        assert route.pieces[-1][2] == pytest.approx(boxes[link.target][1])
        for (x, top, bottom), box in itertools.product(route.pieces, [*boxes, *labels]):
            assert not (box[0] < x < box[2] and top < box[3] - 1e-6 and box[1] + 1e-6 < bottom)
        # Between its vertical pieces a curve is in the gap between two layers, where no box is.
        for (_, _, start), (_, end, _) in itertools.pairwise(route.pieces):
            assert end > start
            assert not any(start < box[3] - 1e-6 and box[1] + 1e-6 < end for box in boxes)


def test_the_order_of_layers_has_few_crossings() -> None:
    assert crossings([[3], [2], [], []], [[0, 1], [2, 3]]) == 1
    assert crossings([[2], [3], [], []], [[0, 1], [2, 3]]) == 0
    links = [Link(0, 5, (0.0, 0.0)), Link(1, 4, (0.0, 0.0)), Link(2, 3, (0.0, 0.0))]
    boxes = laid_out([(50.0, 20.0)] * 6, links).boxes
    assert np.argsort([x for x, _ in boxes[:3]]).tolist() == (2 - np.argsort([x for x, _ in boxes[3:]])).tolist()


def test_places_are_the_nearest_ascending_ones() -> None:
    np.testing.assert_allclose(ascending([1.0, 3.0, 2.0, 0.0, 9.0], [1.0] * 5), [1, 5 / 3, 5 / 3, 5 / 3, 9])
    np.testing.assert_allclose(ascending([3.0, 0.0], [2.0, 1.0]), [2, 2])


def test_values_and_derivatives_are_in_two_colours() -> None:
    root = ElementTree.fromstring(cr.trace(lambda x: np.log(x), 4.0).svg())
    inks = {text.text: text.get("fill") for text in root.iter(f"{SVG}text")}
    assert inks["= 1.386"] == inks["= 4"]
    assert inks["∂ 0.25"] == inks["0.25"] == inks["∂ 1"]
    assert inks["= 4"] != inks["∂ 1"]


def test_names_cannot_break_the_picture() -> None:
    graph = cr.trace(lambda p: p["<a & 'b'>\x00\n"] * 2.0, {"<a & 'b'>\x00\n": 1.0})
    texts = [text.text for text in ElementTree.fromstring(graph.svg()).iter(f"{SVG}text")]
    assert any("<a & " in (text or "") for text in texts)
    assert "<a & " not in graph.to_dot()


def test_svg_writes_a_file_and_a_notebook_shows_it(tmp_path: Path) -> None:
    graph = cr.trace(np.sin, 1.0)
    text = graph.svg(tmp_path / "sin.svg")
    assert (tmp_path / "sin.svg").read_text(encoding="utf-8") == text
    assert text in graph._repr_html_()


def test_a_large_graph_is_summarized() -> None:
    def chain(x: Any) -> Any:
        for _ in range(400):
            x = np.sin(x) + 1.0
        return x

    root = ElementTree.fromstring(cr.trace(chain, 1.0).svg())
    text = "\n".join(element.text or "" for element in root.iter(f"{SVG}text"))
    assert "1201 nodes" in text
    assert "400  sin" in text
    assert len(list(root.iter())) < 40


def test_dot_has_each_edge_there_and_back() -> None:
    text = cr.trace(lambda x: x * np.exp(x * x), 0.5).to_dot()
    assert text.count("->") == 2 * 5
    assert text.count("dir=back") == 5
    assert text.count("{") == text.count("}")


def test_arrays_without_elements_and_of_many_dimensions_are_drawn() -> None:
    for x in (np.zeros((0, 3)), RNG.standard_normal((2, 3, 4, 5))):
        root = ElementTree.fromstring(cr.trace(lambda x: np.sum(x * x), x).svg())
        assert len(list(root.iter(f"{SVG}rect"))) == 4
