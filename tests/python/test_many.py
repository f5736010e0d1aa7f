"""Many models at once: the bits of each are those of its own fit, an error names its model, and everything stays usable."""

import sys
import threading
import time

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core


def net(seed, width=12, **more):
    return cr.Sequential([cr.Dense(width, "tanh"), cr.Dense(3)], seed=seed, **more)


def options(**more):
    return {"epochs": 5, "loss": "cross_entropy", "metrics": ["accuracy"], **more}


def test_seeds_have_the_bits_of_their_own_fits(blobs, fingerprint):
    x, y = blobs
    alone = [net(seed) for seed in range(7)]
    histories = [model.fit(x, y, verbose=0, validation_split=0.2, **options()).history for model in alone]
    together = [net(seed) for seed in range(7)]
    found = cr.fit_many(together, x, y, verbose=0, validation_split=0.2, **options())
    assert [fingerprint(model) for model in together] == [fingerprint(model) for model in alone]
    assert [history.history for history in found] == histories
    assert [model.history for model in together] == found


def test_the_bits_do_not_depend_on_how_many_train_at_once(blobs, fingerprint):
    x, y = blobs

    def train(threads):
        cr.set_num_threads(threads)
        models = [net(seed, width=100) for seed in range(3)]
        cr.fit_many(models, x, y, verbose=0, **options(batch_size=100))
        return [fingerprint(model) for model in models]

    try:
        assert train(1) == train(2)
    finally:
        cr.set_num_threads(0)


def test_folds_and_settings(blobs, fingerprint):
    x, y = blobs
    folds = [np.arange(300) % 3 == k for k in range(3)]
    settings = [{"optimizer": cr.Adam(0.01), "batch_size": 16}, {"optimizer": cr.SGD(0.1)}, {"epochs": 2}]
    models = [net(0), net(0, dtype="float64"), net(1)]
    cr.fit_many(models, [x[~f] for f in folds], [y[~f] for f in folds], settings=settings, verbose=0, **options())
    for number, (fold, own) in enumerate(zip(folds, settings, strict=True)):
        model = net(int(number == 2), dtype="float64" if number == 1 else "float32")
        model.fit(x[~fold], y[~fold], verbose=0, **options(**own))
        assert fingerprint(models[number]) == fingerprint(model)
    settings = [{"x": x[~f], "y": y[~f], "validation_data": (x[f], y[f])} for f in folds]
    again = [net(seed) for seed in range(3)]
    histories = cr.fit_many(again, settings=settings, verbose=0, **options())
    for model, fold, history in zip(again, folds, histories, strict=True):
        assert model.evaluate(x[fold], y[fold])["loss"] == history.history["val_loss"][-1]


def test_lists_that_are_no_arrays_are_data_for_all():
    x, y = [[0, 0], [0, 1]], [0, 1]
    models = [net(seed) for seed in range(2)]
    cr.fit_many(models, x, y, verbose=0, epochs=3, loss="cross_entropy")
    assert [len(model.history) for model in models] == [3, 3]


def test_a_list_is_data_for_all_where_models_have_several_inputs():
    class Several(cr.Sequential):
        input_names = ("a", "b")

        def fit(self, x, y, *, verbose):
            self.given = (x, y)
            return cr.History()

    models = [Several([cr.Dense(1)]) for _ in range(2)]
    x, y = [np.ones((3, 2)), np.ones((3, 4))], [np.zeros(3), np.ones(3)]
    cr.fit_many(models, x, y, verbose=0)
    assert all(model.given[0] is x for model in models)
    assert [model.given[1] for model in models] == y


def test_an_optimizer_for_all_is_copied_and_one_of_its_own_goes_on(blobs, fingerprint):
    x, y = blobs
    shared = cr.Adam(0.01)
    models = [net(0), net(1)]
    cr.fit_many(models, x, y, optimizer=shared, verbose=0, **options())
    assert {id(model.optimizer) for model in models}.isdisjoint({id(shared)})
    assert models[0].optimizer is not models[1].optimizer
    own = [{"optimizer": cr.Adam(0.01)} for _ in range(2)]
    parts = [net(0), net(1)]
    for _ in range(2):
        cr.fit_many(parts, x, y, settings=own, verbose=0, **options())
    whole = [net(0), net(1)]
    cr.fit_many(whole, x, y, optimizer=shared, verbose=0, **options(epochs=10))
    assert [fingerprint(model) for model in parts] == [fingerprint(model) for model in whole]


