"""SciPy's CSR matrices as x: the bits of the same fit on x.toarray(), without ever being made dense."""

import numpy as np
import pytest
import scipy.sparse

import chainrule as cr
from chainrule import _core

ROWS, COLUMNS = 61, 83


def random_csr(rng, rows=ROWS, columns=COLUMNS, density=0.1, dtype=np.float32, indices=np.int32):
    """Entries anywhere, rows without any among them."""
    x = scipy.sparse.random(rows, columns, density, format="csr", dtype=dtype, random_state=rng)
    x.data[:] = rng.normal(size=x.nnz)
    assert (np.diff(x.indptr) == 0).any() or density > 0.05
    return with_indices(x, indices)


def with_indices(x, dtype):
    x.indices = x.indices.astype(dtype)
    x.indptr = x.indptr.astype(dtype)
    return x


@pytest.fixture
def teams():
    """A function that sets threads and schedule; afterwards both are free again."""

    def force(threads, schedule):
        _core.override_threads(threads)
        _core.override_schedule(schedule)

    yield force
    force(0, None)


def everything(
    x, y, *, dtype="float32", units=24, layers=(), epochs=2, batch_size=16, loss="cross_entropy", optimizer=None, **options
):
    """Return the bytes of parameters, history, evaluation and predictions after a fit and a step."""
    model = cr.Sequential([cr.Dense(units, "relu"), *layers, cr.Dense(3)], seed=3, dtype=dtype)
    history = model.fit(
        x, y, epochs=epochs, batch_size=batch_size, loss=loss, optimizer=optimizer or cr.Adam(0.01), verbose=0, **options
    ).history
    step = model.train_on_batch(x[:20], y[:20])
    values = [*model.parameters().values(), model.predict(x), *map(np.array, history.values())]
    return b"".join(value.tobytes() for value in values) + repr((step, model.evaluate(x, y))).encode()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [1, 7, 16, ROWS])
@pytest.mark.parametrize("units", [2, 17, 24])  # 2 and 17: the transposed weight is the master
def test_bits_are_those_of_a_dense_fit(rng, dtype, batch_size, units):
    x = random_csr(rng)
    y = rng.integers(0, 3, ROWS)
    options = {"dtype": dtype, "batch_size": batch_size, "units": units, "epochs": 1 if batch_size == 1 else 3}
    assert everything(x, y, **options) == everything(x.toarray(), y, **options)


@pytest.mark.parametrize("schedule", ["rows", "columns"])
@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("units", [10, 130])
def test_bits_do_not_depend_on_the_team(rng, teams, schedule, threads, units):
    x = random_csr(rng)
    y = rng.integers(0, 3, ROWS)
    expected = everything(x.toarray(), y, units=units)
    teams(threads, schedule)
    assert everything(x, y, units=units) == expected


@pytest.mark.parametrize("values", [np.float32, np.float64, np.int16, np.uint8, np.bool_])
@pytest.mark.parametrize("indices", [np.int32, np.int64])
def test_types_of_values_and_indices(rng, values, indices):
    x = random_csr(rng, density=0.15)
    x.data = (rng.normal(size=x.nnz) * 20).astype(np.int8).astype(values)
    x = with_indices(x, indices)
    y = rng.normal(size=(ROWS, 3))
    assert everything(x, y, loss="mse") == everything(x.toarray(), y, loss="mse")
    assert everything(scipy.sparse.csr_array(x), y, loss="mse") == everything(x.toarray(), y, loss="mse")


@pytest.mark.parametrize(
    "options",
    [
        {"validation_split": 0.3, "metrics": ["accuracy"]},
        {"shuffle": False},
        {"sample_weight": np.linspace(0, 2, ROWS)},
        {"class_weight": {0: 2.0, 2: 0.5}},
        {"optimizer": cr.SGD(0.05, momentum=0.9)},
        {"layers": (cr.LayerNorm(), cr.Dropout(0.3), cr.Dense(9, "tanh"))},
        {"layers": (cr.BatchNorm(),)},
    ],
    ids=lambda options: next(iter(options)),
)
def test_options(rng, options):
    x = random_csr(rng)
    y = rng.integers(0, 3, ROWS)
    given = dict(options)
    if "optimizer" in given:  # an object goes on with its state: one for each fit
        given["optimizer"] = cr.SGD(0.05, momentum=0.9)
    assert everything(x, y, **options) == everything(x.toarray(), y, **given)


