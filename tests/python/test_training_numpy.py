"""Training, step by step, against a plain NumPy implementation in float64.

The bounds: float64 training rounds at 1e-16 per operation and its elementary functions are good to a few ulp, so 12 steps stay within
1e-11 of each other, relative to the largest parameter. float32 rounds at 6e-8; 12 steps stay within 3e-5. Weights away from kinks
(ReLU at 0, MAE at equality) are what the fixed seeds give; a flip there would show as an error far above the bounds. Adam divides a
gradient by its own size, so that rounding alone decides where the gradient is 0: the number of rows is odd, so that the signs of MAE
never cancel, and activations, some of whose gradients are tiny, meet Adam with an epsilon of 1e-4.
"""

import math

import numpy as np
import pytest

import chainrule as cr

STEPS = 12
BOUND = {"float64": 1e-11, "float32": 3e-5}
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
erf = np.vectorize(math.erf)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.logaddexp(0, x)


def normal_cdf(x):
    return 0.5 * (1 + erf(x / math.sqrt(2)))


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def mish_derivative(x):
    t = np.tanh(softplus(x))
    return t + x * (1 - t * t) * sigmoid(x)


# name: (function, pull-back of g at x)
ACTIVATIONS = {
    "linear": (lambda x: x, lambda g, x: g),
    "relu": (lambda x: np.maximum(x, 0), lambda g, x: g * (x > 0)),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.01 * x), lambda g, x: g * np.where(x > 0, 1, 0.01)),
    "elu": (
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        lambda g, x: g * np.where(x > 0, 1, np.exp(np.minimum(x, 0))),
    ),
    "selu": (
        lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0))),
        lambda g, x: g * SELU_SCALE * np.where(x > 0, 1, SELU_ALPHA * np.exp(np.minimum(x, 0))),
    ),
    "gelu": (
        lambda x: x * normal_cdf(x),
        lambda g, x: g * (normal_cdf(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)),
    ),
    "silu": (lambda x: x * sigmoid(x), lambda g, x: g * sigmoid(x) * (1 + x * (1 - sigmoid(x)))),
    "sigmoid": (sigmoid, lambda g, x: g * sigmoid(x) * (1 - sigmoid(x))),
    "tanh": (np.tanh, lambda g, x: g * (1 - np.tanh(x) ** 2)),
    "softplus": (softplus, lambda g, x: g * sigmoid(x)),
    "mish": (lambda x: x * np.tanh(softplus(x)), lambda g, x: g * mish_derivative(x)),
    "softmax": (softmax, lambda g, x: softmax(x) * (g - (g * softmax(x)).sum(axis=1, keepdims=True))),
    "log_softmax": (lambda x: np.log(softmax(x)), lambda g, x: g - softmax(x) * g.sum(axis=1, keepdims=True)),
}


def smoothed(t, s):
    return (1 - s) * t + s / t.shape[1]


# name: (loss object, loss of each row, its derivative in p)
LOSSES = {
    "mse": ("mse", lambda p, t: ((p - t) ** 2).mean(1), lambda p, t: 2 * (p - t) / p.shape[1]),
    "half_mse": ("half_mse", lambda p, t: ((p - t) ** 2).sum(1) / 2, lambda p, t: p - t),
    "mae": ("mae", lambda p, t: np.abs(p - t).mean(1), lambda p, t: np.sign(p - t) / p.shape[1]),
    "huber": (
        cr.losses.Huber(0.3),
        lambda p, t: np.where(np.abs(p - t) <= 0.3, (p - t) ** 2 / 2, 0.3 * (np.abs(p - t) - 0.15)).mean(1),
        lambda p, t: np.clip(p - t, -0.3, 0.3) / p.shape[1],
    ),
    "cross_entropy": (
        "cross_entropy",
        lambda p, t: -(t * np.log(softmax(p))).sum(1),
        lambda p, t: softmax(p) * t.sum(1, keepdims=True) - t,
    ),
    "smoothed": (
        cr.losses.CrossEntropy(0.1),
        lambda p, t: -(smoothed(t, 0.1) * np.log(softmax(p))).sum(1),
        lambda p, t: softmax(p) * smoothed(t, 0.1).sum(1, keepdims=True) - smoothed(t, 0.1),
    ),
    "binary_cross_entropy": (
        "binary_cross_entropy",
        lambda p, t: (softplus(p) - t * p).mean(1),
        lambda p, t: (sigmoid(p) - t) / p.shape[1],
    ),
    "sigmoid_nll": ("sigmoid_nll", lambda p, t: (t * softplus(-p)).sum(1), lambda p, t: -t * sigmoid(-p)),
}


def sgd(lr, momentum=0.0, nesterov=False, decay=0.0):
    def update(w, g, state, step):
        g = g + decay * w
        state["v"] = momentum * state.get("v", 0) + g
        return w - lr * ((g + momentum * state["v"]) if nesterov else state["v"])

    return update


def adam(lr, beta1=0.9, beta2=0.999, epsilon=1e-8, decay=0.0, decoupled=False):
    def update(w, g, state, step):
        if decoupled:
            w = w * (1 - lr * decay)
        else:
            g = g + decay * w
        state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * g
        state["v"] = beta2 * state.get("v", 0) + (1 - beta2) * g * g
        return w - lr * (state["m"] / (1 - beta1**step)) / (np.sqrt(state["v"] / (1 - beta2**step)) + epsilon)

    return update


