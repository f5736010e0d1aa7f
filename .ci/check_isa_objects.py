#!/usr/bin/env python3
"""Checks the object files of cpp/kernels/isa: no weak symbol, and one exported function each.

A weak symbol (an inline function or a template of the standard library) that was compiled with wide instructions can become the whole
program's copy, and then fails on a processor without them.

Usage: check_isa_objects.py BUILD_FOLDER
"""

import subprocess
import sys
from pathlib import Path


def main(folder: Path) -> int:
    objects = sorted(folder.rglob("isa/*.o"))
    if not objects:
        print(f"expected objects of cpp/kernels/isa below {folder}, got none")
        return 1
    failures = 0
    for path in objects:
        isa = path.name.split(".")[0]
        command = ["nm", "--defined-only", "--extern-only", "--demangle", path]
        listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        symbols = [line.split(maxsplit=2)[1:] for line in listing.splitlines()]
        expected = [["T", f"chainrule::{isa}::tables()"]]
        # GCC's references to a personality routine and to sanitizers are not code.
        found = [[kind, name] for kind, name in symbols if not name.startswith("DW.ref.")]
        if found != expected:
            failures += 1
            print(f"{path.name}: expected {expected}, got {found}")
    print(f"{len(objects)} objects of instruction sets checked, {failures} wrong")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
