"""Fizz Buzz as classification: ten binary digits in, four classes out (MATH A7).

The net never sees 1 to 100: it trains on 101 to 1023 and must answer at least 95 of the first hundred numbers.

Run: python examples/fizzbuzz.py
"""

import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import chainrule as cr

BITS = 10


def encode(numbers: NDArray[np.int64]) -> NDArray[np.float32]:
    """Binary digits, lowest first, shape (numbers, 10)."""
    return ((numbers[:, None] >> np.arange(BITS)) & 1).astype(np.float32)


def classify(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """0: the number itself, 1: fizz, 2: buzz, 3: fizzbuzz."""
    return np.where(numbers % 3 == 0, 1, 0) + np.where(numbers % 5 == 0, 2, 0)


def main(argv: Sequence[str] = ()) -> int:
    """Train, print the answers for 1 to 100, and return 0 when at least 95 are right."""
    train = np.arange(101, 1024)
    test = np.arange(1, 101)

    model = cr.Sequential([cr.Dense(50, "tanh"), cr.Dense(4)], seed=0)
    model.fit(
        encode(train), classify(train), epochs=1000, batch_size=32, loss="cross_entropy", optimizer=cr.Adam(lr=5e-3), verbose=0
    )

    answers = model.predict(encode(test)).argmax(axis=1)
    words = [(str(number), "fizz", "buzz", "fizzbuzz")[answer] for number, answer in zip(test, answers, strict=True)]
    print(" ".join(words))
    right = int((answers == classify(test)).sum())
    print(f"{right} of 100 right")
    return 0 if right >= 95 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
