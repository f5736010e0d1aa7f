"""save and load: the same bits back."""

import json
import os
import stat

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from stored_models import make, small, two_in_two_out, two_in_two_out_data

import chainrule as cr


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parameters_and_architecture_come_back(path, rng, dtype, fingerprint):
    model = make(dtype=dtype)
    model.set_parameters({name: rng.normal(size=value.shape) for name, value in model.parameters().items()})
    assert model.save(path) is None
    again = cr.load(path)
    assert fingerprint(again) == fingerprint(model)
    assert repr(again) == repr(model)
    assert (again.seed, again.dtype) == (model.seed, model.dtype)
    x = rng.normal(size=(7, 6))
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert again.optimizer is None


@pytest.mark.parametrize(
    "optimizer", [cr.SGD(0.1), cr.SGD(0.1, momentum=0.9), cr.SGD(0.1, 0.9, nesterov=True), cr.Adam(0.01), cr.AdamW(0.01)]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_goes_on_bit_for_bit(path, blobs, fingerprint, optimizer, dtype):
    x, y = blobs
    model = make(dtype=dtype)
    model.fit(x, y, epochs=2, loss="cross_entropy", metrics=["accuracy"], optimizer=optimizer, validation_split=0.1, verbose=0)
    model.save(path)
    again = cr.load(path)
    assert again.history.history == model.history.history
    assert list(again.history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert repr(again.optimizer) == repr(optimizer)
    assert again.evaluate(x, y) == model.evaluate(x, y)  # loss and metrics are back
    one = model.fit(x, y, epochs=2, metrics=["accuracy"], optimizer=optimizer, verbose=0)
    other = again.fit(x, y, epochs=2, metrics=["accuracy"], optimizer=again.optimizer, verbose=0)
    assert one.history == other.history
    assert fingerprint(model) == fingerprint(again)
    assert model.train_on_batch(x, y) == again.train_on_batch(x, y)
    assert fingerprint(model) == fingerprint(again)


def test_wide_and_narrow_parameters_keep_their_optimizer_state(path, rng, fingerprint):
    """A matrix of few columns has its state transposed inside."""
    x, y = rng.normal(size=(64, 40)), rng.normal(size=(64, 2))
    model = cr.Sequential([cr.Dense(33, "relu"), cr.Dense(1, "tanh"), cr.Dense(50, "relu"), cr.Dense(2)])
    model.fit(x, y, epochs=1, loss="mse", verbose=0)
    state = model._sessions.last.trainer.state()
    assert {name: value.shape for name, value in state["arrays"].items() if name.startswith("first")} == {
        f"first.{name}": value.shape for name, value in model.parameters().items()
    }
    model.save(path)
    again = cr.load(path)
    for net in (model, again):
        net.fit(x, y, epochs=1, optimizer=net.optimizer, verbose=0)
    assert fingerprint(model) == fingerprint(again)


def test_optimizer_state_is_that_of_the_formula(rng):
    """The first moment after one step from zero is (1 - beta1) g: state is stored in the parameter's own order."""
    x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
    model = cr.Sequential([cr.Input(3), cr.Dense(2)], dtype="float64")
    w, b = model.parameters().values()
    gradient = x.T @ (x @ w + b - y) * 2 / y.size
    model.train_on_batch(x, y, loss="mse", optimizer=cr.Adam(beta1=0.75))
    np.testing.assert_allclose(model._sessions.last.trainer.state()["arrays"]["first.0.kernel"], 0.25 * gradient, rtol=1e-12)


def test_levenberg_marquardt_goes_on(path, fingerprint):
    x = np.linspace(-2, 2, 40)[:, None]
    model = cr.Sequential([cr.Dense(6, "tanh"), cr.Dense(1)])
    model.fit(x, np.sin(x), epochs=5, loss="mse", optimizer=cr.LevenbergMarquardt(), verbose=0)
    model.save(path)
    again = cr.load(path)
    for net in (model, again):
        net.fit(x, np.sin(x), epochs=5, optimizer=net.optimizer, verbose=0)
    assert fingerprint(model) == fingerprint(again)


def test_without_optimizer_the_file_holds_the_state_dict(path, blobs):
    x, y = blobs
    model = make()
    model.fit(x, y, loss="cross_entropy", verbose=0)
    model.save(path, include_optimizer=False)
    stored, expected = safetensors.numpy.load_file(path), model.state_dict()
    assert stored.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(stored[name], value)
    assert cr.load(path).optimizer is None
    smaller = path.stat().st_size
    model.save(path)
    names = safetensors.numpy.load_file(path).keys()
    assert {name for name in names if not name.startswith("training/")} == expected.keys()
    assert path.stat().st_size > smaller


def test_the_same_model_gives_the_same_bytes(path, run_python):
    code = f"import chainrule as cr; cr.Sequential([cr.Input(3), cr.Dense(2, 'relu')]).save({str(path)!r})"
    contents = []
    for hash_seed in ("1", "2"):
        run_python(code, PYTHONHASHSEED=hash_seed)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


def test_metadata_is_json(path):
    make().save(path)
    with safetensors.safe_open(path, "numpy") as file:
        document = json.loads(file.metadata()["chainrule"])
    assert document["format"] == 1
    assert document["architecture"]["inputs"] == [{"class": "Input", "features": 6, "scale": 0.5, "name": "x"}]


def test_a_users_loss_is_not_stored_but_the_rest_is(path, blobs, fingerprint):
    x, y = blobs

    def squares(prediction, target):
        return np.mean(np.square(prediction - target))

    model = make()
    model.fit(x, np.eye(3)[y], loss=squares, verbose=0)
    model.save(path)
    again = cr.load(path)
    assert fingerprint(again) == fingerprint(model)
    assert again.optimizer is None


def test_users_metrics_are_to_be_given_again_and_the_rest_goes_on(path, blobs, fingerprint):
    x, y = blobs

    def share(y_true, y_pred):
        return np.mean(y_true == y_pred.argmax(axis=1))

    model = make()
    counted = {"metrics": ["accuracy", share], "verbose": 0}
    model.fit(x, y, loss="cross_entropy", epochs=2, optimizer=cr.Adam(0.01), **counted)
    model.save(path)
    again = cr.load(path)
    assert again.history.history == model.history.history
    assert list(again.evaluate(x, y)) == ["loss", "accuracy"]
    one, other = (each.fit(x, y, epochs=2, optimizer=each.optimizer, **counted) for each in (model, again))
    assert one.history == other.history
    assert list(one.history) == ["loss", "accuracy", "share"]
    assert fingerprint(model) == fingerprint(again)
    cr.load(path).save(path)  # of whose metrics the function is none any more
    with pytest.raises(ValueError, match="is of another fit: expected 3 history, got 2"):
        make().fit(x, y, loss="cross_entropy", epochs=3, optimizer=cr.Adam(0.01), metrics="accuracy", verbose=0, resume_from=path)


@pytest.mark.parametrize("layer", [cr.Dense(2, np.sin), cr.Lambda(lambda x, slope: x * slope, {"slope": 2.0})])
@pytest.mark.parametrize("inside", [lambda layer: layer, lambda layer: cr.Residual(cr.Dense(2), layer)])
def test_a_users_function_is_refused_before_anything_is_written(path, layer, inside):
    small().save(path)
    before = path.read_bytes()
    model = cr.Sequential([cr.Input(2), inside(layer)])
    with pytest.raises(TypeError, match=r"save: .*expected layers .*, which a file cannot hold; pickle the model, or keep"):
        model.save(path)
    assert path.read_bytes() == before


def test_a_users_schedule_is_refused_and_may_be_left_out(path):
    class Mine(cr.schedules.Schedule):
        def at(self, t):
            return np.full(t.shape, 0.1)

    model = small()
    model.train_on_batch([[1.0]], [1.0], loss="mse", optimizer=cr.SGD(Mine()))
    with pytest.raises(
        TypeError, match=r"save: SGD.*got Mine\(\), which a file cannot hold; save\(path, include_optimizer=False\)"
    ):
        model.save(path)
    assert not path.exists()
    model.save(path, include_optimizer=False)
    assert cr.load(path).optimizer is None


def test_an_unbuilt_model_is_refused(path):
    with pytest.raises(cr.ChainruleError, match="save: expected a built model"):
        cr.Sequential([cr.Dense(1)]).save(path)


def test_single_steps_go_on(path, rng, fingerprint):
    x, y = rng.normal(size=(8, 6)), rng.integers(0, 3, 8)
    model = make()
    for _ in range(3):
        model.train_on_batch(x, y, loss="cross_entropy", optimizer="adam", metrics="accuracy")
    model.save(path)
    again = cr.load(path)
    assert again.history is None
    for _ in range(3):  # nothing is said of loss or optimizer: the last ones go on, dropout's masks too
        assert model.train_on_batch(x, y) == again.train_on_batch(x, y)
    assert model.train_on_batch(x, y, optimizer="adam") == again.train_on_batch(x, y, optimizer="adam")
    assert fingerprint(model) == fingerprint(again)


def test_permissions_and_links(tmp_path, path):
    small().save(path)
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask  # like any new file
    path.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(path)
    cr.Sequential([cr.Input(2), cr.Dense(1)]).save(link)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert cr.load(path).state_dict()["0.weight"].shape == (1, 2)


GOAL = {
    "loss": {"price": "mse", "sold": "cross_entropy"},
    "loss_weights": {"price": 0.5, "sold": 2},
    "metrics": {"sold": "accuracy"},
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_models_of_any_structure(path, rng, fingerprint, dtype):
    model = two_in_two_out(dtype=dtype)
    x, y = two_in_two_out_data(rng)
    model.fit(x, y, epochs=3, optimizer=cr.Adam(0.01), verbose=0, **GOAL)
    model.save(path)
    again = cr.load(path)
    assert repr(again) == repr(model)
    assert (again.input_names, again.output_names) == (model.input_names, model.output_names)
    assert list(again.parameters()) == list(model.parameters())
    for one, other in zip(model.predict(x), again.predict(x), strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.history.history == model.history.history
    one = model.fit(x, y, epochs=2, optimizer=model.optimizer, verbose=0, **GOAL)
    other = again.fit(x, y, epochs=2, optimizer=again.optimizer, verbose=0, **GOAL)
    assert one.history == other.history
    assert fingerprint(model) == fingerprint(again)
    again.save(path)
    assert fingerprint(cr.load(path)) == fingerprint(model)


@pytest.mark.parametrize("every", ["epoch", 3])
def test_models_of_any_structure_resume(path, rng, fingerprint, every):
    x, y = two_in_two_out_data(rng)

    class Broken(Exception):
        pass

    def break_at(epoch, logs):
        if epoch == 3:
            raise Broken

    def fit(model, **more):
        return model.fit(x, y, epochs=6, batch_size=8, optimizer=cr.Adam(0.01), verbose=0, validation_split=0.2, **GOAL, **more)

    whole, resumed = two_in_two_out(), two_in_two_out()
    expected = fit(whole)
    with pytest.raises(Broken):
        fit(two_in_two_out(), callbacks=[cr.Checkpoint(path, every=every), cr.LambdaCallback(on_epoch_begin=break_at)])
    assert fit(resumed, resume_from=path).history == expected.history
    assert fingerprint(resumed) == fingerprint(whole)


def test_composite_layers_come_back(path, rng):
    layers = [
        cr.Embedding(9, 3, columns=[1]),
        cr.Residual(cr.LayerNorm(), cr.Dense(5, "gelu"), name="block"),
        cr.BatchNorm(),
        cr.Dense(2),
    ]
    model = cr.Sequential([cr.Input(3), *layers])
    model.save(path)
    again = cr.load(path)
    assert repr(again) == repr(model)
    assert list(again.parameters()) == list(model.parameters())
    x = np.column_stack([rng.normal(size=4), [0, 8, 3, 3], rng.normal(size=4)])
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


class Gated(cr.layers.Composite):
    def __init__(self):
        super().__init__()
        self.value, self.gate = cr.Dense(3, name="value"), cr.Dense(3, "sigmoid", name="gate")

    def call(self, x):
        return self.value(x) * self.gate(x)


def test_what_is_trained_and_how_fast_comes_back(path, rng, fingerprint):
    def sequential():
        block = cr.Residual(cr.Dense(3, "tanh"), cr.Dense(3))
        block.lr_scale = 0.5
        block.layers[0].trainable = False
        return cr.Sequential([cr.Input(3), cr.Dense(3), block, cr.Dense(1)]), block.layers[0]

    def functional():
        """The composite layer, which a file takes apart, is what freezes one layer and slows the other down."""
        source, gated = cr.Input(3), Gated()
        gated.lr_scale, gated.value.lr_scale, gated.gate.trainable = 0.5, 0.25, False
        return cr.Model(source, cr.Dense(1)(gated(source))), gated.gate

    x, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    for make_one in (sequential, functional):
        model, _ = make_one()
        model.fit(x, y, epochs=1, loss="mse", verbose=0, callbacks=cr.Checkpoint(path))
        loaded = cr.load(path)
        for one in (model, loaded):
            one.fit(x, y, epochs=2, optimizer=one.optimizer, verbose=0)
        assert fingerprint(loaded) == fingerprint(model)
        again, other_frozen = make_one()
        again.fit(x, y, epochs=2, loss="mse", verbose=0, resume_from=path)
        again, other_frozen = make_one()
        other_frozen.trainable = True
        with pytest.raises(ValueError, match=r"of another fit: .*trainable = False, got the default"):
            again.fit(x, y, epochs=2, loss="mse", verbose=0, resume_from=path)


def test_a_users_composite_is_taken_apart_in_a_model_and_refused_in_a_sequential(path, rng):
    x = cr.Input(4)
    model = cr.Model(x, cr.Dense(1)(Gated()(x)))
    model.save(path)
    rows = rng.normal(size=(5, 4))
    np.testing.assert_array_equal(cr.load(path).predict(rows), model.predict(rows))
    with pytest.raises(TypeError, match="which a file cannot hold"):
        cr.Sequential([x, Gated()]).save(path)


def test_without_safetensors_the_error_says_what_to_install(path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match=r"save: .*chainrule\[files\]"):
        small().save(path)