def test_callbacks_are_made_for_each_model(blobs):
    x, y = blobs
    made = {}

    def callbacks(number):
        stop = cr.LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(stop.model, "stop_training", epoch == number))
        made[number] = stop
        return stop

    histories = cr.fit_many([net(seed) for seed in range(4)], x, y, callbacks=callbacks, verbose=0, **options(epochs=50))
    assert sorted(made) == [0, 1, 2, 3]
    assert [len(history) for history in histories] == [1, 2, 3, 4]


def test_levenberg_marquardt_side_by_side():
    x = np.linspace(-2, 2, 40)[:, None]
    models = [cr.Sequential([cr.Dense(4, "tanh"), cr.Dense(1)], seed=seed) for seed in range(3)]
    cr.fit_many(models, x, np.sin(x), epochs=10, loss="mse", optimizer="levenberg_marquardt", verbose=0)
    for model in models:
        assert model.history.history["loss"][-1] < model.history.history["loss"][0]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"models": 3}, TypeError, r"fit_many: expected a sequence of models, got int"),
        ({"models": []}, ValueError, r"fit_many: expected at least one model, got none"),
        ({"models": [3]}, TypeError, r"fit_many: expected models, got 3 as number 0"),
        ({"epoch": 3}, TypeError, r"fit_many: model 0: fit: got an unexpected keyword argument 'epoch'"),
        ({"y": None}, TypeError, r"fit_many: model [01]: fit: expected y, or without it x as an iterable"),
        (
            {"x": [np.ones((4, 2))] * 3},
            ValueError,
            r"fit_many: expected x as an array, or as a list of 2 arrays, one for each model, got 3",
        ),
        ({"settings": {}}, TypeError, r"fit_many: expected settings as a sequence of one dict for each model, got dict"),
        ({"settings": [{}]}, ValueError, r"fit_many: expected settings for 2 models, got 1"),
        ({"settings": [{}, 4]}, TypeError, r"fit_many: expected settings as dicts, got 4 for model 1"),
        ({"settings": [{}, {"verbose": 1}]}, TypeError, r"expected one verbose for all models, got one in the settings of model 1"),
        ({"callbacks": [cr.TerminateOnNaN()]}, TypeError, r"fit_many: expected callbacks as a function from a model's number"),
        ({"verbose": 3}, ValueError, r"expected verbose"),
    ],
)
def test_what_is_refused(arguments, error, text):
    usual = {"models": [net(0), net(1)], "x": np.ones((4, 2)), "y": np.zeros(4, int), "loss": "cross_entropy", "verbose": 0}
    with pytest.raises(error, match=text):
        cr.fit_many(**{**usual, **arguments})


def test_objects_given_twice_are_refused(blobs):
    x, y = blobs
    model, adam = net(0), cr.Adam()
    with pytest.raises(ValueError, match=r"expected each model object once, got the same one for models 0 and 2"):
        cr.fit_many([model, net(1), model], x, y, verbose=0, **options())
    with pytest.raises(ValueError, match=r"expected each optimizer object once, got the same one for models 0 and 1"):
        cr.fit_many([model, net(1)], x, y, settings=[{"optimizer": adam}] * 2, verbose=0, **options())
    plateau = cr.schedules.plateau(0.1)
    with pytest.raises(ValueError, match=r"expected each plateau object once, got the same one for models 0 and 1"):
        cr.fit_many([model, net(1)], x, y, settings=[{"optimizer": cr.Adam(plateau)} for _ in range(2)], verbose=0, **options())
    assert model.history is None
    cosine = cr.schedules.cosine(0.1, 100)  # remembers nothing
    cr.fit_many([model, net(1)], x, y, settings=[{"optimizer": cr.Adam(cosine)} for _ in range(2)], verbose=0, **options())


def test_batches_without_a_length_for_all_models(blobs, fingerprint):
    x, y = blobs
    batches = [(x[i : i + 40], y[i : i + 40]) for i in range(0, len(x), 40)]
    models = [net(seed) for seed in range(3)]
    cr.fit_many(models, lambda: iter(batches), verbose=0, **options())
    for seed, model in enumerate(models):
        alone = net(seed)
        alone.fit(batches, verbose=0, **options())
        assert fingerprint(model) == fingerprint(alone)
    with pytest.raises(ValueError, match=r"expected each iterator object once, got the same one for models 0 and 1"):
        cr.fit_many(models, iter(batches), verbose=0, **options())


