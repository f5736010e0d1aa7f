"""The pages of docs/reference are those that docs/make_reference.py writes, hold every public name, and have no dead links."""

import importlib.util
import re
from pathlib import Path

import pytest

import chainrule as cr

DOCS = Path(__file__).parents[2] / "docs"
HEADINGS = re.compile(r"^#+ (.*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location("make_reference", DOCS / "make_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_up_to_date(reference):
    committed = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "reference").glob("*.md")}
    old = [name for name, text in reference.all_files().items() if committed.pop(name, None) != text]
    assert (old, list(committed)) == ([], []), "run: python docs/make_reference.py"


def test_every_public_name_has_its_heading(reference):
    text = "\n".join(reference.all_files().values())
    headings = set(HEADINGS.findall(re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)))
    modules = {name for name in cr.__all__ if type(getattr(cr, name)) is type(re)}
    missing = [name for name in cr.__all__ if name not in modules and f"cr.{name}" not in headings]
    for module in modules:
        inner = getattr(cr, module)
        missing += [
            f"{module}.{name}"
            for name in inner.__all__
            if f"cr.{module}.{name}" not in headings and getattr(inner, name) is not getattr(cr, name, None)
        ]
    assert missing == []
    assert all(f"Module `cr.{module}`" in text for module in modules)


def test_links_lead_somewhere(reference):
    files = reference.all_files()
    anchors = {}
    for file, text in files.items():
        found = anchors[file] = set()
        for heading in HEADINGS.findall(re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)):
            slug = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
            found.add(next(name for name in (slug, *(f"{slug}-{n}" for n in range(1, 999))) if name not in found))
    links = [(file, *link) for file, text in files.items() for link in re.findall(r"\]\(([\w.-]*)#?([\w-]*)\)", text)]
    assert len(links) > 100
    assert [link for link in links if link[2] and link[2] not in anchors[link[1] or link[0]]] == []
    assert [link for link in links if link[1] and link[1] not in files] == []


class Example:
    """Do something with `x <y>`, a **b** or |c|.

    More of it, by :func:`chainrule.grad`.

    Parameters
    ----------
    x, y : array of shape (rows,)
        First line
        and second, a | b.
    z : int, default 0

    Returns
    -------
    dict
        Of ``things``.

    Notes
    -----
    one
        is 1
    two
        is 2

        s = x + y

    Examples
    --------
    >>> 1 + 1
    2

    >>> 3
    3
    """


def test_a_docstring_in_markdown(reference):
    parts = reference._described(reference._own_doc(Example), "##")
    assert parts == [
        r"Do something with `x <y>`, a \*\*b\*\* or |c|.",
        "More of it, by `chainrule.grad`.",
        "## Parameters",
        "| name | type | |\n|---|---|---|\n| `x`, `y` | array of shape (rows,) | First line and second, a \\| b. |\n| `z` | int, default 0 |  |",
        "## Returns",
        "| name | |\n|---|---|\n| `dict` | Of `things`. |",
        "## Notes",
        "* one: is 1\n* two: is 2",
        "```\ns = x + y\n```",
        "## Examples",
        "```python\n>>> 1 + 1\n2\n\n>>> 3\n3\n```",
    ]
