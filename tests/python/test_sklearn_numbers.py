"""The stored numbers of scikit-learn are its own; collected where it is installed."""

import pytest

import peers

STORED = peers.stored()


def test_losses():
    found = peers.sklearn_losses()
    assert found == pytest.approx({name: STORED["losses"][name] for name in found}, rel=1e-13)


def test_metrics():
    assert peers.sklearn_metrics() == pytest.approx(STORED["metrics"], rel=1e-13)