def test_validation_data_may_be_of_the_other_kind(rng):
    x, y = random_csr(rng), rng.integers(0, 3, ROWS)
    others, labels = random_csr(rng, rows=300), rng.integers(0, 3, 300)
    results = {
        everything(a, y, validation_data=(b, labels), metrics=["accuracy"])
        for a in (x, x.toarray())
        for b in (others, others.toarray())
    }
    assert len(results) == 1


def test_kinds_may_change_from_call_to_call(rng, fingerprint):
    x, y = random_csr(rng), rng.integers(0, 3, ROWS)

    def trained(*kinds):
        model = cr.Sequential([cr.Dense(8, "relu"), cr.Dense(3)], seed=1)
        optimizer = cr.Adam(0.01)
        for kind in kinds:
            given = kind(x)
            model.fit(given, y, epochs=1, batch_size=9, loss="cross_entropy", optimizer=optimizer, verbose=0)
            model.train_on_batch(kind(x)[:30], y[:30])
            model.train_on_batch(kind(x)[:2], y[:2])
        return fingerprint(model)

    def sparse(x):
        return x

    dense = scipy.sparse.csr_matrix.toarray
    assert trained(sparse, dense, sparse) == trained(dense, dense, dense) == trained(dense, sparse, sparse)


class Evaluate(cr.callbacks.Callback):
    """Looks at other data after each epoch."""

    def __init__(self, x, y):
        self.x, self.y, self.seen = x, y, []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append((self.model.evaluate(self.x, self.y), self.model.predict(self.x).tobytes()))


def test_evaluation_of_the_other_kind_while_a_fit_runs(rng, fingerprint):
    x, y = random_csr(rng), rng.integers(0, 3, ROWS)
    others, labels = random_csr(rng, rows=300, density=0.3), rng.integers(0, 3, 300)
    prints = set()
    for a in (x, x.toarray()):
        for b in (others, others.toarray()):
            model = cr.Sequential([cr.Dense(8, "relu"), cr.Dense(3)], seed=1)
            look = Evaluate(b, labels)
            model.fit(a, y, epochs=3, loss="cross_entropy", callbacks=[look], verbose=0)
            prints.add((fingerprint(model), repr(look.seen)))
    assert len(prints) == 1


def test_several_inputs_sparse_and_dense(rng):
    words, numbers, y = random_csr(rng), rng.normal(size=(ROWS, 5)).astype(np.float32), rng.normal(size=(ROWS, 1))

    def fitted(words):
        a, b = cr.Input(COLUMNS, name="words"), cr.Input(5, name="numbers")
        merged = cr.add([cr.Dense(8)(a), cr.Dense(8)(b), cr.Dense(8, use_bias=False)(a)])
        model = cr.Model([a, b], cr.Dense(1)(cr.Activation("tanh")(merged)), seed=2)
        given = {"words": words, "numbers": numbers}
        history = model.fit(given, y, epochs=3, batch_size=10, loss="mse", validation_split=0.2, verbose=0)
        return history.history, model.predict(given).tobytes(), model.evaluate(given, y)

    assert fitted(words) == fitted(words.toarray())


def test_scale_of_the_input(rng):
    x, y = random_csr(rng, dtype=np.float64), rng.normal(size=(ROWS, 1))

    def fitted(x):
        model = cr.Sequential([cr.Input(COLUMNS, scale=0.37), cr.Dense(4, "tanh"), cr.Dense(1)])
        model.fit(x, y, loss="mse", epochs=2, verbose=0)
        return model.predict(x).tobytes()

    assert fitted(x) == fitted(x.toarray())


