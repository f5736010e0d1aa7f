"""The same bits for any number of threads, for every instruction set, and for one fit or several."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import _core

# Layers wide enough that several threads do take part, odd enough that no size fits any vector; every kind of step.
TRAIN = """
import hashlib
import numpy as np
import chainrule as cr

def digest(dtype):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(517, 37)).astype(np.float32)
    y = rng.integers(0, 11, 517)
    total = hashlib.sha256()
    runs = [
        ("cross_entropy", cr.Adam(0.01), y, "relu"),
        ("mse", cr.SGD(0.01, momentum=0.9, nesterov=True), np.sin(x[:, :11]), "gelu"),
        ("binary_cross_entropy", cr.AdamW(0.01), (x[:, :11] > 0), "mish"),
        ("huber", cr.SGD(0.1), x[:, :11], "log_softmax"),
        ("sigmoid_nll", cr.Adam(0.01), y, "selu"),
        ("log_cosh", cr.SGD(0.1), x[:, :11], "leaky_relu"),
        (cr.losses.Quantile(0.8), cr.SGD(0.1), x[:, :11], "elu"),
        ("poisson", cr.SGD(0.01), abs(x[:, :11]), "softplus"),
        ("hinge", cr.SGD(0.01), x[:, :11] > 0, "relu"),
        ("hinge", cr.SGD(0.01), y, "relu"),
    ]
    for loss, optimizer, target, function in runs:
        layers = [cr.Dense(259, function), cr.Dropout(0.2), cr.BatchNorm(), cr.Dense(131, "tanh", l1=1e-5, l2=1e-4),
                  cr.Residual(cr.LayerNorm(), cr.Dense(131)), cr.Dense(45, "silu"), cr.Dense(11)]
        model = cr.Sequential(layers, dtype=dtype, seed=3)
        metrics = ["accuracy", "f1", "top_3" if target.ndim == 1 else "r2"]
        history = model.fit(x, target, epochs=2, batch_size=100, loss=loss, optimizer=optimizer, metrics=metrics,
                            validation_split=0.2, sample_weight=rng.uniform(0.5, 2, 517), verbose=0)
        for value in model.parameters().values():
            total.update(value.tobytes())
        total.update(model.predict(x).tobytes())
        total.update(repr((history.history, model.evaluate(x, target))).encode())
    return total.hexdigest()
"""


@pytest.fixture(scope="module")
def digest():
    space = {}
    exec(TRAIN, space)
    return space["digest"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads(digest, dtype):
    found = {}
    try:
        for threads in (1, 2, 3, 4):
            _core.override_threads(threads)
            found[threads] = digest(dtype)
    finally:
        _core.override_threads(0)
    assert len(set(found.values())) == 1, found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_instruction_sets(digest, dtype, run_python):
    code = TRAIN + f"print(digest({dtype!r}))"
    found = {isa: run_python(code, CHAINRULE_ISA=isa).strip() for isa in _core.supported_isas()}
    assert set(found.values()) == {digest(dtype)}, found


def test_forcing_what_the_cpu_lacks_is_an_error(run_python):
    lacking = next(isa for isa in ("neon", "avx512", "avx2") if isa not in _core.supported_isas())
    code = "try:\n    import chainrule\n    print(chainrule.info())\nexcept Exception as error:\n    print(type(error).__name__, error)"
    printed = run_python(code, CHAINRULE_ISA=lacking)
    assert "Error" in printed
    assert lacking in printed


@pytest.mark.parametrize("how", [lambda: cr.SGD(0.1, momentum=0.9), cr.Adam, cr.AdamW])
@pytest.mark.parametrize("shuffle", [True, False])
def test_two_fits_of_two_epochs_equal_one_of_four(blobs, fingerprint, how, shuffle):
    x, y = blobs

    def trained(*parts):
        model = cr.Sequential([cr.Dense(9, "relu"), cr.Dropout(0.3), cr.Dense(3)])
        optimizer = how()
        losses = []
        for epochs in parts:
            history = model.fit(x, y, epochs=epochs, loss="cross_entropy", optimizer=optimizer, shuffle=shuffle, verbose=0)
            losses += history.history["loss"]
        return fingerprint(model), losses

    assert trained(4) == trained(2, 2) == trained(1, 3)


def test_how_progress_is_watched_does_not_matter(blobs, fingerprint, capsys):
    x, y = blobs
    nothing = {"verbose": 0}
    epochs = {"verbose": 0, "callbacks": [cr.LambdaCallback(on_epoch_end=lambda epoch, logs: None)]}
    steps = {"verbose": 2, "callbacks": [cr.LambdaCallback(on_train_batch_end=lambda batch, logs: None)]}
    found = []
    for more in (nothing, epochs, steps):
        model = cr.Sequential([cr.Dense(9, "relu"), cr.Dropout(0.3), cr.Dense(3)])
        history = model.fit(x, y, epochs=5, loss="cross_entropy", metrics=["accuracy"], validation_split=0.25, **more)
        found.append((fingerprint(model), history.history))
    assert found[0] == found[1] == found[2]


def test_seeds_differ(fingerprint):
    models = [cr.Sequential([cr.Input(8), cr.Dense(8)], seed=seed) for seed in (0, 1, 2**40, 2**64 - 1)]
    assert len({fingerprint(model) for model in models}) == 4
    same = cr.Sequential([cr.Input(8), cr.Dense(8)], seed=2**40)
    assert fingerprint(same) == fingerprint(models[2])


def test_shuffling_visits_every_row_once(rng):
    x = np.eye(40)
    # With zero learning rate and a linear net, each epoch's loss is the mean over the rows, whatever their order.
    model = cr.Sequential([cr.Dense(1, kernel_init="ones")], dtype="float64")
    weights = rng.uniform(size=40)
    history = model.fit(x, weights, epochs=5, batch_size=7, loss="mse", optimizer=cr.SGD(0.0), verbose=0).history
    np.testing.assert_allclose(history["loss"], ((1 - weights) ** 2).mean(), rtol=1e-13)
