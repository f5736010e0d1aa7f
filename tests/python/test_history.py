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


def made(**columns):
    history = cr.History()
    history.extend({name: np.array(values, dtype=float) for name, values in columns.items()})
    return history


def test_best_epoch():
    assert made(loss=[3, 1, 2]).best_epoch == 1
    assert made(loss=[3, 1, 2], val_loss=[5, 6, 4]).best_epoch == 2
    assert made(loss=[3, 2, 2]).best_epoch == 1
    assert made(loss=[np.nan, 2, np.nan]).best_epoch == 1
    assert cr.History().best_epoch is None


def test_table_for_notebooks():
    html = made(loss=[3, 1, 2], **{"<f>": [0.12345, 1, 2]})._repr_html_()
    assert "<caption>3 epochs</caption>" in html
    assert "<th>epoch</th><th>loss</th><th>&lt;f&gt;</th>" in html
    assert "<tr><td>1</td><td>3</td><td>0.1235</td></tr><tr><td>2 (best)</td>" in html
    long = made(loss=[9, 1, *range(10, 50)])._repr_html_()
    assert long.count("<tr>") == 1 + 1 + 10
    assert "<tr><td>2 (best)</td><td>1</td></tr><tr><td>33</td>" in long
    assert "42 epochs, the last 10" in long
    assert "0 epochs" in cr.History()._repr_html_()


if importlib.util.find_spec("matplotlib"):

    def test_plot(history, tmp_path):
        figure = history.plot(tmp_path / "curves.png")
        assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
        assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "mae"]
        best = history.best_epoch
        for axes, name in zip(figure.axes, ["loss", "mae"], strict=True):
            training, point, validation, held_out_point, line = axes.lines
            assert list(training.get_ydata()) == history.history[name]
            assert list(validation.get_ydata()) == history.history[f"val_{name}"]
            assert list(training.get_xdata()) == [1, 2, 3, 4]
            assert (list(point.get_xdata()), list(point.get_ydata())) == ([best + 1], [history.history[name][best]])
            assert (list(held_out_point.get_xdata()), list(held_out_point.get_ydata())) == (
                [best + 1],
                [history.history[f"val_{name}"][best]],
            )
            assert list(line.get_xdata()) == [best + 1, best + 1]
            values = [history.history[key][best] for key in (name, f"val_{name}")]
            labels = [f"training: {values[0]:.4g}", f"validation: {values[1]:.4g}", f"at the best epoch, {best + 1}"]
            assert [text.get_text() for text in axes.get_legend().get_texts()] == labels

    def test_plot_of_one_epoch_and_of_none():
        figure = made(loss=[1], a=[1], b=[2], c=[3]).plot()
        assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "a", "b", "c"]
        assert figure.axes[0].lines[0].get_marker() == "o"
        with pytest.raises(ValueError, match=r"History.plot: expected at least one epoch, got none"):
            cr.History().plot()
