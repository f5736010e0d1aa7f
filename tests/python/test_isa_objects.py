"""Wide instructions stay in the functions of their instruction set: a wheel must run on any x86-64 processor."""

import platform
import re
import shutil
import subprocess

import pytest

from chainrule import _core

FUNCTION = re.compile(r"^[0-9a-f]+ <([^>]+)>:$")
# AVX and FMA are spelt with a leading v (verr and verw, of x86 from long ago, excepted); only AVX-512 has zmm and mask registers.
AVX = re.compile(r"\t(v(?!err|erw)[a-z0-9]+) ")
WIDE = re.compile(r"_ZZ?N9chainrule(7profile)?(4avx2|6avx512)")
AVX512 = re.compile(r"%zmm|%k[1-7]\b")


def misplaced(disassembly: str) -> tuple[set[str], set[str]]:
    """Functions with AVX outside of the sets that have it, and with AVX-512 outside of its own; and functions with fma."""
    wrong: set[str] = set()
    fused: set[str] = set()
    function = ""
    for line in disassembly.splitlines():
        if found := FUNCTION.match(line):
            function = found[1]
            wide = WIDE.match(function) is not None
            widest = wide and "6avx512" in function
        elif instruction := AVX.search(line):
            if not wide or (AVX512.search(line) and not widest):
                wrong.add(function)
            if instruction[1].startswith(("vfmadd", "vfmsub", "vfnmadd", "vfnmsub")):
                fused.add(function)
    return wrong, fused


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the sets of x86-64")
@pytest.mark.skipif(shutil.which("objdump") is None, reason="needs objdump (binutils)")
def test_wide_instructions_stay_in_their_place() -> None:
    command = ["objdump", "--disassemble", "--no-show-raw-insn", _core.__file__]
    wrong, fused = misplaced(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert wrong == set()
    # The check sees something: both sets are there and use fma.
    assert any("4avx2" in name for name in fused)
    assert any("6avx512" in name for name in fused)


def test_a_misplaced_instruction_is_caught() -> None:
    text = "0000000000001000 <_ZNSt6vectorIfEC1Ev>:\n    1000:\tvmovups %ymm0,(%rax)\n"
    assert misplaced(text)[0] == {"_ZNSt6vectorIfEC1Ev"}
    text = "0000000000001000 <_ZN9chainrule4avx23f32Ev>:\n    1000:\tvfmadd231ps %zmm0,%zmm1,%zmm2\n"
    assert misplaced(text) == ({"_ZN9chainrule4avx23f32Ev"},) * 2
