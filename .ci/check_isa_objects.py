#!/usr/bin/env python3
"""Checks the object files of cpp/kernels/isa and cpp/profile/isa: no weak symbol, and one exported name each; the loops that measure
the FMA peak consist of fused multiply-adds.

A weak symbol (an inline function or a template of the standard library) that was compiled with wide instructions can become the whole
program's copy, and then fails on a processor without them.

Usage: check_isa_objects.py BUILD_FOLDER
"""

import re
import subprocess
import sys
from pathlib import Path

WITH_FMA = ("avx2", "avx512")


def is_fused(path: Path) -> bool:
    command = ["objdump", "--disassemble", "--no-show-raw-insn", path]
    code = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return "vfmadd" in code and not re.search(r"\bvmulp[sd]\b", code)


def main(folder: Path) -> int:
    objects = sorted(folder.rglob("isa/*.o"))
    if not objects:
        print(f"expected objects of instruction sets below {folder}, got none")
        return 1
    failures = 0
    for path in objects:
        if path.parent.parent.name == "profile":  # one source, in a library of its own for each instruction set
            match = re.search(r"chainrule_loops_(\w+)\.dir", str(path))
            isa = match[1] if match else ""
            expected = [["D", f"chainrule::profile::{isa}::kLoops"]]
            if isa in WITH_FMA and not is_fused(path):
                failures += 1
                print(f"{path}: expected fused multiply-adds only, got products on their own")
        else:
            expected = [["T", f"chainrule::{path.name.split('.')[0]}::tables()"]]
        command = ["nm", "--defined-only", "--extern-only", "--demangle", path]
        listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        symbols = [line.split(maxsplit=2)[1:] for line in listing.splitlines()]
        # GCC's references to a personality routine and to sanitizers are not code.
        found = [[kind, name] for kind, name in symbols if not name.startswith("DW.ref.")]
        if found != expected:
            failures += 1
            print(f"{path.name}: expected {expected}, got {found}")
    print(f"{len(objects)} objects of instruction sets checked, {failures} wrong")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
