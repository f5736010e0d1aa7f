"""XOR, the smallest problem that a single layer cannot solve: a 2-8-1 net learns it exactly (MATH A6).

Run: python examples/xor.py
"""

import sys
import time
from collections.abc import Sequence

import numpy as np

import chainrule as cr


def main(argv: Sequence[str] = ()) -> int:
    """Train, print the truth table, and return 0 when all four rows are right."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
    y = np.array([[0], [1], [1], [0]], dtype=np.float32)

    model = cr.Sequential([cr.Dense(8, "tanh"), cr.Dense(1)], seed=1)
    start = time.perf_counter()
    history = model.fit(x, y, epochs=2000, batch_size=4, loss="mse", optimizer=cr.SGD(lr=0.1), verbose=0)
    seconds = time.perf_counter() - start

    predicted = model.predict(x)
    right = 0
    for row, target, value in zip(x.astype(int), y[:, 0], predicted[:, 0], strict=True):
        right += (value > 0.5) == bool(target)
        print(f"{row[0]} xor {row[1]} = {int(target)}, predicted {value:+.4f}")
    print(f"{right} of 4 right after 2000 epochs in {seconds * 1e3:.1f} ms, loss {history.history['loss'][-1]:.2e}")
    return 0 if right == 4 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
