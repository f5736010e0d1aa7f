"""Writes docs/reference/*.md from the docstrings of all public names.

Run: python docs/make_reference.py

Public is what `chainrule.__all__` names, and what the modules among those name in their own `__all__`. Nothing is listed here but
which page a module's names belong to; names of any other module go to the page "more".
"""

import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import chainrule as cr

FOLDER = Path(__file__).parent / "reference"
# File, title and modules, in the order of the table of contents.
PAGES = (
    ("models", "Models", ("model", "sequential", "functional", "stack", "many", "history")),
    ("layers", "Layers", ("layers", "merging", "embedding", "normalization", "values", "structure")),
    ("activations", "Activations", ("activations",)),
    ("initializers", "Initializers", ("initializers",)),
    ("losses", "Losses", ("losses",)),
    ("metrics", "Metrics", ("metrics",)),
    ("optimizers", "Optimizers", ("optimizers", "optimizer_base", "full_batch", "lbfgs", "schedule_base", "schedules", "plateau")),
    ("callbacks", "Callbacks", ("callback_base", "monitors", "callbacks", "learning_rates", "tracking", "checkpoint")),
    ("derivatives", "Derivatives", ("variables", "transforms", "compiled", "gradient_check", "numpy")),
    ("graphs", "Graphs", ("graphs",)),
    ("operators", "Operators: structured Jacobians", ("operators",)),
    ("files", "Files and other libraries", ("saving", "torch_modules", "onnx_export", "c_export")),
    ("sklearn", "Estimators of scikit-learn", ("sklearn",)),
    ("profiles", "Profiles", ("profiling", "profile_rows")),
    ("tools", "Threads, information, errors", ("threads", "info", "")),
)
# Public modules that `chainrule.__all__` does not name, where they exist.
ALSO = ("numpy", "sklearn")
MORE = ("more", "More")
WIDTH = 100
HEADING = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.MULTILINE)
LISTS = {"Parameters", "Attributes", "Returns", "Yields", "Raises", "Warns", "Methods"}


class Name(NamedTuple):
    """A public name, as users write it, and what it stands for."""

    path: str
    value: Any


@dataclass
class Page:
    """What a page is about: modules, whose docstrings stand first, and names."""

    file: str
    title: str
    modules: list[Name] = field(default_factory=list)
    names: list[Name] = field(default_factory=list)


def public_names() -> list[Name]:
    """Return all of them; a name of `chainrule` itself comes before the same object in one of its modules."""
    own = [Name(f"cr.{name}", getattr(cr, name)) for name in cr.__all__]
    modules = [name for name in own if inspect.ismodule(name.value)]
    modules += [Name(f"cr.{name}", importlib.import_module(f"chainrule.{name}")) for name in ALSO if find_spec(f"chainrule.{name}")]
    inner = [Name(f"{module.path}.{name}", getattr(module.value, name)) for module in modules for name in _all_of(module.value)]
    known = {id(name.value) for name in own}
    return [name for name in own if not inspect.ismodule(name.value)] + modules + [n for n in inner if id(n.value) not in known]


def _all_of(module: ModuleType) -> list[str]:
    return list(vars(module).get("__all__", ()))


def make_pages() -> list[Page]:
    """Return the pages that have something on them."""
    pages = [Page(file, title) for file, title, _ in PAGES]
    by_module = {module: page for page, (_, _, modules) in zip(pages, PAGES, strict=True) for module in modules}
    for name in public_names():
        home = _home(name)
        page = next((by_module[part] for part in _prefixes(home) if part in by_module), None)
        if page is None:
            file, title = (home, f"cr.{home}") if inspect.ismodule(name.value) else MORE
            page = next((known for known in pages if known.file == file), None) or Page(file, title)
            by_module |= {home: page} if inspect.ismodule(name.value) else {}
            pages += [] if page in pages else [page]
        (page.modules if inspect.ismodule(name.value) else page.names).append(name)
    order = {module: i for i, module in enumerate(module for _, _, modules in PAGES for module in modules)}
    for page in pages:
        page.names.sort(key=lambda name: (_module_order(_home(name), order), _position(name)))
    return [page for page in pages if page.modules or page.names]


def _home(name: Name) -> str:
    """Return the module, inside chainrule, where a name is defined; that of the package itself is empty."""
    module = name.value.__name__ if inspect.ismodule(name.value) else getattr(name.value, "__module__", "chainrule")
    return str(module).removeprefix("chainrule").removeprefix(".")


