"""A model that is no row of layers: numbers and categories in, two predictions out, a residual block between.

Flats on sale: area and age are numbers, the district is one of 12. The price depends on all three; whether a flat is sold within a month
depends on how the price asked compares with it. One model learns both, from made-up data whose right answers are known.

Run: python examples/two_heads.py
"""

import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import chainrule as cr

Floats = NDArray[np.float64]
DISTRICTS = 12


def flats(count: int, random: np.random.Generator) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return areas, ages, prices asked (all scaled) and districts, with what they go for and whether they are sold soon."""
    appeal = np.random.default_rng(7).normal(size=DISTRICTS)
    district = random.integers(0, DISTRICTS, count)
    area, age, asked = random.uniform(-1, 1, (3, count))
    price = area * (1 + 0.5 * appeal[district]) - 0.3 * age + appeal[district]
    sold = (price + 0.05 * random.normal(size=count) > 2 * asked).astype(float)
    x = {"numbers": np.column_stack([area, age, asked]), "district": district[:, None].astype(float)}
    return x, {"price": price, "sold": sold.astype(int)}


def build() -> cr.Model:
    """Return the model: the district's row of a table joins the numbers."""
    numbers, district = cr.Input(3, name="numbers"), cr.Input(1, name="district")
    h = cr.concatenate([numbers, cr.Embedding(DISTRICTS, 4, name="districts")(district)])
    h = cr.Dense(48, "gelu")(h)
    h = cr.Residual(cr.LayerNorm(), cr.Dense(48, "gelu"), cr.Dense(48))(h)
    return cr.Model([numbers, district], {"price": cr.Dense(1)(h), "sold": cr.Dense(2)(h)}, seed=1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, and say how both heads do on flats that the model has not seen."""
    del arguments
    random = np.random.default_rng(0)
    x, y = flats(4000, random)
    new_x, new_y = flats(1000, random)
    model = build()
    model.summary()
    model.fit(
        x,
        y,
        epochs=30,
        batch_size=64,
        loss={"price": "mse", "sold": "cross_entropy"},
        loss_weights={"price": 1.0, "sold": 0.5},
        metrics={"price": "r2", "sold": ["accuracy", "auc"]},
        optimizer=cr.AdamW(0.003),
        verbose=0,
    )
    result = model.evaluate(new_x, new_y)
    print(f"price: R2 {result['price_r2']:.3f}; sold: accuracy {result['sold_accuracy']:.1%}, AUC {result['sold_auc']:.3f}")
    return 0 if result["price_r2"] > 0.98 and result["sold_accuracy"] > 0.93 else 1


if __name__ == "__main__":
    sys.exit(main())