def test_columns_out_of_order_and_twice_are_put_in_order_in_a_copy(rng):
    rows = np.repeat(np.arange(ROWS), 6)
    columns = rng.integers(0, 9, rows.size)
    offsets = np.arange(0, rows.size + 1, 6)
    data = rng.integers(1, 5, rows.size).astype(np.float32)
    x = scipy.sparse.csr_matrix((data.copy(), columns.copy(), offsets), shape=(ROWS, COLUMNS))
    x.has_canonical_format = True  # a lie, as a matrix changed in place tells
    y = rng.integers(0, 3, ROWS)
    dense = np.zeros((ROWS, COLUMNS), np.float32)
    np.add.at(dense, (rows, columns), data)
    assert everything(x[:], y) == everything(dense, y)
    assert x.data.tobytes() == data.tobytes()
    assert (x.indices == columns).all()


def test_rows_of_zeros_and_no_rows(rng):
    x = scipy.sparse.csr_matrix((ROWS, COLUMNS), dtype=np.float32)
    y = rng.integers(0, 3, ROWS)
    assert everything(x, y) == everything(x.toarray(), y)
    model = cr.Sequential([cr.Input(COLUMNS), cr.Dense(2)])
    assert model.predict(x[:0]).shape == (0, 2)
    assert model.predict(x[:1]).tolist() == [[0.0, 0.0]]


def test_plan_names_the_products(rng):
    x, y = random_csr(rng), rng.integers(0, 3, ROWS)
    model = cr.Sequential([cr.Dense(8, "relu"), cr.Dense(3)])
    model.fit(x, y, loss="cross_entropy", verbose=0)
    plan = model.explain_plan()
    assert "sparse_matmul+add+relu" in plan
    assert f"{COLUMNS} -> 8, of sparse rows" in plan
    assert "sparse_weight_gradient+update" in plan


def broken(change):
    x = scipy.sparse.csr_matrix(np.eye(4, 6, dtype=np.float32))
    change(x)
    return x


def put(name, at, value):
    return lambda x: getattr(x, name).__setitem__(at, value)


X = scipy.sparse.csr_matrix(np.eye(4, 6, dtype=np.float32))
Y = np.zeros((4, 2), np.float32)

