"""What x and y may be: iterables of batches, frames, memory maps larger than what may be held."""

import os
import signal
import threading
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse

import chainrule as cr


def net(seed=1, dtype="float64"):
    return cr.Sequential([cr.Dense(7, "tanh"), cr.Dropout(0.2), cr.Dense(2)], seed=seed, dtype=dtype)


@pytest.fixture
def rows(rng):
    return rng.normal(size=(53, 4)), rng.normal(size=(53, 2)), rng.uniform(0.5, 2, 53)


def batches_of(*arrays, size=10):
    return [tuple(array[i : i + size] for array in arrays) for i in range(0, len(arrays[0]), size)]


# --- iterables of batches ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_batches_train_as_the_array_does(rows, fingerprint, weighted):
    x, y, weight = rows
    arrays = (x, y, weight) if weighted else (x, y)
    held_out = (x[:9], y[:9])
    settings = {"epochs": 3, "loss": "mse", "metrics": ["mae"], "validation_data": held_out, "verbose": 0}
    one, other = net(), net()
    expected = one.fit(x, y, batch_size=10, shuffle=False, sample_weight=weight if weighted else None, **settings)
    got = other.fit(batches_of(*arrays), **settings)
    assert fingerprint(one) == fingerprint(other)
    assert list(got.history) == list(expected.history)
    for name, values in expected.history.items():
        np.testing.assert_allclose(got.history[name], values, rtol=1e-12)


def test_what_makes_batches_anew(rows, fingerprint):
    x, y, _ = rows

    class Loader:
        def __iter__(self):
            return iter(batches_of(x, y))

        def __len__(self):
            return 6

    found = set()
    for source in (batches_of(x, y), Loader(), lambda: batches_of(x, y), lambda: (batch for batch in batches_of(x, y))):
        model = net()
        model.fit(source, epochs=2, loss="mse", verbose=0)
        found.add(fingerprint(model))
    assert len(found) == 1


@pytest.mark.parametrize(
    "schedule",
    [
        lambda: cr.schedules.cosine(0.1, 20),
        lambda: cr.schedules.warmup(0.1, 9),
        lambda: cr.schedules.exponential(0.1, 0.5, unit="epoch"),
        lambda: cr.schedules.plateau(0.1, patience=1, min_delta=1),
    ],
)
def test_schedules_of_streams(rows, fingerprint, schedule):
    """Also where the number of batches is known at an epoch's end only."""
    x, y, _ = rows
    settings = {"epochs": 5, "loss": "mse", "verbose": 0}
    found = set()
    for accumulate in (1, 4):
        expected = net()
        expected.fit(x, y, batch_size=10, shuffle=False, optimizer=cr.SGD(schedule(), accumulate=accumulate), **settings)
        for source in (batches_of(x, y), lambda: iter(batches_of(x, y))):
            model = net()
            model.fit(source, optimizer=cr.SGD(schedule(), accumulate=accumulate), **settings)
            assert fingerprint(model) == fingerprint(expected)
        found.add(fingerprint(expected))
    assert len(found) == 2


def test_a_schedule_by_epoch_does_not_ask_how_long_an_epoch_is(rows):
    x, y, _ = rows
    sizes, lrs = iter([20, 5, 10]), []
    model = net()
    note = cr.LambdaCallback(on_train_batch_end=lambda *_: lrs.append(model._sessions.last.trainer.lr))
    optimizer = cr.SGD(cr.schedules.step(1e-3, 1, factor=0.5, unit="epoch"))
    model.fit(
        lambda: iter(batches_of(x, y, size=next(sizes))), epochs=3, loss="mse", optimizer=optimizer, callbacks=note, verbose=0
    )
    assert lrs == [1e-3] * 3 + [5e-4] * 11 + [2.5e-4] * 6


