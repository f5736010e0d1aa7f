"""The Python blocks of the documents run, in their order, and print what the text block after them shows."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = {  # the least number of Python blocks in each
    "README.md": 3,
    "docs/derivatives.md": 20,
    "docs/coming-from.md": 8,
    "docs/files.md": 1,
    "docs/scikit-learn.md": 3,
    "docs/tables.md": 1,
}


@pytest.mark.parametrize("name", BLOCKS)
def test_python_blocks(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fences = FENCE.findall((ROOT / name).read_text(encoding="utf-8"))
    assert sum(language == "python" for language, _ in fences) >= BLOCKS[name]
    names: dict[str, Any] = {"__name__": name}
    with np.printoptions():
        for (language, code), (following, shown) in zip(fences, [*fences[1:], ("", "")], strict=True):
            if language != "python":
                continue
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(code, name, "exec"), names)
            if following == "text":
                assert printed.getvalue() == shown, f"printed by\n{code}"
    for drawn in tmp_path.glob("*.svg"):
        assert drawn.read_text(encoding="utf-8") == (ROOT / "docs" / "pictures" / drawn.name).read_text(encoding="utf-8")
