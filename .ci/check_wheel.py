#!/usr/bin/env python3
"""Checks a built wheel: under 2 MB, and nothing missing or foreign inside.

Usage: check_wheel.py FILE.whl
"""

import re
import sys
import zipfile
from pathlib import Path

MOST_BYTES = 2_000_000
NEEDED = ("__init__.py", "_core.pyi", "cli.py", "data/digits.npz", "data/LICENSE-digits.txt", "demo.py", "py.typed")
ALLOWED = re.compile(
    r"chainrule/([a-z_]+/)*(\w+\.pyi?|py\.typed|_core\.[\w.-]+\.so|digits\.npz|LICENSE-digits\.txt)|chainrule-[^/]+\.dist-info/.+"
)


def main(path: Path) -> int:
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
    problems = [f"lacks chainrule/{name}" for name in NEEDED if f"chainrule/{name}" not in names]
    problems += [f"holds {name}" for name in names if not ALLOWED.fullmatch(name)]
    size = path.stat().st_size
    if size > MOST_BYTES:
        problems.append(f"expected at most {MOST_BYTES} bytes, got {size}")
    print(f"{path.name}: {size} bytes, {len(names)} files", *problems, sep="\n  ")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
