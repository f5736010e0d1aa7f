"""Several Python threads at once: different models train side by side, one model trains once."""

import threading
import time

import numpy as np
import pytest

import chainrule as cr


def in_threads(*functions):
    errors = []

    def guarded(function):
        try:
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def fresh(seed):
    return cr.Sequential([cr.Dense(100, "tanh"), cr.Dense(3)], seed=seed)


def test_two_models_at_once(blobs, fingerprint):
    x, y = blobs

    def train(model):
        model.fit(x, y, epochs=30, loss="cross_entropy", validation_split=0.1, verbose=0)

    alone = [fresh(seed) for seed in range(3)]
    for model in alone:
        train(model)
    together = [fresh(seed) for seed in range(3)]
    assert in_threads(*[lambda model=model: train(model) for model in together]) == []
    assert [fingerprint(model) for model in together] == [fingerprint(model) for model in alone]


def test_predictions_at_once(blobs):
    x, _ = blobs
    model = fresh(0).build(6)
    expected = model.predict(x)
    wrong = []

    def predict():
        wrong.extend(1 for _ in range(50) if not np.array_equal(model.predict(x), expected))

    assert in_threads(predict, predict, predict) == []
    assert wrong == []


def test_second_training_of_a_model_raises(blobs):
    x, y = blobs
    model = fresh(0)
    started = threading.Event()
    caught = []

    def long_fit():
        callback = cr.LambdaCallback(on_train_begin=lambda logs: started.set())
        model.fit(x, y, epochs=10**9, loss="cross_entropy", verbose=0, callbacks=[callback])

    def others():
        assert started.wait(30)
        for call in (
            lambda: model.fit(x, y, loss="cross_entropy", verbose=0),
            lambda: model.fit(x, y, loss="cross_entropy", optimizer=cr.SGD(), verbose=0),
            lambda: model.train_on_batch(x, y),
        ):
            with pytest.raises(cr.ChainruleError, match=r"(fit|train_on_batch): expected a model that nothing trains, got one"):
                call()
            caught.append(True)
        assert model.predict(x).shape == (300, 3)  # predictions go on, between the trainer's calls
        model.stop_training = True

    assert in_threads(long_fit, others) == []
    assert caught == [True] * 3
    assert len(model.history.history["loss"]) > 0
    model.fit(x, y, loss="cross_entropy", verbose=0)


def test_other_python_threads_run_meanwhile(blobs):
    x, y = blobs
    model = fresh(0)
    ticks = []

    def clock():
        while model.history is None or not model.stop_training:
            ticks.append(1)
            time.sleep(0.001)
            if len(ticks) == 20:
                model.stop_training = True

    begun = cr.LambdaCallback(on_train_begin=lambda logs: thread.start())
    thread = threading.Thread(target=clock)
    model.fit(x, y, epochs=10**9, loss="cross_entropy", verbose=0, callbacks=[begun])
    thread.join()
    assert len(ticks) == 20
