"""Arrays of every kind give the same bits as the plain float array, are read in place and never changed."""

import numpy as np
import pytest

import chainrule as cr

INTEGERS = [np.bool_, np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64]


def misaligned(x):
    raw = np.zeros(x.nbytes + 1, np.uint8)
    view = raw[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


LAYOUTS = {
    "fortran": np.asfortranarray,
    "strided rows": lambda x: np.repeat(x, 3, axis=0)[::3],
    "strided columns": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "reversed": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    "transposed": lambda x: x.T.copy().T,
    "read-only": read_only,
    "misaligned": misaligned,
    "list": lambda x: x.tolist(),
    "subclass": lambda x: x.view(np.recarray) if x.dtype.names else x.view(type("Sub", (np.ndarray,), {})),
}


def small_integers(rng):
    return rng.integers(0, 2, size=(50, 5))


def outcome(x, y, dtype="float32", **more):
    """The parameters after a fit, and the predictions."""
    model = cr.Sequential([cr.Dense(7, "tanh"), cr.Dense(1)], dtype=dtype)
    model.fit(x, y, epochs=2, batch_size=8, loss="mse", verbose=0, **more)
    return [*model.parameters().values(), model.predict(x), np.array(list(model.evaluate(x, y).values()))]


def assert_same(a, b):
    for left, right in zip(a, b, strict=True):
        assert left.tobytes() == right.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("source", INTEGERS)
def test_integers_equal_floats(rng, source, dtype):
    x = small_integers(rng)
    y = x[:, 0] ^ x[:, 1]
    assert_same(outcome(x.astype(source), y.astype(source), dtype), outcome(x.astype(dtype), y.astype(dtype), dtype))


@pytest.mark.parametrize("source", ["float32", "float64"])
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts(rng, layout, source):
    x = rng.normal(size=(50, 5)).astype(source)
    y = x[:, :1].copy()
    weight = rng.uniform(size=(50, 1)).astype(source)
    plain = outcome(x, y, sample_weight=weight[:, 0])
    given = [layout(array) for array in (x, y, weight)]
    assert_same(outcome(given[0], given[1], sample_weight=np.asarray(given[2])[:, 0]), plain)
    for array, original in zip(given, (x, y, weight), strict=True):
        np.testing.assert_array_equal(array, original)


@pytest.mark.parametrize("layout", ["fortran", "strided columns", "misaligned"])
@pytest.mark.parametrize("source", ["uint8", "int16", "int32", "int64"])
def test_integer_layouts(rng, source, layout):
    x = small_integers(rng).astype(source)
    assert_same(outcome(LAYOUTS[layout](x), x[:, 0]), outcome(x, x[:, 0]))


def test_memory_mapped(rng, tmp_path):
    x = rng.normal(size=(50, 5)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    assert_same(outcome(np.load(tmp_path / "x.npy", mmap_mode="r"), x[:, 0]), outcome(x, x[:, 0]))


@pytest.mark.parametrize("source", INTEGERS[1:])
def test_labels(rng, source):
    x = rng.normal(size=(40, 3)).astype(np.float32)
    labels = rng.integers(0, 3, 40)

    def trained(y):
        model = cr.Sequential([cr.Dense(3)])
        model.fit(x, y, loss="cross_entropy", metrics=["accuracy"], verbose=0)
        return [*model.parameters().values(), np.array(list(model.evaluate(x, y).values()))]

    plain = trained(labels)
    assert_same(trained(labels.astype(source)), plain)
    assert_same(trained(labels.astype(source)[:, None]), plain)
    assert_same(trained(np.repeat(labels.astype(source), 2)[::2]), plain)


def test_one_hot_equals_labels(rng):
    x = rng.normal(size=(40, 3))
    labels = rng.integers(0, 4, 40)
    models = [cr.Sequential([cr.Dense(4)], dtype="float64") for _ in range(2)]
    for model, y in zip(models, (labels, np.eye(4)[labels]), strict=True):
        model.fit(x, y, epochs=3, loss="cross_entropy", metrics="accuracy", verbose=0)
    for a, b in zip(models[0].parameters().values(), models[1].parameters().values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-14)  # two ways to round the same gradient
    assert models[0].history.history["accuracy"] == models[1].history.history["accuracy"]


def test_scale_equals_multiplied_input(rng):
    pictures = rng.integers(0, 256, size=(30, 12)).astype(np.uint8)
    scaled = cr.Sequential([cr.Input(12, scale=1 / 256), cr.Dense(2)])
    plain = cr.Sequential([cr.Input(12), cr.Dense(2)])
    np.testing.assert_array_equal(scaled.predict(pictures), plain.predict(pictures / 256))  # a power of two scales exactly
    y = pictures[:, :2] / 256
    for model, x in ((scaled, pictures), (plain, pictures / 256)):
        model.fit(x, y, epochs=2, loss="mse", validation_split=0.2, verbose=0)
        model.train_on_batch(x, y)
    assert scaled.history.history == plain.history.history
    assert scaled.evaluate(pictures, y) == plain.evaluate(pictures / 256, y)


def test_weights_equal_repetition(rng):
    x = rng.normal(size=(12, 3))
    y = rng.normal(size=12)
    times = rng.integers(1, 4, 12)
    weighted, repeated = (cr.Sequential([cr.Dense(1)], dtype="float64") for _ in range(2))
    weighted.fit(x, y, epochs=3, batch_size=100, loss="mse", sample_weight=times, shuffle=False, verbose=0)
    repeated.fit(np.repeat(x, times, 0), np.repeat(y, times), epochs=3, batch_size=100, loss="mse", shuffle=False, verbose=0)
    for a, b in zip(weighted.parameters().values(), repeated.parameters().values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-13)  # the same sum in another order


def test_class_weight_equals_sample_weight(blobs):
    x, y = blobs
    models = [cr.Sequential([cr.Dense(3)]) for _ in range(2)]
    models[0].fit(x, y, loss="cross_entropy", class_weight={0: 2.0, 2: 0.5}, verbose=0)
    models[1].fit(x, y, loss="cross_entropy", sample_weight=np.array([2.0, 1.0, 0.5])[y], verbose=0)
    assert_same(models[0].parameters().values(), models[1].parameters().values())


def test_weights_that_leave_no_row(rng):
    x, labels = rng.normal(size=(8, 3)), np.repeat([0, 1], 4)
    first, last = 1.0 - labels, labels.astype(float)
    batches = [(x[:4], labels[:4], first[:4]), (x[4:], labels[4:], first[4:])]
    product = "sample_weight times class_weight of"
    for given, text in (
        ({"sample_weight": first, "validation_split": 0.5}, "sample_weight of the rows held out by validation_split"),
        ({"sample_weight": last, "validation_split": 0.5}, f"{product} the rows to train on"),
        ({"class_weight": {0: 0, 1: 0}}, f"{product} the rows to train on"),
        ({"class_weight": {1: 0}, "sample_weight": last}, f"{product} the rows to train on"),
        ({"validation_data": (x, labels, 0 * first)}, "validation sample_weight"),
        ({"x": batches, "y": None, "class_weight": {0: 0}}, f"{product} an epoch's batches"),
        ({"x": [(x, labels, 0 * first)], "y": None}, f"{product} an epoch's batches"),
    ):
        model = cr.Sequential([cr.Dense(2)])
        with pytest.raises(ValueError, match=f"^fit: expected {text} with a positive sum, got 0$"):
            model.fit(**{"x": x, "y": labels, "loss": "cross_entropy", "verbose": 0, **given})
        assert model.history is None or not model.history.epoch
    # A batch of a stream may weigh nothing, as one of an array may.
    one, other = (cr.Sequential([cr.Dense(2)], seed=1) for _ in range(2))
    one.fit(x, labels, sample_weight=first, batch_size=4, shuffle=False, loss="cross_entropy", verbose=0)
    other.fit(batches, loss="cross_entropy", verbose=0)
    assert_same(one.parameters().values(), other.parameters().values())


def test_no_rows_and_one_row(rng):
    model = cr.Sequential([cr.Input(3), cr.Dense(2)], dtype="float64")
    empty = model.predict(np.zeros((0, 3)))
    assert (empty.shape, empty.dtype) == ((0, 2), np.float64)
    x = rng.normal(size=(500, 3))
    np.testing.assert_array_equal(model(x[7:8]), model.predict(x)[7:8])


def test_nothing_larger_than_a_batch_is_copied(run_python):
    printed = run_python("""
import resource, numpy as np, chainrule as cr
x = np.ones((400_000, 64), np.uint8)  # 25 MB; as float32 it would be 100 MB
y = np.zeros(400_000, np.uint8)
model = cr.Sequential([cr.Input(64), cr.Dense(2)])
model.fit(x[:1000], y[:1000], loss="cross_entropy", validation_split=0.1, verbose=0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model.fit(x, y, batch_size=1000, loss="cross_entropy", validation_split=0.1, verbose=0)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
""")
    # A permutation of the rows is 3 MB; a copy of x would be 25 MB at least.
    assert int(printed) < 16_000, f"{printed} KiB more"