def test_schedules_of_streams_go_on_in_the_next_fit(rows, fingerprint):
    x, y, _ = rows
    for make in (lambda: cr.schedules.step(0.1, 1, factor=0.5, unit="epoch"), lambda: cr.schedules.cosine(0.1, 24)):
        whole, parts, mixed = net(), net(), net()
        whole.fit(batches_of(x, y), epochs=4, loss="mse", optimizer=cr.SGD(make()), verbose=0)
        optimizer, other = cr.SGD(make()), cr.SGD(make())
        for epochs in (1, 2, 1):
            parts.fit(batches_of(x, y), epochs=epochs, loss="mse", optimizer=optimizer, verbose=0)
        mixed.fit(batches_of(x, y), epochs=2, loss="mse", optimizer=other, verbose=0)
        mixed.fit(x, y, epochs=1, batch_size=10, shuffle=False, optimizer=other, verbose=0)
        mixed.fit(batches_of(x, y), epochs=1, optimizer=other, verbose=0)
        assert len({fingerprint(model) for model in (whole, parts, mixed)}) == 1


def test_functions_among_the_metrics_of_streams(rows):
    x, y, _ = rows

    def worst(y_true, y_pred):
        return abs(y_true - y_pred).max()

    with pytest.raises(ValueError, match="fit: expected validation_data for the metric worst, a function"):
        net().fit(batches_of(x, y), loss="mse", metrics=["mae", worst], verbose=0)
    history = net().fit(batches_of(x, y), loss="mse", metrics=["mae", worst], validation_data=(x, y), verbose=0)
    assert list(history.history) == ["loss", "mae", "val_loss", "val_mae", "val_worst"]


def test_a_generator_serves_for_one_epoch(rows):
    x, y, _ = rows
    assert len(net().fit((batch for batch in batches_of(x, y)), loss="mse", verbose=0).epoch) == 1
    model = net()
    with pytest.raises(ValueError, match="got none in this one; a generator can be read only once"):
        model.fit((batch for batch in batches_of(x, y)), epochs=2, loss="mse", verbose=0)
    assert len(model.history.epoch) == 1


def test_callbacks_see_every_batch_and_may_stop(rows):
    x, y, _ = rows
    seen = []

    class Watch(cr.Callback):
        def on_train_batch_end(self, batch, logs):
            seen.append((batch, sorted(logs)))

        def on_epoch_end(self, epoch, logs):
            self.model.stop_training = epoch == 1

    history = net().fit(batches_of(x, y), epochs=5, loss="mse", callbacks=[Watch()], verbose=0)
    assert seen == [(batch, ["loss"]) for batch in range(6)] * 2
    assert history.epoch == [0, 1]


def test_batches_are_fetched_by_a_thread_that_ends(rows):
    x, y, _ = rows
    names = set()

    def source():
        for batch in batches_of(x, y):
            names.add(threading.current_thread().name)
            yield batch

    def failing():
        yield from batches_of(x, y)[:3]
        raise OSError("the disk is gone")

    net().fit(source, epochs=2, loss="mse", verbose=0)
    assert "chainrule-prefetch" in names
    with pytest.raises(OSError, match="the disk is gone"):
        net().fit(failing, loss="mse", verbose=0)
    model = net()
    model.fit(
        source,
        epochs=9,
        loss="mse",
        verbose=0,
        callbacks=cr.LambdaCallback(on_epoch_end=lambda *_: setattr(model, "stop_training", True)),
    )
    assert not [thread for thread in threading.enumerate() if thread.name == "chainrule-prefetch"]


def test_ctrl_c_does_not_wait_for_a_source(rows):
    x, y, _ = rows
    released = threading.Event()

    def source():
        yield from batches_of(x, y)[:3]
        os.kill(os.getpid(), signal.SIGINT)
        released.wait(60)
        yield x, y

    model = net()
    with pytest.raises(KeyboardInterrupt):
        model.fit(source, loss="mse", verbose=0)
    (fetching,) = (thread for thread in threading.enumerate() if thread.name == "chainrule-prefetch")
    released.set()
    fetching.join(60)
    assert not fetching.is_alive()
    model.fit(batches_of(x, y), loss="mse", verbose=0)


