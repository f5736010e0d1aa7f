"""Models that tests write into files."""

import chainrule as cr


def make(seed=1, dtype="float32"):
    layers = [
        cr.Input(6, scale=0.5),
        cr.Dense(5, "tanh", name="hidden"),
        cr.Dropout(0.2),
        cr.Dense(4, cr.activations.ELU(0.5)),
        cr.Dense(3),
    ]
    return cr.Sequential(layers, seed=seed, dtype=dtype)


def small():
    return cr.Sequential([cr.Input(1), cr.Dense(1)], seed=3)


def two_in_two_out(seed=4, dtype="float32"):
    numbers, kind = cr.Input(3, name="numbers", scale=0.5), cr.Input(2, name="kind")
    h = cr.concatenate([numbers[:, :2], cr.Embedding(5, 2, name="table")(kind)])
    h = cr.Residual(cr.Dense(6, "relu"), cr.BatchNorm(), cr.Dropout(0.1), cr.Dense(6))(h)
    gated = cr.multiply([cr.Dense(4, "sigmoid")(h), cr.LayerNorm()(cr.Dense(4)(h))])
    return cr.Model(
        [numbers, kind], {"price": cr.Dense(1)(gated), "sold": cr.Dense(2, name="sold")(gated + gated)}, seed=seed, dtype=dtype
    )


def two_in_two_out_data(rng, rows=50):
    x = {"numbers": rng.normal(size=(rows, 3)), "kind": rng.integers(0, 5, (rows, 2))}
    return x, {"price": rng.normal(size=rows), "sold": rng.integers(0, 2, rows)}