OPTIMIZERS = {
    "sgd": (lambda: cr.SGD(0.1), sgd(0.1)),
    "sgd, decay": (lambda: cr.SGD(0.1, weight_decay=0.05), sgd(0.1, decay=0.05)),
    "momentum": (lambda: cr.SGD(0.05, momentum=0.9), sgd(0.05, 0.9)),
    "momentum, decay": (lambda: cr.SGD(0.05, momentum=0.9, weight_decay=0.05), sgd(0.05, 0.9, decay=0.05)),
    "nesterov": (lambda: cr.SGD(0.05, momentum=0.9, nesterov=True), sgd(0.05, 0.9, nesterov=True)),
    "nesterov, decay": (lambda: cr.SGD(0.05, 0.9, True, 0.05), sgd(0.05, 0.9, True, 0.05)),
    "adam": (lambda: cr.Adam(0.01), adam(0.01)),
    "adam, settings": (lambda: cr.Adam(0.01, 0.8, 0.95, 1e-4, 0.02), adam(0.01, 0.8, 0.95, 1e-4, 0.02)),
    "adamw": (lambda: cr.AdamW(0.01, weight_decay=0.1), adam(0.01, decay=0.1, decoupled=True)),
}


class Reference:
    """A stack of dense layers in float64, trained by the formulas."""

    def __init__(self, parameters, functions):
        self.w = {name: np.array(value, np.float64) for name, value in parameters.items()}
        self.functions = functions
        self.state = {name: {} for name in self.w}
        self.step = 0

    def train(self, x, t, loss, update, weight=None):
        inputs, sums = [], []
        for i, name in enumerate(self.functions):
            inputs.append(x)
            sums.append(x @ self.w[f"{i}.kernel"] + self.w[f"{i}.bias"])
            x = ACTIVATIONS[name][0](sums[-1])
        _, value, derivative = LOSSES[loss]
        weight = np.ones(len(x)) if weight is None else weight
        share = weight / weight.sum()
        g = derivative(x, t) * share[:, None]
        gradients = {}
        for i in reversed(range(len(self.functions))):
            g = ACTIVATIONS[self.functions[i]][1](g, sums[i])
            gradients[f"{i}.kernel"] = inputs[i].T @ g
            gradients[f"{i}.bias"] = g.sum(axis=0)
            g = g @ self.w[f"{i}.kernel"].T
        self.step += 1
        for name in self.w:
            self.w[name] = update(self.w[name], gradients[name], self.state[name], self.step)
        return float((value(x, t) * share).sum())


def data(rng, loss, rows=25, features=5, outputs=3):
    x = rng.normal(size=(rows, features))
    if loss in ("cross_entropy", "smoothed", "sigmoid_nll"):
        t = rng.dirichlet(np.ones(outputs), rows)
    elif loss == "binary_cross_entropy":
        t = rng.uniform(size=(rows, outputs))
    else:
        t = rng.normal(size=(rows, outputs))
    return x.astype(np.float32).astype(float), t.astype(np.float32).astype(float)


def compare(rng, functions, loss, optimizer, dtype, weighted=False):
    widths = [8, 6, 3][-len(functions) :]
    model = cr.Sequential([cr.Input(5)] + [cr.Dense(n, f) for n, f in zip(widths, functions, strict=True)], seed=7, dtype=dtype)
    reference = Reference(model.parameters(), functions)
    how, update = OPTIMIZERS[optimizer]
    how = how()
    worst = 0.0
    for _ in range(STEPS):
        x, t = data(rng, loss)
        weight = rng.uniform(0.1, 2, len(x)).astype(np.float32).astype(float) if weighted else None
        got = model.train_on_batch(x, t, loss=LOSSES[loss][0], optimizer=how, sample_weight=weight)["loss"]
        expected = reference.train(x, t, loss, update, weight)
        worst = max(worst, abs(got - expected) / (1 + abs(expected)))
        scale = max(np.abs(w).max() for w in reference.w.values())
        for name, value in model.parameters().items():
            worst = max(worst, np.abs(value - reference.w[name]).max() / scale)
    print(f"worst deviation {worst:.1e}")
    assert worst < BOUND[dtype]


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_losses_and_optimizers(rng, loss, optimizer, dtype):
    compare(rng, ["tanh", "linear"], loss, optimizer, dtype)


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("optimizer", ["momentum", "adam, settings"])
def test_activations(rng, name, optimizer, dtype):
    compare(rng, [name, "tanh", name], "mse", optimizer, dtype)


@pytest.mark.parametrize("loss", LOSSES)
def test_sample_weights(rng, loss):
    compare(rng, ["silu", "linear"], loss, "sgd", "float64", weighted=True)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_fit_is_its_steps(rng, optimizer):
    x, t = data(rng, "mse", rows=50)
    model = cr.Sequential([cr.Input(5), cr.Dense(6, "tanh"), cr.Dense(3)], dtype="float64")
    reference = Reference(model.parameters(), ["tanh", "linear"])
    how, update = OPTIMIZERS[optimizer]
    history = model.fit(x, t, epochs=3, batch_size=16, loss="mse", optimizer=how(), shuffle=False, verbose=0).history
    for epoch in range(3):
        total = 0.0
        for start in range(0, 50, 16):
            rows = slice(start, start + 16)
            total += reference.train(x[rows], t[rows], "mse", update) * len(x[rows])
        assert history["loss"][epoch] == pytest.approx(total / 50, rel=1e-12)
    for name, value in model.parameters().items():
        np.testing.assert_allclose(value, reference.w[name], rtol=0, atol=BOUND["float64"])
