"""What the tests of the Python API share."""

import hashlib
import importlib.util
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import chainrule as cr

# Without PyTorch or JAX there is nothing to compare with, so that file is not collected at all.
PEERS = {
    "torch": ["test_torch.py", "test_torch_modules.py"],
    "jax": ["test_jax.py"],
    "sklearn": ["test_sklearn_numbers.py"],
}
collect_ignore = [file for peer, files in PEERS.items() if not importlib.util.find_spec(peer) for file in files]

# A shell starts its background jobs with Ctrl-C ignored; tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header():
    compared = [peer for peer, files in PEERS.items() if files[0] not in collect_ignore]
    return f"chainrule {cr.__version__}, {cr.info()['isa']}, {cr.get_num_threads()} threads; compared with: {', '.join(compared) or 'no peer'}"


@pytest.fixture
def rng():
    return np.random.default_rng(12345)


@pytest.fixture
def blobs(rng):
    """300 rows of 6 features in 3 classes, and their labels."""
    labels = rng.integers(0, 3, 300)
    centres = rng.normal(size=(3, 6)) * 2
    return (centres[labels] + rng.normal(size=(300, 6))).astype(np.float32), labels


@pytest.fixture
def fingerprint():
    """A function from a model to a hash of the bits of all its parameters."""

    def digest(model):
        total = hashlib.sha256()
        for name, value in model.parameters().items():
            total.update(name.encode() + value.tobytes())
        return total.hexdigest()

    return digest


@pytest.fixture
def run_python():
    """A function that runs code in a fresh interpreter and returns what it printed."""

    def run(code, **environment):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
