"""PyTorch's modules as models and back, and PyTorch on files that save has written; collected where PyTorch is installed."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

import chainrule as cr

# PyTorch sums in another order and has its own elementary functions.
BOUND = {"float32": 2e-6, "float64": 1e-14}

MODULES = [
    nn.ReLU(),
    nn.LeakyReLU(0.2),
    nn.ELU(0.7),
    nn.SELU(),
    nn.GELU(),
    nn.SiLU(),
    nn.Sigmoid(),
    nn.Tanh(),
    nn.Softplus(),
    nn.Mish(),
    nn.Softmax(dim=-1),
    nn.Softmax(dim=1),
    nn.LogSoftmax(dim=-1),
    nn.Identity(),
    nn.Dropout(0.4),
]
NORMS = [nn.LayerNorm(9), nn.LayerNorm(9, eps=0.1), nn.BatchNorm1d(9), nn.BatchNorm1d(9, eps=0.2, momentum=0.3)]


def agree(ours, theirs, x, dtype):
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x.astype(dtype))).numpy()
    np.testing.assert_allclose(ours.predict(x), expected, rtol=0, atol=BOUND[dtype] * np.abs(expected).max())


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("module", MODULES, ids=repr)
def test_there_and_back(rng, dtype, module):
    net = nn.Sequential(nn.Linear(6, 9), module, nn.Linear(9, 4, bias=False), module).to(getattr(torch, dtype)).eval()
    model = cr.from_torch(net)
    assert model.dtype == dtype
    x = 3 * rng.normal(size=(40, 6))
    agree(model, net, x, dtype)
    back = model.to_torch()
    assert not back.training
    kinds = [type(part) for part in back]
    assert kinds == [type(part) for part in net if not isinstance(part, nn.Identity)]
    assert [repr(part) for part in back if type(part) is not nn.Softmax] == [
        repr(part) for part in net if not isinstance(part, nn.Identity | nn.Softmax)
    ]
    agree(model, back, x, dtype)


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("module", NORMS, ids=repr)
def test_normalisations(rng, dtype, module):
    net = nn.Sequential(nn.Linear(6, 9), module, nn.GELU(), nn.Linear(9, 4)).to(getattr(torch, dtype))
    x = rng.normal(size=(40, 6))
    with torch.no_grad():
        for tensor in (module.weight, module.bias):
            tensor.normal_()
        net(torch.from_numpy(x.astype(dtype)))  # moves the running statistics
    net.eval()
    model = cr.from_torch(net)
    agree(model, net, x, dtype)
    back = model.to_torch()
    assert [repr(part) for part in back] == [repr(part) for part in net]
    agree(model, back, x, dtype)
    starts_with_it = nn.Sequential(module, nn.Linear(9, 1).to(getattr(torch, dtype)))
    agree(cr.from_torch(starts_with_it), starts_with_it, rng.normal(size=(5, 9)), dtype)


def test_embeddings(rng):
    net = nn.Sequential(nn.Embedding(7, 4), nn.Flatten(), nn.Linear(12, 2))
    model = cr.from_torch(net)
    assert repr(model.layers) == "[Embedding(7, 4), Dense(2)]"
    numbers = rng.integers(0, 7, (10, 3))
    for module in (net, model.to_torch()):
        with torch.no_grad():
            expected = module(torch.from_numpy(numbers)).numpy()
        np.testing.assert_allclose(model.predict(numbers), expected, rtol=0, atol=BOUND["float32"] * np.abs(expected).max())


STRUCTURES = {
    "columns of numbers": lambda: cr.Sequential([cr.Input(5, scale=2), cr.Embedding(9, 4, columns=[3, 1]), cr.Dense(2, "tanh")]),
    "numbers before values": lambda: cr.Sequential([cr.Input(5), cr.Embedding(9, 4, columns=[0, 1, 2, 3, 4]), cr.LayerNorm()]),
    "residual": lambda: cr.Sequential([cr.Input(5), cr.Residual(cr.LayerNorm(), cr.Residual(cr.Dense(5, "gelu"))), cr.Dense(1)]),
    "a user's composite": lambda: cr.Sequential([cr.Input(5), Doubled(name="twice"), cr.Dense(1)]),
}


class Doubled(cr.layers.Composite):
    def __init__(self, name):
        super().__init__(name)
        self.inner = cr.Dense(3, "silu", name="inner")

    def call(self, x):
        return self.inner(x)


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_structures_of_one_input(rng, dtype, structure):
    model = STRUCTURES[structure]()
    model = cr.Sequential([cr.Input(5, scale=model._scales[0]), *model.layers], dtype=dtype, seed=3)
    module = model.to_torch()
    assert set(module.state_dict()) == set(model.state_dict())
    x = rng.integers(0, 4, (30, 5))
    for one in (module, pickle.loads(pickle.dumps(module))):
        assert not one.training
        agree(model, one, x, dtype)


def everything():
    """Two inputs, three outputs, and every way to put values together."""
    numbers, kind = cr.Input(4, name="numbers", scale=0.5), cr.Input(2, name="class")
    h = cr.concatenate([numbers[:, 1:3], cr.Embedding(5, 2, name="table", columns=[1])(kind), numbers])
    h = cr.Residual(cr.Dense(9, "relu"), cr.BatchNorm(), cr.Dropout(0.5), cr.Dense(9), name="block")(h)
    gate = cr.multiply([h, cr.Dense(9, "sigmoid")(h), h])
    return cr.Model([numbers, kind], {"price": cr.Dense(1)(gate), "gate": cr.add([gate, h, h]), "sum": kind + kind}, seed=2)


def test_structures_of_several_inputs_and_outputs(rng):
    model = everything()
    x = [rng.normal(size=(30, 4)).astype(np.float32), rng.integers(0, 5, (30, 2)).astype(np.float32)]
    y = [np.zeros(30), np.zeros((30, 9)), np.zeros((30, 2))]
    model.fit(x, y, epochs=2, loss="mse", verbose=0)
    module = model.to_torch()
    assert set(module.state_dict()) - {"block.1.num_batches_tracked"} == set(model.state_dict())
    assert module.get_submodule("block.0").weight.requires_grad
    tensors = [torch.from_numpy(part) for part in x]
    for one in (module, pickle.loads(pickle.dumps(module))):
        with torch.no_grad():
            found = one(*tensors)
        assert isinstance(found, tuple)
        for ours, theirs in zip(model.predict(x), found, strict=True):
            np.testing.assert_allclose(ours, theirs.numpy(), rtol=0, atol=BOUND["float32"] * np.abs(ours).max())
    module.train()
    assert not torch.equal(module(*tensors)[0], found[0])  # dropout
    before = model.parameters()
    with torch.no_grad():
        module.get_submodule("block.0").weight.zero_()
    np.testing.assert_array_equal(model.parameters()["block.0.kernel"], before["block.0.kernel"])


def test_parameters_are_copies_with_the_same_names():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    model = cr.from_torch(net)
    assert list(model.state_dict()) == list(net.state_dict())
    before = model.parameters()
    with torch.no_grad():
        net[0].weight.zero_()
    np.testing.assert_array_equal(model.parameters()["0.kernel"], before["0.kernel"])
    back = model.to_torch()
    with torch.no_grad():
        back[0].weight.zero_()
    np.testing.assert_array_equal(model.parameters()["0.kernel"], before["0.kernel"])


def test_frozen_layers_stay_frozen():
    net = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Tanh(), nn.Linear(4, 2))
    net[0].requires_grad_(False)
    net[1].bias.requires_grad_(False)
    model = cr.from_torch(net)
    assert [layer.trainable for layer in model.layers] == [False, True, True, True]
    assert [tensor.requires_grad for tensor in model.to_torch().parameters()] == [False, False, True, True, True, True]
    block = cr.Residual(cr.Dense(3), name="block")
    block.trainable = False
    module = cr.Sequential([cr.Input(3), block, cr.Dense(1, name="last")]).to_torch()
    assert [name for name, tensor in module.named_parameters() if tensor.requires_grad] == ["last.weight", "last.bias"]


def test_modules_without_parameters_may_be_shared(rng):
    tanh = nn.Tanh()
    net = nn.Sequential(nn.Linear(3, 4), tanh, nn.Linear(4, 4), tanh)
    agree(cr.from_torch(net), net, rng.normal(size=(7, 3)), "float32")


def test_nested_and_single_modules(rng):
    net = nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(3, 5), nn.Sequential(nn.Tanh())), nn.Linear(5, 1))
    model = cr.from_torch(net)
    assert repr(model.layers) == "[Dense(5), Activation('tanh'), Dense(1)]"
    agree(model, net, rng.normal(size=(7, 3)), "float32")
    assert cr.from_torch(nn.Linear(3, 2)).state_dict()["0.weight"].shape == (2, 3)
    first_is_known_later = nn.Sequential(nn.ReLU(), nn.Linear(3, 2))
    agree(cr.from_torch(first_is_known_later), first_is_known_later, rng.normal(size=(7, 3)), "float32")


def test_from_torch_trains_on(blobs):
    x, y = blobs
    model = cr.from_torch(nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3)))
    model.fit(x, y, epochs=20, loss="cross_entropy", optimizer=cr.Adam(0.01), verbose=0)
    assert model.evaluate(x, y, metrics="accuracy")["accuracy"] > 0.9
    agree(model, model.to_torch(), x, "float32")


def test_to_torch_with_names_scale_and_activations_inside(rng):
    layers = [
        cr.Input(4, scale=1 / 255),
        cr.Dense(8, cr.activations.ELU(0.5), name="hidden"),
        cr.Dropout(0.25),
        cr.Dense(3, "softmax"),
    ]
    model = cr.Sequential(layers)
    module = model.to_torch()
    assert [name for name, _ in module.named_children()] == ["scale", "hidden", "hidden-elu", "1", "2", "2-softmax"]
    assert list(module.state_dict()) == list(model.state_dict())
    x = rng.integers(0, 256, (9, 4))
    agree(model, module, x, "float32")
    agree(model, pickle.loads(pickle.dumps(module)), x, "float32")
    assert "scale" in repr(module)


@pytest.mark.parametrize("include_optimizer", [False, True])
def test_files_are_readable_by_pytorch(tmp_path, rng, include_optimizer):
    """As the documentation of save says."""
    from safetensors.torch import load_file

    model = cr.Sequential([cr.Dense(8), cr.Activation("relu"), cr.Dense(2)])
    x = rng.normal(size=(16, 5))
    model.fit(x, x[:, :2], loss="mse", verbose=0)
    model.save(tmp_path / "net.safetensors", include_optimizer=include_optimizer)
    stored = load_file(tmp_path / "net.safetensors")
    net = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 2))
    net.load_state_dict({name: value for name, value in stored.items() if not name.startswith("training/")})
    agree(model, net, x, "float32")


@pytest.mark.parametrize(
    ("module", "error", "message"),
    [
        (nn.Sequential(nn.Conv2d(1, 1, 1)), TypeError, "expected modules among .*Linear.*, got Conv2d"),
        (nn.Sequential(nn.Linear(2, 2), nn.GELU("tanh")), ValueError, "settings that chainrule has, approximate='none', got GELU"),
        (nn.Sequential(nn.Linear(2, 2), nn.Softplus(beta=2)), ValueError, "got Softplus"),
        (nn.Sequential(nn.Linear(2, 2), nn.Softmax(dim=0)), ValueError, "got Softmax"),
        (nn.Sequential(nn.Flatten(0), nn.Linear(2, 2)), ValueError, "got Flatten"),
        (nn.Sequential(nn.Linear(2, 2), nn.Dropout(1.0)), ValueError, "Dropout: expected p"),
        (nn.Linear(2, 2).half(), TypeError, "all of float32 or all of float64, got torch.float16"),
        (
            nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).double()),
            TypeError,
            "all of float32 or all of float64, got torch.float64",
        ),
        (nn.ReLU(), ValueError, "expected a Linear"),
        (nn.LayerNorm((2, 3)), ValueError, "got LayerNorm"),
        (nn.LayerNorm(2, elementwise_affine=False), ValueError, "got LayerNorm"),
        (nn.BatchNorm1d(2, affine=False), ValueError, "got BatchNorm1d"),
        (nn.BatchNorm1d(2, track_running_stats=False), ValueError, "got BatchNorm1d"),
        (nn.BatchNorm1d(2, momentum=None), ValueError, "got BatchNorm1d"),
        (nn.Sequential(nn.Embedding(3, 2, padding_idx=0), nn.Linear(2, 1)), ValueError, "got Embedding"),
        (
            nn.Sequential(nn.Embedding(3, 2, scale_grad_by_freq=True), nn.Linear(2, 1)),
            ValueError,
            "scale_grad_by_freq=False, got Embedding",
        ),
        (nn.Sequential(*[nn.Linear(2, 2)] * 2), ValueError, "parameters of one module each, got Linear.* with another's"),
        (lambda x: x, TypeError, "expected a torch.nn.Module, got function"),
    ],
)
def test_refusals(module, error, message):
    with pytest.raises(error, match=f"{message}"):
        cr.from_torch(module)


def test_modules_of_others_are_refused():
    class Linear(nn.Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    with pytest.raises(TypeError, match="from_torch: expected modules among"):
        cr.from_torch(Linear(2, 2))


def test_to_torch_refusals():
    with pytest.raises(TypeError, match="to_torch: expected layers and activations of chainrule's own"):
        cr.Sequential([cr.Input(1), cr.Dense(1, np.sin)]).to_torch()
    with pytest.raises(TypeError, match="to_torch: expected layers and activations of chainrule's own"):
        cr.Sequential([cr.Input(2), cr.Residual(cr.Dense(2, np.sin))]).to_torch()
    for name in ("train", "graph", "extend"):
        with pytest.raises(
            TypeError, match=f"to_torch: expected names of layers that a torch.nn.Module has not itself, got '{name}'"
        ):
            cr.Sequential([cr.Input(2), cr.Dense(2, name=name)]).to_torch()
    with pytest.raises(cr.ChainruleError, match="to_torch: expected a built model"):
        cr.Sequential([cr.Dense(1)]).to_torch()
