"""The machine code of the products' micro-kernels: in their loops, only fused multiply-adds on whole registers, and no spills.

A tile of R rows and C panels keeps R * C * (vectors in a panel's row) sums in registers. The compiler keeps them there only while
every loop over them is unrolled and they fit, and nothing in the results shows when they do not: the same bits, a third of the speed.
"""

import platform
import re
import shutil
import subprocess
from typing import NamedTuple

import pytest

from chainrule import _core

FUNCTION = re.compile(r"^[0-9a-f]+ <([^>]+)>:$")
INSTRUCTION = re.compile(r"^ *([0-9a-f]+):\t(.+)$")
JUMP = re.compile(r"^j[a-z]+ +([0-9a-f]+) <")
FMA = re.compile(r"^vfn?m(?:add|sub)\w+ +.*%([xyz])mm\d+$")
STACK = re.compile(r"\(%r[sb]p\b|,%r[sb]p\b.*\)")
TILE = re.compile(r"^_ZN9chainrule(?:4avx2|6avx512)12_GLOBAL__N_1\d+(gemm_tile|weight_gradient_tile)I([fd])Lm(\d+)ELm(\d+)E")
PANEL_BYTES = 64  # of one row
REGISTER = {"avx2": ("y", 32), "avx512": ("z", 64)}


class Tile(NamedTuple):
    isa: str
    kernel: str
    dtype: str
    rows: int
    panels: int

    @property
    def accumulators(self) -> int:
        return self.rows * self.panels * (PANEL_BYTES // REGISTER[self.isa][1])


def tile_of(function: str) -> Tile | None:
    if not (found := TILE.match(function)):
        return None
    isa = "avx2" if function.startswith("_ZN9chainrule4avx2") else "avx512"
    return Tile(isa, found[1], {"f": "float32", "d": "float64"}[found[2]], int(found[3]), int(found[4]))


def tiles_of(disassembly: str) -> dict[Tile, list[tuple[int, str]]]:
    """Each tile's instructions: address and text."""
    tiles: dict[Tile, list[tuple[int, str]]] = {}
    body: list[tuple[int, str]] = []
    for line in disassembly.splitlines():
        if found := FUNCTION.match(line):
            body = []
            # GCC splits cold parts off, without loops.
            if (tile := tile_of(found[1])) and not found[1].endswith(".cold"):
                tiles[tile] = body
        elif found := INSTRUCTION.match(line):
            body.append((int(found[1], 16), found[2].strip()))
    return tiles


def reduction_loops(body: list[tuple[int, str]]) -> list[list[str]]:
    """The innermost loops with a fused multiply-add in them."""
    spans = []
    for address, text in body:
        if (jump := JUMP.match(text)) and body[0][0] <= int(jump[1], 16) <= address:
            spans.append((int(jump[1], 16), address))
    innermost = [a for a in spans if not any(a != b and a[0] <= b[0] and b[1] <= a[1] for b in spans)]
    loops = [[text for address, text in body if first <= address <= last] for first, last in innermost]
    return [loop for loop in loops if any(FMA.match(text) for text in loop)]


def faults(tile: Tile, body: list[tuple[int, str]]) -> list[str]:
    """What is wrong with a tile's loops; nothing, if all is well."""
    loops = reduction_loops(body)
    wrong = [] if loops else ["no loop of fused multiply-adds"]
    for loop in loops:
        registers = [found[1] for text in loop if (found := FMA.match(text))]
        if set(registers) != {REGISTER[tile.isa][0]}:
            wrong.append(f"fma on {sorted(set(registers))}")
        if len(registers) % tile.accumulators != 0:
            wrong.append(f"{len(registers)} fma, not a multiple of {tile.accumulators}")
        wrong += [f"stack: {text}" for text in loop if STACK.search(text)]
    return wrong


@pytest.fixture(scope="module")
def tiles() -> dict[Tile, list[tuple[int, str]]]:
    if platform.machine() != "x86_64":
        pytest.skip("the sets of x86-64")
    if shutil.which("objdump") is None:
        pytest.skip("needs objdump (binutils)")
    command = ["objdump", "--disassemble", "--no-show-raw-insn", _core.__file__]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "<__asan_" in text or "<__tsan_" in text:
        pytest.skip("a sanitizer puts its checks into every loop")
    return tiles_of(text)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", ["gemm_tile", "weight_gradient_tile"])
@pytest.mark.parametrize("isa", ["avx2", "avx512"])
def test_the_tallest_tile_keeps_to_its_registers(tiles, isa, kernel, dtype):
    tallest = max(tile for tile in tiles if tile[:3] == (isa, kernel, dtype))
    assert tallest.accumulators >= 8  # an fma takes 4 cycles and two start in each: fewer chains leave the processor waiting
    assert faults(tallest, tiles[tallest]) == []


def test_no_tile_spills_a_vector(tiles):
    # Where an integer (the number of rows left) has found no register, its load costs nothing beside the loop's many fma.
    found = {tile: [fault for fault in faults(tile, body) if "stack" not in fault or "mm" in fault] for tile, body in tiles.items()}
    assert len(found) > 8
    assert {tile: wrong for tile, wrong in found.items() if wrong} == {}


HEAD = "0000000000001000 <_ZN9chainrule4avx212_GLOBAL__N_19gemm_tileIfLm1ELm1EEEvRKNS_7kernels8GemmArgsIT_EEmm>:\n"
LOOP = """\
    1000:\tvbroadcastss (%rax),%ymm2
    1004:\tvfmadd231ps (%rdx),%ymm2,%ymm0
    1009:\tvfmadd231ps 0x20(%rdx),%ymm2,%ymm1
    100f:\tcmp    %rax,%rcx
    1012:\tjne    1000 <_ZN9chainrule4avx212_GLOBAL__N_19gemm_tileIfLm1ELm1EEE>
    1014:\tvmovaps %ymm0,-0x40(%rbp)
"""


@pytest.mark.parametrize(
    ("good", "bad", "expected"),
    [
        ("", "", []),
        ("vbroadcastss (%rax),%ymm2", "vmovaps 0x20(%rsp),%ymm2", ["stack: vmovaps 0x20(%rsp),%ymm2"]),
        ("vfmadd231ps (%rdx),%ymm2", "vfmadd231ps -0x60(%rbp),%ymm2", ["stack: vfmadd231ps -0x60(%rbp),%ymm2,%ymm0"]),
        ("vfmadd231ps (%rdx),%ymm2,%ymm0", "vmulps (%rdx),%ymm2,%ymm0", ["1 fma, not a multiple of 2"]),
        ("ymm", "xmm", ["fma on ['x']"]),
        ("jne ", "test", ["no loop of fused multiply-adds"]),
    ],
)
def test_a_faulty_loop_is_caught(good, bad, expected):
    [(tile, body)] = tiles_of(HEAD + LOOP.replace(good, bad) if good else HEAD + LOOP).items()
    assert tile == ("avx2", "gemm_tile", "float32", 1, 1)
    assert faults(tile, body) == expected
