"""Checks that native profilers name the hot kernels of the installed package: callgrind's instructions, py-spy's samples.

Run: python .ci/check_profilers.py. Needs valgrind and py-spy.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

SCRIPT = """
import sys

import numpy as np
import chainrule as cr

steps = int(sys.argv[1])
x = np.random.default_rng(0).normal(size=(64, 256)).astype(np.float32)
model = cr.Sequential([cr.Dense(256, "relu"), cr.Dense(10)])
model.fit(x, np.arange(64) % 10, batch_size=64, epochs=steps, loss="cross_entropy", verbose=0)
"""
KERNEL = re.compile(r"chainrule::(avx2|avx512|baseline|neon)::[\w():<>, ]*(gemm|weight_gradient)")
# Enough for products to be more than Python's start; 300 and 20,000 took three minutes on two cores.
CALLGRIND_STEPS, PY_SPY_STEPS = 150, 8_000


def main() -> int:
    os.environ["OMP_NUM_THREADS"] = "1"  # no samples of a thread that waits
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.py"
        script.write_text(SCRIPT)
        for name, hottest in (("callgrind", callgrind(script)), ("py-spy", py_spy(script))):
            print(f"{name}: {hottest}")
            if not KERNEL.search(hottest):
                print(f"{name}: expected a matrix product's kernel at the top", file=sys.stderr)
                return 1
    return 0


def callgrind(script: Path) -> str:
    """Return the function that executes most instructions by itself."""
    out = script.with_name("callgrind.out")
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", sys.executable, script, str(CALLGRIND_STEPS)]
    subprocess.run(command, check=True, capture_output=True)
    text = subprocess.run(["callgrind_annotate", out], check=True, capture_output=True, text=True).stdout
    return next(line for line in text.splitlines() if re.match(r"\s*[\d,]+ \([ \d.]+%\)\s+\S+:", line))


def py_spy(script: Path) -> str:
    """Return the function that is at the top of most samples."""
    out = script.with_name("stacks.txt")
    command = ["py-spy", "record", "--native", "--format", "raw", "--output", out, "--", sys.executable, script, str(PY_SPY_STEPS)]
    subprocess.run(command, check=True, capture_output=True)
    found: Counter[str] = Counter()
    for line in out.read_text().splitlines():
        stack, count = line.rsplit(" ", 1)
        found[stack.rsplit(";", 1)[-1]] += int(count)
    return found.most_common(1)[0][0]


if __name__ == "__main__":
    sys.exit(main())