def test_an_error_names_its_model_and_stops_the_others(blobs):
    x, y = blobs
    models = [net(seed) for seed in range(6)]
    settings = [{"epochs": 10**9} for _ in models]
    settings[1] = {"y": y + 1}
    with pytest.raises(ValueError, match=r"^fit_many: model 1: fit: expected labels from 0 to 2"):
        cr.fit_many(models, x, y, settings=settings, verbose=0, **options())
    for model in models:
        model.fit(x, y, verbose=0, **options(epochs=1))
        assert len(model.history) == 1


def test_a_model_that_diverges(blobs):
    x, y = blobs
    models = [net(seed) for seed in range(3)]
    settings = [{}, {"optimizer": cr.SGD(1e30)}, {}]
    regression = {"epochs": 30, "loss": "mse", "verbose": 0}
    targets = np.eye(3)[y]
    with pytest.raises(cr.TrainingDiverged, match=r"^fit_many: model 1: training diverged") as caught:
        cr.fit_many(models, x, targets, settings=settings, **regression)
    assert caught.value.layer
    callbacks = [cr.TerminateOnNaN() for _ in models]
    models = [net(seed) for seed in range(3)]
    histories = cr.fit_many(models, x, targets, settings=settings, callbacks=lambda i: callbacks[i], **regression)
    assert [callback.error is not None for callback in callbacks] == [False, True, False]
    assert len(histories[0]) == len(histories[2]) == 30 > len(histories[1])


def test_errors_of_callbacks_come_out_with_the_number(blobs):
    x, y = blobs

    def fail(error):
        def raise_it(epoch, logs):
            raise error

        return [{"callbacks": cr.LambdaCallback(on_epoch_end=raise_it)}]

    for error, text in ((ZeroDivisionError(), "fit_many: model 0"), (RuntimeError("no"), "fit_many: model 0: no")):
        with pytest.raises(type(error)) as caught:
            cr.fit_many([net(0)], x, y, settings=fail(error), verbose=0, **options())
        assert str(caught.value) == text
        assert caught.value is error
    error = OSError(2, "no such thing")
    with pytest.raises(OSError, match="no such thing") as caught:
        cr.fit_many([net(0)], x, y, settings=fail(error), verbose=0, **options())
    if sys.version_info >= (3, 11):
        assert caught.value.__notes__ == ["fit_many: model 0"]


def test_the_threads_left_over_go_to_the_last_models(blobs):
    x, y = blobs
    shares = {0: set(), 1: set()}
    second_seen, first_done = threading.Event(), threading.Event()
    cr.set_num_threads(2)
    cores = cr.get_num_threads()  # one where the machine has no more: then one model follows the other

    def callbacks(number):
        def look(epoch, logs):
            shares[number].add(_core.thread_limits()["caller"])
            if number == 1 and epoch == 0:
                second_seen.set()
                assert first_done.wait(30)
            elif number == 0 and cores == 2:
                assert second_seen.wait(30)

        end = {"on_train_end": lambda logs: first_done.set()} if number == 0 else {}
        return cr.LambdaCallback(on_epoch_end=look, **end)

    settings = [{"epochs": 3}, {"epochs": 2000}]
    try:
        cr.fit_many([net(0), net(1)], x, y, settings=settings, callbacks=callbacks, verbose=0, **options())
    finally:
        cr.set_num_threads(0)
    assert shares == {0: {1}, 1: {1, cores}}
    assert _core.thread_limits()["caller"] == 0


def test_lines(blobs, capsys):
    x, y = blobs
    cr.fit_many([net(seed) for seed in range(40)], x, y, verbose=2, **options(epochs=1))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 20
    assert lines[-1].startswith("40/40 models, 100% of the work  model ")
    assert "loss" in lines[0]
    cr.fit_many([net(seed) for seed in range(2)], x, y, verbose=0, **options(epochs=1))
    assert capsys.readouterr().out == ""


def test_bar(blobs, capsys, monkeypatch):
    x, y = blobs
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    waiting = [{}, {}, {"callbacks": cr.LambdaCallback(on_train_begin=lambda logs: time.sleep(0.3))}]
    cr.fit_many([net(seed) for seed in range(3)], x, y, settings=waiting, **options(epochs=200))
    shown = capsys.readouterr()
    assert "0/3 models" in shown.err
    assert "2/3 models  67%" in shown.err
    assert "loss" in shown.err
    assert shown.out == ""


def test_a_fit_inside_a_callback_shows_itself(blobs, capsys):
    x, y = blobs

    def inner(logs):
        net(9).fit(x, y, verbose=2, epochs=1, loss="cross_entropy")

    cr.fit_many([net(0)], x, y, callbacks=lambda i: cr.LambdaCallback(on_train_begin=inner), verbose=0, **options())
    assert capsys.readouterr().out.startswith("epoch 1/1")
