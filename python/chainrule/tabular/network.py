"""The net for a table: categories embedded, then dense layers."""

from dataclasses import dataclass

import chainrule as cr
from chainrule.tabular.features import categories_of
from chainrule.tabular.preprocessing import Preprocessing
from chainrule.tabular.target import Target
from chainrule.values import Value

__all__ = ["Architecture", "chosen_architecture"]

_WIDEST_TABLE = 32


@dataclass(frozen=True)
class Architecture:
    """A net's sizes.

    Attributes
    ----------
    numbers : int
        The first columns of the input, which are numbers.
    tables : tuple of int
        Of each category, whose number is in a column after them: how many there are.
    units : tuple of int
        Of the dense layers.
    activation : str
        Of the dense layers.
    dropout : float
        After each of them.
    outputs : int
        What comes out.
    """

    numbers: int
    tables: tuple[int, ...]
    units: tuple[int, ...]
    activation: str
    dropout: float
    outputs: int

    def build(self, seed: int) -> cr.Model:
        """Return a model of this kind, with new parameters."""
        x = cr.Input(self.numbers + len(self.tables))
        parts: list[Value] = [x[:, : self.numbers]] if self.numbers and self.tables else [x] if self.numbers else []
        for i, size in enumerate(self.tables):
            column = x[:, self.numbers + i] if self.numbers + len(self.tables) > 1 else x
            parts.append(cr.Embedding(size, _dimension(size), name=f"category_{i}")(column))
        h = parts[0] if len(parts) == 1 else cr.concatenate(parts)
        for i, units in enumerate(self.units):
            h = cr.Dense(units, self.activation, kernel_init="he_normal", name=f"dense_{i}")(h)
            h = cr.Dropout(self.dropout)(h)
        return cr.Model(x, cr.Dense(self.outputs, name="output")(h), seed=seed)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each parameter, without building a model: a file that asks for a vast one is refused by it."""
        found: dict[str, tuple[int, ...]] = {f"category_{i}.table": (n, _dimension(n)) for i, n in enumerate(self.tables)}
        width = self.numbers + sum(_dimension(n) for n in self.tables)
        names = [*(f"dense_{i}" for i in range(len(self.units))), "output"]
        for name, units in zip(names, (*self.units, self.outputs), strict=True):
            found |= {f"{name}.kernel": (width, units), f"{name}.bias": (units,)}
            width = units
        return found

    def __str__(self) -> str:
        """Say it in a line."""
        layers = " - ".join(map(str, self.units))
        many = "categories" if len(self.tables) > 1 else "category"
        embedded = f", {len(self.tables)} {many} embedded" if self.tables else ""
        return f"{self.numbers} numbers{embedded} - {layers} - {self.outputs}, {self.activation}, dropout {self.dropout:g}"


def chosen_architecture(preprocessing: Preprocessing, target: Target, rows: int) -> Architecture:
    """Return a net of a size for so many training rows."""
    units = (64, 32) if rows < 1000 else (128, 64) if rows < 5000 else (256, 128)
    return Architecture(
        numbers=preprocessing.numbers,
        tables=tuple(category.size for category in categories_of(preprocessing.features)),
        units=units,
        activation="gelu",
        dropout=0.1,
        outputs=target.outputs,
    )


def _dimension(size: int) -> int:
    """Return how many numbers stand for one of `size` categories: 4 for 5, 8 for 18, 32 for 250."""
    return min(_WIDEST_TABLE, int(1.6 * float(size) ** 0.56 + 0.5))