def _prefixes(home: str) -> Iterator[str]:
    """Return a.b.c, a.b, a."""
    parts = home.split(".")
    for count in range(len(parts), 0, -1):
        yield ".".join(parts[:count])


def _module_order(home: str, order: dict[str, int]) -> tuple[int, str]:
    return next((order[part] for part in _prefixes(home) if part in order), len(order)), home


def _position(name: Name) -> tuple[int, str]:
    """Return the place in the source."""
    members = list(vars(importlib.import_module(".".join(["chainrule", *filter(None, [_home(name)])]))))
    last = name.path.rpartition(".")[2]
    return (members.index(last) if last in members else len(members)), name.path


def render(page: Page) -> str:
    """Return a page in Markdown."""
    parts = [f"# {page.title}", "[All pages](README.md)"]
    for module in page.modules:
        parts += [f"Module `{module.path}`:", *_described(inspect.getdoc(module.value) or "", "##")]
    parts += [", ".join(f"[`{path}`](#{anchor})" for path, anchor in _anchors(page).items())]
    for name in page.names:
        parts += _rendered(name)
    return "\n\n".join(part for part in parts if part) + "\n"


def contents(pages: list[Page]) -> str:
    """Return the page that lists all others."""
    lines = ["# Reference", "", "Written by `docs/make_reference.py` from the docstrings; `import chainrule as cr`.", ""]
    for page in pages:
        names = ", ".join(f"[`{path}`]({page.file}.md#{anchor})" for path, anchor in _anchors(page).items())
        lines.append(f"* [{page.title}]({page.file}.md){': ' + names if names else ''}")
    return "\n".join(lines) + "\n"


def _anchors(page: Page) -> dict[str, str]:
    """Return what GitHub makes of the headings of names: letters in lower case, and a number where that is there already."""
    found: dict[str, str] = {}
    for name in page.names:
        plain = re.sub(r"[^\w-]", "", name.path.lower())
        before = sum(re.sub(r"-\d+$", "", anchor) == plain for anchor in found.values())
        found[name.path] = f"{plain}-{before}" if before else plain
    return found


def _rendered(name: Name) -> list[str]:
    heading = f"## {name.path}"
    value = name.value
    if not callable(value):
        return [heading, f"A constant, {type(value).__name__}."]
    parts = [heading, _signature(name.path, value), *_described(_own_doc(value), "####", _properties(value))]
    if not inspect.isclass(value):
        return parts
    if bases := [base.__name__ for base in value.__mro__[1:] if any(base is public.value for public in public_names())]:
        parts.insert(1, f"Bases: {', '.join(f'`{base}`' for base in bases)}.")
    brief = []
    for method, function in _methods(value):
        described = _described(_own_doc(function), "#####")
        if len(described) == 1:
            brief.append(f"* `{method}{_arguments(function)}`: {described[0]}")
        else:
            parts += [f"### {name.path.rpartition('.')[2]}.{method}", _signature(f".{method}", function), *described]
    return parts + (["Methods:", "\n".join(brief)] if brief else [])


def _own_doc(value: Any) -> str:
    """Return the docstring, not a base's."""
    return inspect.cleandoc(value.__doc__ or "")


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    """Return public members that the class, or a base that is not public itself, defines, but for what a public base has already."""
    public = {id(name.value) for name in public_names()}
    bases = [base for base in kind.__mro__[1:] if id(base) in public]
    seen: set[str] = {name for base in bases for of_base in base.__mro__ for name in vars(of_base)}
    for owner in kind.__mro__:
        if not owner.__module__.startswith("chainrule") or id(owner) in {id(base) for base in bases}:
            continue
        for name, member in vars(owner).items():
            if not name.startswith("_") and name not in seen:
                seen.add(name)
                yield name, member


def _methods(kind: type) -> list[tuple[str, Any]]:
    found = [(name, getattr(member, "__func__", member)) for name, member in _members(kind)]
    return [(name, member) for name, member in found if inspect.isfunction(member)]


def _properties(value: Any) -> dict[str, str]:
    """Return the properties of a class with what they are."""
    if not inspect.isclass(value):
        return {}
    return {name: _own_doc(member) for name, member in _members(value) if isinstance(member, property) and member.__doc__}


