"""A child of fork() trains and predicts, whatever its parent did before, and gets the same bits."""

import pytest

FORK = """
import os
import sys
import numpy as np
import chainrule as cr
from chainrule import _core

_core.override_threads(4)
rng = np.random.default_rng(0)
x = rng.normal(size=(1000, 60)).astype(np.float32)
y = rng.integers(0, 5, 1000)

def model():
    return cr.Sequential([cr.Dense(300, "tanh"), cr.Dense(200, "relu"), cr.Dense(5)], seed=1)

def bits(m):
    return b"".join(value.tobytes() for value in m.parameters().values()) + m.predict(x).tobytes()

def fit(m, optimizer):
    m.fit(x, y, epochs=2, batch_size=128, loss="cross_entropy", optimizer=optimizer, validation_split=0.1, verbose=0)
    return m

parent = model()
optimizer = cr.Adam()
fit(parent, optimizer)
for attempt in range(3):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        fit(parent, optimizer)
        answer = bits(parent) + bits(fit(model(), cr.Adam()))
        with os.fdopen(write, "wb") as out:
            out.write(answer)
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as source:
        answer = source.read()
    assert os.waitpid(child, 0)[1] == 0
    if attempt == 0:
        first = answer
    assert answer == first
fit(parent, optimizer)
assert first == bits(parent) + bits(fit(model(), cr.Adam()))
print("same")
"""

MULTIPROCESSING = """
import multiprocessing
import numpy as np
import chainrule as cr

x = np.random.default_rng(0).normal(size=(500, 40)).astype(np.float32)

def work(seed):
    model = cr.Sequential([cr.Dense(200, "tanh"), cr.Dense(1)], seed=seed)
    model.fit(x, x[:, 0], epochs=2, loss="mse", verbose=0)
    return model.predict(x).tobytes()

here = [work(seed) for seed in range(3)]
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(work, range(3)) == here
print("same")
"""


@pytest.mark.parametrize("code", [FORK, MULTIPROCESSING], ids=["fork", "multiprocessing"])
def test_fork(run_python, code):
    assert run_python(code).strip() == "same"
