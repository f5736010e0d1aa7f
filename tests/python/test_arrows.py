"""The arrows of the native house point down only (cpp/README.md), and what belongs to one place stays there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CPP = ROOT / "cpp"

# Who may include whom, besides itself.
BELOW = {
    "base": set(),
    "profile": {"base"},
    "kernels": {"base", "profile"},
    "graph": {"base", "profile", "kernels"},
    "plan": {"base", "profile", "kernels", "graph"},
    "train": {"base", "profile", "kernels", "graph", "plan"},
    "bind": {"base", "profile", "kernels", "graph", "plan", "train"},
}
SOURCES = sorted(path for path in CPP.rglob("*") if path.suffix in {".h", ".cpp", ".inc"})
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def problems_of(layer: str, text: str) -> list[str]:
    found = []
    for bracket, name in INCLUDE.findall(text):
        target = name.split("/")[0]
        if bracket == '"' and not (CPP / name).is_file():
            found.append(f'#include "{name}": expected a path below cpp/')
        elif bracket == '"' and target != layer and target not in BELOW[layer]:
            found.append(f"{layer} includes {name}: the arrow points up")
        elif bracket == "<" and (name.startswith("pybind11") or name == "Python.h") and layer != "bind":
            found.append(f"{layer} includes <{name}>: only bind knows Python")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(CPP)))
def test_includes_point_down(path: Path) -> None:
    layer = path.relative_to(CPP).parts[0]
    assert layer in BELOW, f"{layer}: a folder that the design does not know"
    assert problems_of(layer, path.read_text()) == []


def test_the_sources_are_found() -> None:
    assert {path.relative_to(CPP).parts[0] for path in SOURCES} == set(BELOW)


def test_an_upward_arrow_is_caught() -> None:
    upward = next(path for path in SOURCES if path.parent.name == "plan" and path.suffix == ".h").relative_to(CPP)
    assert problems_of("graph", f'#include "{upward}"')
    assert problems_of("plan", f'#include "{upward}"') == []
    assert problems_of("train", "#include <pybind11/pybind11.h>")


def test_openmp_lives_in_one_file() -> None:
    users = [str(path.relative_to(CPP)) for path in SOURCES if re.search(r"^\s*#\s*pragma\s+omp\b", path.read_text(), re.MULTILINE)]
    assert users == ["base/team.cpp"]
