"""MNIST: a 784-128-10 net reads handwritten digits.

Needs the four IDX files of the set in one folder, gzipped or not (train-images-idx3-ubyte, train-labels-idx1-ubyte,
t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte).

Run: python examples/mnist.py --data FOLDER
"""

import argparse
import gzip
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import chainrule as cr


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, gzipped or not; ValueError says what is wrong with it.

    The format: two zero bytes, 8 for unsigned bytes, the rank, the sizes as big-endian 32-bit integers, the values.
    """
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":
        raw = gzip.decompress(raw)
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08":
        raise ValueError(f"{path}: expected an IDX file of unsigned bytes (00 00 08), got {raw[:3].hex(' ') or 'nothing'}")
    rank = raw[3]
    start = 4 + 4 * rank
    if len(raw) < start:
        raise ValueError(f"{path}: expected {rank} sizes, got a file of {len(raw)} bytes")
    shape = struct.unpack(f">{rank}I", raw[4:start])
    values = np.frombuffer(raw, dtype=np.uint8, offset=start)
    expected = int(np.prod(shape, dtype=object)) if rank else 0
    if len(values) != expected:
        raise ValueError(f"{path}: expected {expected} bytes for shape {shape}, got {len(values)}")
    return values.reshape(shape)


def find(folder: Path, name: str) -> Path:
    """Return the path of `name` or `name.gz` in the folder."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.exists():
            return path
    raise FileNotFoundError(f"expected {name} or {name}.gz in {folder}")


def load(folder: Path, part: str) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Images as rows of values from 0 to 1, and labels; `part` is train or t10k."""
    images = read_idx(find(folder, f"{part}-images-idx3-ubyte"))
    labels = read_idx(find(folder, f"{part}-labels-idx1-ubyte"))
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise ValueError(f"{part}: expected images (n, rows, columns) and n labels, got {images.shape} and {labels.shape}")
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255), labels


def main(argv: Sequence[str] = ()) -> int:
    """Train, print accuracy and time, and return 0 when the test accuracy reaches the claim."""
    parser = argparse.ArgumentParser(description="Train a 784-128-10 net on MNIST.")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the four IDX files")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--claim", type=float, default=0.975, help="the test accuracy to reach (default: %(default)s)")
    arguments = parser.parse_args(argv)
    x, y = load(arguments.data, "train")
    x_test, y_test = load(arguments.data, "t10k")

    model = cr.Sequential([cr.Dense(128, "relu"), cr.Dense(10)], seed=arguments.seed)
    start = time.perf_counter()
    model.fit(x, y, epochs=arguments.epochs, batch_size=64, loss="cross_entropy", optimizer=cr.Adam(lr=1e-3), metrics=["accuracy"])
    seconds = time.perf_counter() - start

    accuracy = float((model.predict(x_test).argmax(axis=1) == y_test).mean())
    print(f"test accuracy {accuracy:.2%} after {arguments.epochs} epochs, {seconds / arguments.epochs:.2f} s per epoch")
    return 0 if accuracy >= arguments.claim else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