def _arguments(function: Any) -> str:
    """Return the signature without types, which stand below it; nothing for errors and for what Python does not make itself."""
    if inspect.isclass(function) and issubclass(function, BaseException):
        return ""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return ""
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values() if p.name != "self"]
    return str(signature.replace(parameters=bare, return_annotation=signature.empty))


def _signature(path: str, function: Any) -> str:
    arguments = _arguments(function)
    if not arguments:
        return ""
    if len(path + arguments) > WIDTH:
        inside = textwrap.wrap(arguments[1:-1], WIDTH - 4, break_long_words=False)
        arguments = "(\n" + "\n".join(f"    {line}" for line in inside) + "\n)"
    return f"```python\n{path}{arguments}\n```"


def _described(doc: str, level: str, properties: dict[str, str] | None = None) -> list[str]:
    """Return a docstring's parts in Markdown: text, then each section under a heading; properties join the attributes."""
    pieces = HEADING.split(doc)
    sections = {title: text.strip("\n") for title, text in zip(pieces[1::2], pieces[2::2], strict=True)}
    parts = _text(pieces[0].strip("\n"))
    listed = _entries(sections.pop("Attributes", ""))
    named = {one for name, _, _ in listed for one in name.split(", ")}
    listed += [(name, "", text) for name, text in (properties or {}).items() if name not in named]
    for title, text in sections.items():
        parts += [f"{level} {title}", *(_table(_entries(text)) if title in LISTS else _text(text))]
        if title == "Parameters" and listed:
            parts += [f"{level} Attributes", *_table(listed)]
            listed = []
    return parts + ([f"{level} Attributes", *_table(listed)] if listed else [])


def _entries(text: str) -> list[tuple[str, str, str]]:
    """Return names, types and descriptions of a section like "Parameters"."""
    found: list[tuple[str, str, str]] = []
    for block in re.split(r"\n(?=\S)", text) if text else []:
        head, _, body = block.partition("\n")
        name, _, kind = head.partition(" : ")
        found.append((name.strip(), kind.strip(), textwrap.dedent(body).strip()))
    return found


def _table(entries: list[tuple[str, str, str]]) -> list[str]:
    typed = any(kind for _, kind, _ in entries)
    lines = ["| name | type | |", "|---|---|---|"] if typed else ["| name | |", "|---|---|"]
    for name, kind, text in entries:
        first = ", ".join(f"`{one}`" for one in name.split(", "))
        cells = [first, *([_inline(kind)] if typed else []), _inline(" ".join(text.split()))]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return ["\n".join(lines)]


def _text(text: str) -> list[str]:
    """Return paragraphs, examples, formulas and lists of terms in Markdown."""
    parts: list[str] = []
    for block in re.split(r"\n\s*\n", text) if text.strip() else []:
        if block.lstrip().startswith(">>>"):
            code = textwrap.dedent(block)
            if parts and parts[-1].startswith("```python"):
                parts[-1] = parts[-1].removesuffix("\n```") + f"\n\n{code}\n```"
            else:
                parts.append(f"```python\n{code}\n```")
        elif block.startswith("    "):
            parts.append(f"```\n{textwrap.dedent(block)}\n```")
        elif re.search(r"^\S.*\n    \S", block):
            terms = [(name, " ".join(body.split())) for name, _, body in _entries(block)]
            parts.append("\n".join(f"* {_inline(name)}: {_inline(body)}" for name, body in terms))
        else:
            parts.append(_inline(block))
    return parts


def _inline(text: str) -> str:
    """Return text with code as Markdown has it, without Sphinx's roles, and nothing that a browser takes for HTML."""
    text = re.sub(r":\w+:`", "`", text)
    pieces = re.split(r"(``.+?``|`.+?`)", text, flags=re.DOTALL)
    pieces[1::2] = [f"`{code.strip('`')}`" for code in pieces[1::2]]
    pieces[::2] = [plain.replace("<", "&lt;").replace("**", r"\*\*") for plain in pieces[::2]]
    return "".join(pieces)


def all_files() -> dict[str, str]:
    """Return the text of each file by its name."""
    pages = make_pages()
    return {"README.md": contents(pages), **{f"{page.file}.md": render(page) for page in pages}}


def main() -> None:
    """Write the files, and remove pages that are no more."""
    FOLDER.mkdir(exist_ok=True)
    files = all_files()
    for old in FOLDER.glob("*.md"):
        if old.name not in files:
            old.unlink()
    for name, text in files.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