BROKEN = {
    "descending offsets": (
        put("indptr", 2, 5),
        ValueError,
        r"expected x as valid sparse rows, got offset 5 after 1 at row 2 of 4 entries",
    ),
    "negative offset": (put("indptr", 0, -1), ValueError, r"got offset -1 after 0 at row 0"),
    "huge offset": (put("indptr", 4, 2**30), ValueError, r"got offset 1073741824 after 3 at row 4 of 4 entries"),
    "huge column": (put("indices", 1, 6), ValueError, r"got column 6 of 6 at row 1"),
    "negative column": (put("indices", 3, -2), ValueError, r"got column -2 of 6 at row 3"),
    "few values": (lambda x: setattr(x, "data", x.data[:2]), ValueError, r"got 2 values at 4 indices"),
    "few offsets": (lambda x: setattr(x, "indptr", x.indptr[:3]), ValueError, r"expected x with 5 offsets, got 3"),
    "type of indices": (
        lambda x: setattr(x, "indices", x.indices.astype(np.uint16)),
        ValueError,
        r"indices of another type than int32 and int64",
    ),
    "complex": (lambda x: setattr(x, "data", x.data.astype(complex)), TypeError, r"expected x of float32, .*, got complex128"),
    "NaN": (put("data", 2, np.nan), ValueError, r"expected finite values in x, got nan at row 2, column 2"),
    "too large": (
        lambda x: setattr(x, "data", np.array([1, 1e60, 1, 1])),
        ValueError,
        r"got 1e\+60, too large for float32, at row 1, column 1",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_matrices_are_refused(name, fingerprint):
    change, kind, message = BROKEN[name]
    model = cr.Sequential([cr.Input(6), cr.Dense(2)])
    before = fingerprint(model)
    for call in (
        lambda x: model.fit(x, Y, loss="mse", verbose=0),
        lambda x: model.train_on_batch(x, Y, loss="mse"),
        lambda x: model.predict(x),
        lambda x: model.fit(X, Y, validation_data=(x, Y), loss="mse", verbose=0) if name != "too large" else model.predict(x),
    ):
        with pytest.raises(kind, match=message.replace(" x ", " (validation )?x ").replace(" x,", " (validation )?x,")):
            call(broken(change))
        assert fingerprint(model) == before
    model.fit(X, Y, loss="mse", verbose=0)


REFUSED = {
    "csc": (
        lambda m: m.fit(X.tocsc(), Y, loss="mse"),
        TypeError,
        r"fit: expected x as an array or a CSR matrix, got csc_matrix; convert it with x.tocsr\(\)",
    ),
    "coo": (lambda m: m.predict(X.tocoo()), TypeError, r"predict: expected x as .*, got coo_matrix; convert it with x.tocsr\(\)"),
    "y": (
        lambda m: m.fit(X, scipy.sparse.csr_matrix(Y), loss="mse"),
        TypeError,
        r"fit: expected y as a dense array, got csr_matrix; convert it with y.toarray\(\)",
    ),
    "width": (lambda m: m.predict(X[:, :5]), ValueError, r"^Dense: expected input with 6 features, got shape \(4, 5\)"),
    "no columns": (lambda m: m.predict(X[:, :0]), ValueError, r"predict: expected x with at least one feature, got shape \(4, 0\)"),
    "no rows": (
        lambda m: m.fit(X[:0], Y[:0], loss="mse"),
        ValueError,
        r"fit: expected x with at least one row, got shape \(0, 6\)",
    ),
    "lengths": (lambda m: m.fit(X, Y[:3], loss="mse"), ValueError, r"fit: expected y with 4 rows"),
    "gradients": (
        lambda m: m.per_sample_gradients(X, Y, loss="mse"),
        TypeError,
        r"per_sample_gradients: expected x as a dense array, got sparse rows",
    ),
    "jacobian": (lambda m: m.residual_jacobian(X), TypeError, r"residual_jacobian: expected x as a dense array"),
    "least squares": (
        lambda m: m.fit(X, Y, loss="mse", optimizer=cr.LevenbergMarquardt()),
        TypeError,
        r"fit: expected x as a dense array",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name, fingerprint):
    call, kind, message = REFUSED[name]
    model = cr.Sequential([cr.Input(6), cr.Dense(2)])
    before = fingerprint(model)
    with pytest.raises(kind, match=message):
        call(model)
    assert fingerprint(model) == before
    model.fit(X, Y, loss="mse", verbose=0)


@pytest.mark.parametrize(
    "layer", [cr.Dropout(0.5), cr.LayerNorm(), cr.BatchNorm(), cr.Activation("tanh"), cr.Embedding(4, 2), cr.Residual(cr.Dense(6))]
)
def test_only_dense_layers_take_sparse_rows(layer):
    model = cr.Sequential([layer, cr.Dense(2)])
    for call in (lambda: model.fit(X, Y, loss="mse", verbose=0), lambda: model.build(6).predict(X)):
        with pytest.raises(
            TypeError, match=r"^\w+: expected x as a dense array, got a sparse one, which only Dense layers take; .*x.toarray"
        ):
            call()
    model.fit(np.zeros((4, 6)), Y, loss="mse", verbose=0)


def test_memory_is_that_of_the_entries(run_python):
    # 20,000 x 50,000 in float32 are 4 GB, one batch of 1024 rows 205 MB; 256 rows of a prediction 51 MB.
    code = """
import resource, tracemalloc
import numpy as np, scipy.sparse
import chainrule as cr

rng = np.random.default_rng(0)
rows, columns, entries = 20_000, 50_000, 8
indices = np.sort(rng.integers(0, columns, (rows, entries)), axis=1).astype(np.int32).ravel()
x = scipy.sparse.csr_matrix((np.ones(rows * entries, np.float32), indices, np.arange(0, rows * entries + 1, entries)), (rows, columns))
y = (rng.random(rows) < 0.5).astype(int)
model = cr.Sequential([cr.Input(columns), cr.Dense(4, "relu"), cr.Dense(2)])
model.train_on_batch(x[:1], y[:1], loss="cross_entropy")
tracemalloc.start()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model.fit(x, y, batch_size=1024, epochs=1, loss="cross_entropy", validation_split=0.2, verbose=0)
model.evaluate(x, y)
model.predict(x)
print(tracemalloc.get_traced_memory()[1] // 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    traced, resident = map(int, run_python(code).split())
    assert traced < 10_000, "KiB"
    assert resident < 40_000, "KiB"
