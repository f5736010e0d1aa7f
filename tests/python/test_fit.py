"""What fit, evaluate, predict and train_on_batch do, from the outside."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import progress


def classifier(**more):
    return cr.Sequential([cr.Dense(16, "relu"), cr.Dense(3)], **more)


def test_learns_classes(blobs):
    x, y = blobs
    model = classifier()
    history = model.fit(x, y, epochs=40, loss="cross_entropy", metrics=["accuracy"], validation_split=0.2, verbose=0)
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert history.history["val_accuracy"][-1] > 0.9
    assert model.predict(x).argmax(axis=1).tolist() == model(x).argmax(axis=1).tolist()
    assert model.history is history


def test_learns_a_function(rng):
    x = rng.uniform(-2, 2, size=(400, 1))
    model = cr.Sequential([cr.Dense(32, "tanh"), cr.Dense(1)])
    model.fit(x, np.sin(x), epochs=200, loss="mse", optimizer=cr.Adam(0.01), verbose=0)
    assert model.evaluate(x, np.sin(x))["loss"] < 1e-3


def test_xor_in_thousands_of_epochs():
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    y = np.array([0, 1, 1, 0])
    model = cr.Sequential([cr.Dense(8, "tanh"), cr.Dense(1)])
    history = model.fit(x, y, epochs=5000, batch_size=4, loss="mse", optimizer=cr.SGD(0.3), verbose=0)
    assert len(history.history["loss"]) == 5000
    assert model.predict(x).ravel().round().tolist() == [0, 1, 1, 0]


def test_binary_accuracy_has_the_right_threshold(rng):
    x = rng.normal(size=(200, 2))
    y = (x.sum(axis=1) > 0).astype(int)
    logits = cr.Sequential([cr.Input(2), cr.Dense(1)])
    logits.set_parameters({"0.kernel": [[1.0], [1.0]]})
    assert logits.evaluate(x, y, loss="binary_cross_entropy", metrics=["accuracy"])["accuracy"] == 1
    probabilities = cr.Sequential([cr.Input(2), cr.Dense(1, "sigmoid")])
    probabilities.set_parameters({"0.kernel": [[1.0], [1.0]]})
    assert probabilities.evaluate(x, y, loss="mse", metrics=["accuracy"])["accuracy"] == 1


def test_evaluate_equals_numpy(blobs, rng):
    x, _ = blobs
    y = rng.normal(size=(300, 3))
    weight = rng.uniform(size=300)
    model = classifier(dtype="float64").build(6)
    error = model.predict(x) - y
    got = model.evaluate(x, y, loss="mse", metrics=["mse", "mae"], sample_weight=weight)
    assert got["loss"] == pytest.approx(np.average((error**2).mean(axis=1), weights=weight), rel=1e-13)
    assert got["mse"] == pytest.approx((error**2).mean(), rel=1e-13)
    assert got["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-13)


def test_validation_is_evaluation_after_the_epoch(blobs):
    x, y = blobs
    model = classifier()
    history = model.fit(x[:200], y[:200], loss="cross_entropy", metrics=["accuracy"], validation_data=(x[200:], y[200:]), verbose=0)
    after = model.evaluate(x[200:], y[200:])
    assert {f"val_{name}": value for name, value in after.items()} == {
        name: values[0] for name, values in history.history.items() if name.startswith("val_")
    }


def test_validation_split_takes_the_last_rows(blobs, fingerprint):
    x, y = blobs
    weight = np.linspace(0.5, 1.5, 300)
    split, given = classifier(), classifier()
    split.fit(x, y, epochs=2, loss="cross_entropy", validation_split=0.2, sample_weight=weight, verbose=0)
    given.fit(
        x[:240],
        y[:240],
        epochs=2,
        loss="cross_entropy",
        validation_data=(x[240:], y[240:], weight[240:]),
        sample_weight=weight[:240],
        verbose=0,
    )
    assert fingerprint(split) == fingerprint(given)
    assert split.history.history == given.history.history


def test_batch_larger_than_the_data_is_one_step(blobs, fingerprint):
    x, y = blobs
    models = [classifier() for _ in range(2)]
    for model, size in zip(models, (300, 10**6), strict=True):
        model.fit(x, y, batch_size=size, loss="cross_entropy", shuffle=False, verbose=0)
    assert fingerprint(models[0]) == fingerprint(models[1])


def test_train_on_batch_equals_fit(blobs, fingerprint):
    x, y = blobs
    fitted, stepped = classifier(), classifier()
    fitted.fit(x, y, epochs=1, batch_size=50, loss="cross_entropy", shuffle=False, verbose=0)
    for start in range(0, 300, 50):
        stepped.train_on_batch(x[start : start + 50], y[start : start + 50], loss="cross_entropy")
    assert fingerprint(fitted) == fingerprint(stepped)


def test_train_on_batch_goes_on(blobs, fingerprint):
    x, y = blobs
    optimizer = cr.Adam()
    ways = [
        lambda model: model.train_on_batch(x, y),
        lambda model: model.train_on_batch(x, y, loss="cross_entropy", optimizer="adam", metrics=["accuracy"]),
        lambda model: model.train_on_batch(x, y, loss=cr.losses.CrossEntropy(), optimizer=cr.Adam),
    ]
    found = set()
    for again in ways:
        model = classifier()
        model.train_on_batch(x, y, loss="cross_entropy", optimizer="adam", metrics=["accuracy"])
        for _ in range(3):
            assert list(again(model)) == ["loss", "accuracy"]
        found.add(fingerprint(model))
    model = classifier()
    for _ in range(4):
        model.train_on_batch(x, y, loss="cross_entropy", optimizer=optimizer, metrics=["accuracy"])
    assert found == {fingerprint(model)}
    assert model.optimizer is optimizer


def test_another_optimizer_object_starts_anew(blobs, fingerprint):
    x, y = blobs
    goes_on, starts_anew = classifier(), classifier()
    optimizer = cr.Adam()
    for how, model in ((lambda: optimizer, goes_on), (cr.Adam, starts_anew)):
        for _ in range(2):
            model.fit(x, y, loss="cross_entropy", optimizer=how(), verbose=0)
    assert fingerprint(goes_on) != fingerprint(starts_anew)


def test_learning_rate_may_change(blobs):
    x, y = blobs
    model = classifier()
    model.fit(x, y, loss="cross_entropy", verbose=0)
    model.optimizer.lr = 0.0
    before = model.parameters()
    model.train_on_batch(x, y)
    model.fit(x, y, optimizer=model.optimizer, verbose=0)
    for name, value in model.parameters().items():
        np.testing.assert_array_equal(value, before[name])


def test_evaluation_leaves_training_alone(blobs, fingerprint):
    x, y = blobs
    one, other = classifier(), classifier()
    for model in (one, other):
        for _ in range(3):
            model.train_on_batch(x, y, loss="cross_entropy", optimizer="adam")
            if model is other:
                model.evaluate(x, np.eye(3)[y], loss="mse")
                model.evaluate(x, y, metrics=["accuracy"])
    assert fingerprint(one) == fingerprint(other)


def test_dropout_only_while_training(rng):
    x = rng.normal(size=(100, 20))
    model = cr.Sequential([cr.Input(20), cr.Dropout(0.5), cr.Dense(1)])
    plain = cr.Sequential([cr.Input(20), cr.Dense(1)])
    plain.set_parameters({"0.kernel": model.parameters()["1.kernel"]})
    np.testing.assert_array_equal(model.predict(x), plain.predict(x))
    y = model.predict(x)
    assert model.evaluate(x, y, loss="mse")["loss"] == 0
    assert model.train_on_batch(x, y, loss="mse", optimizer=cr.SGD(0.0))["loss"] > 0.01


def test_dropout_keeps_the_mean():
    p = 0.3
    x = np.ones((400, 500))
    kernel = np.zeros((500, 500))
    np.fill_diagonal(kernel, 1)
    model = cr.Sequential([cr.Input(500), cr.Dropout(p), cr.Dense(500, use_bias=False, kernel_init=kernel)], dtype="float64")
    loss = model.train_on_batch(x, np.zeros((400, 500)), loss="mse", optimizer=cr.SGD(0.0))["loss"]
    # The mean square of a mask is 1 / (1 - p); over 200,000 draws its standard deviation is about 0.0015.
    assert loss == pytest.approx(1 / (1 - p), abs=0.008)


def test_verbose(blobs, capfd, monkeypatch):
    x, y = blobs
    model = classifier()
    model.fit(x, y, epochs=3, loss="cross_entropy", verbose=0)
    assert capfd.readouterr() == ("", "")
    model.fit(x, y, epochs=3, loss="cross_entropy", metrics=["accuracy"], validation_split=0.2)  # no terminal here: lines
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("epoch 2/3  loss ")
    assert "accuracy" in lines[1]
    assert "val_loss" in lines[1]
    model.fit(x, y, epochs=1500, batch_size=300, loss="cross_entropy", verbose=2)
    assert 1 <= len(capfd.readouterr().out.splitlines()) <= 21
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True)
    model.fit(x, y, epochs=3, loss="cross_entropy", verbose=1)
    out, err = capfd.readouterr()
    assert "epoch" in out + err


@pytest.mark.parametrize("epochs", [1, 2, 3, 19, 20, 21, 30, 39, 40, 41, 999, 1000, 12345])
def test_lines_are_at_most_twenty(epochs):
    lines = progress.Lines(epochs, 1)
    stops = [lines.next_stop(0)]
    while stops[-1] < epochs:
        stops.append(lines.next_stop(stops[-1]))
    assert stops[-1] == epochs
    assert len(stops) == min(epochs, 20)
    assert stops == sorted(set(stops))


def test_reprs(capsys):
    model = cr.Sequential([cr.Dense(64, "relu"), cr.Dropout(0.5), cr.Dense(10, use_bias=False, name="head")])
    assert (
        repr(model)
        == "Sequential([Dense(64, 'relu'), Dropout(0.5), Dense(10, use_bias=False, name='head')], dtype='float32', input unknown)"
    )
    model.summary()
    assert "input unknown" in capsys.readouterr().out
    assert repr(model.build(64)).endswith("dtype='float32', 64 -> 10, 4,800 parameters)")
    model.summary()
    printed = capsys.readouterr().out
    assert "(rows, 10)" in printed
    assert "4,800 parameters" in printed
    assert repr(cr.Activation(cr.activations.ELU(0.5))) == "Activation(ELU(alpha=0.5))"
    assert repr(cr.Activation(cr.activations.ELU)) == "Activation('elu')"
    assert repr(cr.AdamW()) == "AdamW(lr=0.001, beta1=0.9, beta2=0.999, epsilon=1e-08, weight_decay=0.01)"
    assert repr(cr.losses.MSE()) == "MSE()"


def test_explain_plan(blobs):
    x, y = blobs
    model = classifier().build(6)
    before = model.explain_plan()
    assert "dense_0" in before
    assert "training" not in before
    assert f"instruction set: {cr.info()['isa']}, " in before
    model.fit(x, y, batch_size=50, loss="cross_entropy", verbose=0)
    plan = model.explain_plan()
    assert plan.startswith(before)
    assert plan.count("training with the last fit's batches of 50 rows: ") == 1
    for once in ("instruction set: ", "limits of threads: ", "estimate of a step: ", "schedule: rows, ", "parameter phase "):
        assert plan.count(once) == 1, once
    model.fit(x, y, batch_size=20, loss="cross_entropy", optimizer=cr.SGD(), verbose=0)
    model.train_on_batch(x, y)
    assert model.explain_plan().count("the last fit's batches of 20 rows") == 1


def test_explain_plan_names_the_limit_that_binds(blobs):
    x, y = blobs
    model = classifier()
    cr.set_num_threads(1)
    try:
        model.fit(x, y, loss="cross_entropy", verbose=0)
        plan = model.explain_plan()
    finally:
        cr.set_num_threads(0)
    assert "set_num_threads 1 (the least)\n" in plan
    assert "threads: 1 of at most 1, the limits allow no more\n" in plan
    assert "schedule: rows, one thread has nothing to share out\n" in plan


def test_info():
    info = cr.info()
    assert {"version", "cpu", "isa", "isas", "threads", "threads_why"} <= set(info)
    assert info["isa"] in info["isas"]
    assert all(key in repr(info) for key in info)
    cr.set_num_threads(1)
    try:
        assert (cr.info()["threads"], cr.info()["threads_why"]) == (1, "set_num_threads")
    finally:
        cr.set_num_threads(0)
