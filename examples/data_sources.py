"""Data that is no array in memory: a memory map, batches that come from a function, a frame; each trains the same net.

Writes a float32 table to a file, never holds all of it, and shows what a fit takes of memory. `--rows 10000000` makes it 2 GB.

Run: python examples/data_sources.py [--rows N]
"""

import argparse
import resource
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import chainrule as cr

COLUMNS = 50
BLOCK = 50_000

Rows = NDArray[np.float32]


def block(number: int, rows: int) -> tuple[Rows, Rows]:
    """Return one block of the table, made from its number: what a database or a simulation would give."""
    x = np.random.default_rng(number).normal(size=(rows, COLUMNS)).astype(np.float32)
    return x, (x[:, 0] * x[:, 1] + np.sin(2 * x[:, 2])).astype(np.float32)


def held() -> float:
    """Return the most memory that this process has held, in MB; pages of files that are mapped count too."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def own() -> float:
    """Return what of that is no file: memory that only this process holds, in MB."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    return next(int(line.split()[1]) / 1024 for line in status.read_text().splitlines() if line.startswith("RssAnon"))


def net() -> cr.Sequential:
    """Return a net that has not been trained."""
    return cr.Sequential([cr.Dense(64, "relu"), cr.Dense(1)], seed=1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the table, and train on it from the file and from batches."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    rows = parser.parse_args(arguments).rows
    sizes = [min(BLOCK, rows - begin) for begin in range(0, rows, BLOCK)]
    test_x, test_y = block(10**6, 5000)
    with tempfile.TemporaryDirectory() as folder:
        x = np.memmap(Path(folder) / "x", np.float32, "w+", shape=(rows, COLUMNS))
        y = np.memmap(Path(folder) / "y", np.float32, "w+", shape=(rows,))
        for number, size in enumerate(sizes):
            x[number * BLOCK : number * BLOCK + size], y[number * BLOCK : number * BLOCK + size] = block(number, size)
        x.flush()
        y.flush()
        before = own()
        model = net()
        model.fit(x, y, batch_size=256, loss="mse", optimizer=cr.Adam(0.003), verbose=0)
        mapped = model.evaluate(test_x, test_y)["loss"]
        print(
            f"memory map of {x.nbytes / 1e6:.0f} MB: mse {mapped:.3f}; own memory {own() - before:+.0f} MB, most held {held():.0f} MB"
        )

    def batches() -> Iterator[tuple[Rows, Rows]]:
        for number, size in enumerate(sizes):
            of_block = block(number, size)
            for begin in range(0, size, 256):
                yield of_block[0][begin : begin + 256], of_block[1][begin : begin + 256]

    model = net()
    model.fit(batches, loss="mse", optimizer=cr.Adam(0.003), verbose=0)
    streamed = model.evaluate(test_x, test_y)["loss"]
    print(f"batches from a function, made by another thread meanwhile: mse {streamed:.3f}")
    return 0 if max(mapped, streamed) < 0.9 else 1  # the variance of y is 1.5


if __name__ == "__main__":
    sys.exit(main())
