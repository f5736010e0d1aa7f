"""What a fit records, and its picture."""

import importlib.util
import sys

import numpy as np
import pytest

import chainrule as cr


@pytest.fixture
def history():
    x = np.random.default_rng(0).normal(size=(40, 2))
    model = cr.Sequential([cr.Dense(1)])
    return model.fit(x, x[:, 0], epochs=4, loss="mse", metrics=["mae"], validation_split=0.25, verbose=0)


def test_contents(history):
    assert history.epoch == [0, 1, 2, 3]
    assert len(history) == 4
    assert list(history.history) == ["loss", "mae", "val_loss", "val_mae"]
    assert all(type(value) is float for values in history.history.values() for value in values)
    assert history.last() == {name: values[-1] for name, values in history.history.items()}


def test_repr(history):
    assert repr(history).startswith("History(4 epochs; last: loss=")
    assert repr(cr.History()) == "History(no epochs)"


def test_plot_without_matplotlib_says_what_to_install(history, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"History.plot: expected matplotlib to be installed; pip install 'chainrule\[plot\]'"):
        history.plot()


if importlib.util.find_spec("matplotlib"):

    def test_plot(history, tmp_path):
        figure = history.plot(tmp_path / "curves.png")
        assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
        assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "mae"]
        assert [len(axes.lines) for axes in figure.axes] == [2, 2]
