"""The same functions in JAX, in float64: values, both modes, gradients and Hessians; collected where JAX is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from jax_cases import CASES, derivatives

import chainrule as cr


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    path = tmp_path_factory.mktemp("jax") / "derivatives.npz"
    subprocess.run(
        [sys.executable, str(Path(__file__).with_name("jax_cases.py")), str(path)],
        env={**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_backend_optimization_level=0"},
        timeout=600,
        check=True,
    )
    with np.load(path) as file:
        return dict(file)


@pytest.mark.parametrize("name", CASES)
def test_derivatives_equal_those_of_jax(theirs: dict[str, np.ndarray], name: str) -> None:
    for kind, results in derivatives(cr, np, name).items():
        for number, got in enumerate(results):
            expected = theirs[f"{name}/{kind}/{number}"]
            assert np.shape(got) == expected.shape
            # Both round at 1e-16 for each operation, of the size of the largest element where terms cancel.
            scale = float(np.max(np.abs(expected), initial=0))
            np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12 * scale, err_msg=f"{kind} {number}")
