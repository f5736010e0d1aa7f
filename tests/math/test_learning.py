"""What the nets of the notes learn (MATH A6, A7)."""

from __future__ import annotations

import numpy as np

import chainrule as cr


def test_A6_a_small_net_learns_xor_exactly() -> None:
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    y = np.array([0, 1, 1, 0], np.float32)
    model = cr.Sequential([cr.Dense(8, "tanh"), cr.Dense(1)], seed=1)
    model.fit(x, y, epochs=2000, batch_size=4, loss="mse", optimizer=cr.SGD(0.1), verbose=0)
    assert np.array_equal(model.predict(x)[:, 0] > 0.5, y == 1)


def test_A7_fizzbuzz_of_numbers_never_seen() -> None:
    def encode(numbers: np.ndarray) -> np.ndarray:
        return ((numbers[:, None] >> np.arange(10)) & 1).astype(np.float32)

    def classes(numbers: np.ndarray) -> np.ndarray:
        return np.array([2 * (n % 5 == 0) + (n % 3 == 0) for n in numbers.tolist()])

    seen, unseen = np.arange(101, 1024), np.arange(1, 101)
    model = cr.Sequential([cr.Dense(50, "tanh"), cr.Dense(4)], seed=0)
    model.fit(encode(seen), classes(seen), epochs=1000, loss="cross_entropy", optimizer=cr.Adam(5e-3), verbose=0)
    assert np.count_nonzero(model.predict(encode(unseen)).argmax(axis=1) == classes(unseen)) >= 95
