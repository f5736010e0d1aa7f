"""The same training in PyTorch, step by step; collected where PyTorch is installed.

Bounds as in test_training_numpy.py: both sides round at 1e-16 (float64) or 6e-8 (float32) per operation.
"""

import numpy as np
import pytest
import torch
import trajectories

import chainrule as cr
import peers

BOUND = {"float64": 1e-11, "float32": 3e-5}

OPTIMIZERS = {
    "sgd": (lambda: cr.SGD(0.1), lambda p: torch.optim.SGD(p, 0.1)),
    "nesterov": (
        lambda: cr.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
        lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    ),
    "adam": (lambda: cr.Adam(0.01), lambda p: torch.optim.Adam(p, 0.01)),
    "adam, decay": (lambda: cr.Adam(0.01, weight_decay=0.05), lambda p: torch.optim.Adam(p, 0.01, weight_decay=0.05)),
    "adamw": (lambda: cr.AdamW(0.01, weight_decay=0.1), lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1)),
}

LOSSES = {
    "mse": ("mse", torch.nn.MSELoss()),
    "mae": ("mae", torch.nn.L1Loss()),
    "huber": (cr.losses.Huber(0.5), torch.nn.HuberLoss(delta=0.5)),
    "cross_entropy": ("cross_entropy", torch.nn.CrossEntropyLoss()),
    "smoothed": (cr.losses.CrossEntropy(0.1), torch.nn.CrossEntropyLoss(label_smoothing=0.1)),
    "log_cosh": ("log_cosh", lambda p, t: torch.log(torch.cosh(p - t)).mean()),
    "quantile": (cr.losses.Quantile(0.7), lambda p, t: torch.maximum(0.7 * (t - p), -0.3 * (t - p)).mean()),
    "poisson": ("poisson", torch.nn.PoissonNLLLoss()),
    "hinge": ("hinge", lambda p, t: torch.relu(1 - torch.sign(t) * p).mean()),
    "binary_cross_entropy": ("binary_cross_entropy", torch.nn.BCEWithLogitsLoss()),
}


def test_the_stored_losses_are_its_own():
    found = peers.torch_losses()
    assert found == pytest.approx({name: peers.stored()["losses"][name] for name in found}, rel=1e-13)


def pair(dtype):
    """The same net in both, with PyTorch's initial values."""
    torch.manual_seed(0)
    theirs = torch.nn.Sequential(
        torch.nn.Linear(6, 16), torch.nn.GELU(), torch.nn.Linear(16, 8), torch.nn.Tanh(), torch.nn.Linear(8, 4)
    )
    theirs = theirs.to(getattr(torch, dtype))
    ours = cr.Sequential(
        [cr.Input(6), cr.Dense(16), cr.Activation("gelu"), cr.Dense(8), cr.Activation("tanh"), cr.Dense(4)], dtype=dtype
    )
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


@pytest.mark.parametrize("dtype", BOUND)
def test_state_and_forward(rng, dtype):
    ours, theirs = pair(dtype)
    state = ours.state_dict()
    assert list(state) == list(theirs.state_dict())
    for name, value in theirs.state_dict().items():
        np.testing.assert_array_equal(state[name], value.numpy())
    theirs.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    x = rng.normal(size=(50, 6)).astype(dtype)
    np.testing.assert_allclose(ours.predict(x), theirs(torch.from_numpy(x)).detach().numpy(), rtol=0, atol=BOUND[dtype])


class Lookup(torch.nn.Module):
    """An embedding of all columns, side by side."""

    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(9, 4)

    def forward(self, x):
        return self.table(x.long()).flatten(1)


@pytest.mark.parametrize("dtype", BOUND)
def test_normalisations_and_embeddings(rng, dtype):
    torch.manual_seed(0)
    theirs = torch.nn.Sequential(
        *(Lookup(), torch.nn.Linear(12, 10), torch.nn.BatchNorm1d(10, momentum=0.3), torch.nn.Tanh()),
        *(torch.nn.LayerNorm(10), torch.nn.Linear(10, 2)),
    ).to(getattr(torch, dtype))
    layers = [cr.Embedding(9, 4), cr.Dense(10), cr.BatchNorm(0.3), cr.Activation("tanh"), cr.LayerNorm(), cr.Dense(2)]
    ours = cr.Sequential([cr.Input(3), *layers], dtype=dtype)
    ours.load_state_dict({name.replace("0.table.", "0."): value for name, value in theirs.state_dict().items()})
    optimizer, other = cr.Adam(0.01, epsilon=1e-3), torch.optim.Adam(theirs.parameters(), 0.01, eps=1e-3)
    for _ in range(12):
        x, y = rng.integers(0, 9, (21, 3)), rng.normal(size=(21, 2)).astype(dtype)
        got = ours.train_on_batch(x, y, loss="mse", optimizer=optimizer)["loss"]
        other.zero_grad()
        value = torch.nn.functional.mse_loss(theirs(torch.from_numpy(x)), torch.from_numpy(y))
        value.backward()
        other.step()
        assert got == pytest.approx(value.item(), abs=BOUND[dtype])
    theirs.eval()
    np.testing.assert_allclose(ours.predict(x), theirs(torch.from_numpy(x)).detach().numpy(), rtol=0, atol=10 * BOUND[dtype])
    for name, value in ours.state_dict().items():
        mine = name.replace("0.weight", "0.table.weight") if name == "0.weight" else name
        np.testing.assert_allclose(value, theirs.state_dict()[mine].numpy(), rtol=0, atol=10 * BOUND[dtype])
    theirs.load_state_dict(
        {
            name.replace("0.w", "0.table.w", 1) if name == "0.weight" else name: torch.from_numpy(v)
            for name, v in ours.state_dict().items()
        }
    )


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_steps(rng, loss, optimizer, dtype):
    ours, theirs = pair(dtype)
    mine, criterion = LOSSES[loss]
    how, other = OPTIMIZERS[optimizer][0](), OPTIMIZERS[optimizer][1](theirs.parameters())
    for _ in range(12):
        x = rng.normal(size=(21, 6)).astype(dtype)
        y = rng.integers(0, 4, 21) if "CrossEntropyLoss" in repr(criterion) else rng.uniform(size=(21, 4)).astype(dtype)
        got = ours.train_on_batch(x, y, loss=mine, optimizer=how)["loss"]
        other.zero_grad()
        value = criterion(theirs(torch.from_numpy(x)), torch.from_numpy(y))
        value.backward()
        other.step()
        assert got == pytest.approx(value.item(), abs=BOUND[dtype])
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[name], value.numpy(), rtol=0, atol=BOUND[dtype])


@pytest.mark.parametrize("name", trajectories.IN_TORCH)
def test_trajectories(name):
    case = trajectories.CASES[name]
    np.testing.assert_allclose(trajectories.ours(case), trajectories.theirs(case), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", trajectories.SCHEDULES)
def test_schedules(name):
    schedule, *more = trajectories.SCHEDULES[name]
    np.testing.assert_allclose(schedule().at(np.arange(100)), trajectories.torch_schedule(*more), rtol=1e-13, atol=1e-17)
