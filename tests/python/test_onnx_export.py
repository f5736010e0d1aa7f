"""ONNX files: accepted by onnx.checker, and computed by ONNX Runtime like `predict`."""

import numpy as np
import onnx
import onnxruntime
import pytest

import chainrule as cr

# ONNX Runtime's float32 tanh and sigmoid are off by up to 2.6e-7, its sums run in another order; float64 by 8e-16.
BOUND = {"float32": 1e-6, "float64": 1e-14}

ACTIVATIONS = [
    *(
        "linear",
        "relu",
        "leaky_relu",
        "elu",
        "selu",
        "gelu",
        "silu",
        "sigmoid",
        "tanh",
        "softplus",
        "mish",
        "softmax",
        "log_softmax",
    ),
    cr.activations.LeakyReLU(0.3),
    cr.activations.LeakyReLU(-0.5),
    cr.activations.ELU(1.7),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.onnx"


def run(path, x):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    outputs = session.run(None, x if isinstance(x, dict) else {"x": x})
    return outputs[0] if len(outputs) == 1 else outputs


def agree(model, path, x):
    model.export_onnx(path)
    onnx.checker.check_model(str(path), full_check=True)
    ours, theirs = model.predict(x), run(path, x.astype(model.dtype))
    assert theirs.dtype == ours.dtype
    assert theirs.shape == ours.shape
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=BOUND[model.dtype] * np.abs(ours).max(initial=1e-300))


def test_an_input_and_an_output_of_one_name_are_refused(path):
    a, b = cr.Input(2, name="a"), cr.Input(2, name="b")
    model = cr.Model([a, b], {"sum": cr.Dense(1)(cr.concatenate([a, b])), "b": cr.Dense(1)(b)})
    with pytest.raises(ValueError, match=r"^export_onnx: expected names of inputs .*, got 'b' for both; rename one of them$"):
        model.export_onnx(path)
    assert not path.exists()


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=repr)
def test_activations(path, dtype, activation):
    """Alone, on the whole range, whose parts are compared apart: large values do not hide small ones."""
    size = 5
    model = cr.Sequential([cr.Input(size), cr.Activation(activation)], dtype=dtype)
    for reach in (1e-3, 1, 6, 30):
        agree(model, path, np.linspace(-reach, reach, 200 * size).reshape(200, size))


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=repr)
def test_networks(path, rng, dtype, activation):
    layers = [cr.Dense(17, activation), cr.Dropout(0.5), cr.Dense(9, activation, use_bias=False, name="middle"), cr.Dense(4)]
    model = cr.Sequential([cr.Input(7, scale=0.25), *layers], dtype=dtype)
    for rows in (1, 33, 2):
        agree(model, path, rng.normal(size=(rows, 7)))


def randomised(model, rng):
    """Numbers that a training might leave, running statistics too."""
    values = {name: rng.normal(size=value.shape) for name, value in model.parameters().items()}
    model.set_parameters({name: value**2 + 0.1 if name.endswith("running_var") else value for name, value in values.items()})
    return model


LAYERS = [
    cr.LayerNorm(),
    cr.LayerNorm(epsilon=0.1),
    cr.BatchNorm(),
    cr.BatchNorm(epsilon=0.3),
    cr.Residual(cr.LayerNorm(), cr.Dense(9, "gelu"), cr.Residual(cr.Dense(9, "tanh"))),
]


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_layers(path, rng, dtype, layer):
    model = randomised(cr.Sequential([cr.Input(5), cr.Dense(9), layer, cr.Dense(3)], dtype=dtype), rng)
    agree(model, path, rng.normal(size=(20, 5)))


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("columns", [None, [1], [2, 0]])
def test_embeddings(path, rng, dtype, columns):
    model = randomised(cr.Sequential([cr.Input(3), cr.Embedding(7, 4, columns=columns), cr.Dense(2)], dtype=dtype), rng)
    agree(model, path, rng.integers(0, 7, (20, 3)))


@pytest.mark.parametrize("dtype", BOUND)
def test_models_of_any_structure(path, rng, dtype):
    numbers, kind = cr.Input(3, name="numbers", scale=0.5), cr.Input(1, name="kind")
    h = cr.concatenate([numbers[:, 1:], cr.Embedding(5, 4)(kind)])
    gated = cr.multiply([cr.Dense(4, "sigmoid")(h), cr.Dense(4)(h), cr.Dropout(0.5)(h[:, 2:])])
    model = cr.Model(
        [numbers, kind], {"price": cr.Dense(1)(gated), "sum": cr.add([gated, gated, h[:, :4]]), "same": numbers}, dtype=dtype
    )
    randomised(model, rng)
    x = {"numbers": rng.normal(size=(10, 3)), "kind": rng.integers(0, 5, (10, 1))}
    model.export_onnx(path)
    theirs = run(path, {name: value.astype(dtype) for name, value in x.items()})
    for ours, other in zip(model.predict(x), theirs, strict=True):
        np.testing.assert_allclose(other, ours, rtol=0, atol=BOUND[dtype] * np.abs(ours).max())
    assert [entry.name for entry in onnx.load(path).graph.output] == ["price", "sum", "same"]


def test_any_number_of_rows(path, rng):
    model = cr.Sequential([cr.Input(3), cr.Dense(2)])
    model.export_onnx(path)
    assert run(path, np.zeros((0, 3), np.float32)).shape == (0, 2)
    assert run(path, np.zeros((1000, 3), np.float32)).shape == (1000, 2)


def test_what_the_file_says(path):
    cr.Sequential([cr.Input(3), cr.Dense(2, "relu", name="hidden"), cr.Dense(1)]).export_onnx(path)
    model = onnx.load(path)
    assert model.producer_name == "chainrule"
    assert [entry.version for entry in model.opset_import] == [17]
    assert [constant.name for constant in model.graph.initializer] == ["/hidden.kernel", "/hidden.bias", "/1.kernel", "/1.bias"]
    assert [node.op_type for node in model.graph.node] == ["Gemm", "Relu", "Gemm", "Identity"]


def test_the_same_model_gives_the_same_bytes(tmp_path):
    for name in ("one", "other"):
        cr.Sequential([cr.Input(3, scale=0.5), cr.Dense(2, "gelu")], dtype="float64").export_onnx(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_refusals(path, monkeypatch):
    with pytest.raises(TypeError, match="export_onnx: expected layers and activations of chainrule's own, got Activation"):
        cr.Sequential([cr.Input(1), cr.Dense(1, np.sin)]).export_onnx(path)
    with pytest.raises(cr.ChainruleError, match="export_onnx: expected a built model"):
        cr.Sequential([cr.Dense(1)]).export_onnx(path)
    from chainrule import onnx_export

    monkeypatch.setattr(onnx_export, "_MOST_BYTES", 3)
    with pytest.raises(ValueError, match="at most 2 GB of parameters, got 8 bytes"):
        cr.Sequential([cr.Input(1), cr.Dense(1)]).export_onnx(path)
    assert not path.exists()
    import sys

    monkeypatch.setitem(sys.modules, "onnx.checker", None)
    with pytest.raises(ImportError, match=r"chainrule\[onnx\]"):
        cr.Sequential([cr.Input(1), cr.Dense(1)]).export_onnx(path)