def test_batches_that_do_not_fit(rows):
    x, y, _ = rows
    for source, error, text in (
        (x, TypeError, "expected y, or without it x as an iterable of batches .*, got ndarray alone"),
        (scipy.sparse.csr_array(x), TypeError, "expected y, .*, got csr_array alone"),
        (pd.DataFrame(x), TypeError, "expected y, .*, got DataFrame alone"),
        (pl.DataFrame(x), TypeError, "expected y, .*, got DataFrame alone"),
        ([], ValueError, "at least one batch, got none"),
        ([x], TypeError, "batches as \\(x, y\\) or"),
        ([(x, y[:9])], ValueError, "batch 0: y with 53 rows"),
        ([(x, y), (x[:, :3], y)], ValueError, "expected input with 4 features|batch 1"),
        ([(x, y), (x, y[:, :1])], ValueError, "batch 1: y of shape"),
        ([(x * np.nan, y)], ValueError, "finite values in x"),
    ):
        with pytest.raises(error, match=text):
            net().fit(source, loss="mse", verbose=0)
    for given in ({"batch_size": 5}, {"sample_weight": np.ones(53)}, {"validation_split": 0.5}):
        with pytest.raises(ValueError, match=f"expected no {next(iter(given))} for an iterable of batches"):
            net().fit(batches_of(x, y), loss="mse", verbose=0, **given)
    with pytest.raises(ValueError, match="expected arrays"):
        cr.Sequential([cr.Dense(2)]).fit(batches_of(x, y), loss="mse", optimizer=cr.LevenbergMarquardt(), verbose=0)


def test_class_weights_of_batches(rng, fingerprint):
    x, labels = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    settings = {"loss": "cross_entropy", "class_weight": {1: 3.0}, "epochs": 2, "verbose": 0}
    one, other = net(), net()
    one.fit(x, labels, batch_size=10, shuffle=False, **settings)
    other.fit(batches_of(x, labels), **settings)
    assert fingerprint(one) == fingerprint(other)


# --- frames -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", [pd, pl])
def test_frames_keep_the_names_of_their_columns(rows, fingerprint, package):
    x, y, _ = rows
    columns = {name: x[:, i] for i, name in enumerate("abcd")}
    columns["d"] = (columns["d"] > 0).astype(np.int8)
    matrix = np.column_stack(list(columns.values()))
    one, other = net(), net()
    one.fit(matrix, y, epochs=2, loss="mse", verbose=0)
    frame = package.DataFrame(columns)
    other.fit(frame, package.DataFrame({"p": y[:, 0], "q": y[:, 1]}), epochs=2, loss="mse", verbose=0)
    assert other.feature_names == list("abcd")
    assert one.feature_names is None
    assert fingerprint(one) == fingerprint(other)
    turned = frame[["d", "b", "a", "c"]]
    np.testing.assert_array_equal(other.predict(turned), one.predict(matrix))
    with pytest.raises(ValueError, match="that the model was trained on, got none called 'a', 'c'"):
        other.predict(frame[["b", "d"]])
    with pytest.raises(TypeError, match="columns of numbers, got others in 'a'"):
        net().fit(package.DataFrame({**columns, "a": ["x"] * 53}), y, loss="mse", verbose=0)


def test_missing_values_of_a_frame_are_named(rows):
    x, y, _ = rows
    frame = pd.DataFrame(x, columns=list("abcd"))
    frame.loc[3, "b"] = None
    with pytest.raises(ValueError, match="expected finite values in x, got nan at row 3, column 1"):
        net().fit(frame, y, loss="mse", verbose=0)


# --- memory maps ------------------------------------------------------------------------------------------------------------------


def test_a_memory_map_is_read_in_place(tmp_path, rng, fingerprint):
    count = 100_000
    x = np.memmap(tmp_path / "x", np.float32, "w+", shape=(count, 50))  # 20 MB
    y = np.memmap(tmp_path / "y", np.float32, "w+", shape=(count,))
    for begin in range(0, count, 10_000):
        x[begin : begin + 10_000] = rng.normal(size=(10_000, 50))
        y[begin : begin + 10_000] = x[begin : begin + 10_000, 0]
    x.flush()
    y.flush()
    read = [np.memmap(tmp_path / name, np.float32, "r", shape=shape) for name, shape in (("x", (count, 50)), ("y", (count,)))]
    model = cr.Sequential([cr.Dense(8, "relu"), cr.Dense(1)], seed=1)
    tracemalloc.start()
    try:
        model.fit(*read, batch_size=512, loss="mse", validation_split=0.1, verbose=0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000  # a mask of 100,000 rows would pass, a copy of x would not
    other = cr.Sequential([cr.Dense(8, "relu"), cr.Dense(1)], seed=1)
    other.fit(np.array(x), np.array(y), batch_size=512, loss="mse", validation_split=0.1, verbose=0)
    assert fingerprint(model) == fingerprint(other)
