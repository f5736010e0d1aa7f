"""What layers say about the training of their parameters: not at all (`trainable`), or at another rate (`lr_scale`)."""

from collections.abc import Iterable
from typing import NamedTuple

from chainrule import validation
from chainrule.building import Built
from chainrule.layers import Layer
from chainrule.structure import Structure


class Groups(NamedTuple):
    """Names of the parameters that are not trained, and factors of the others' learning rates where they are not 1."""

    frozen: list[str]
    factors: dict[str, float]


def said_by(layers: Iterable[Layer]) -> tuple[bool, float]:
    """Return `trainable` and `lr_scale` of the parameters of the last of these layers, each of which is a part of the one before."""
    trainable, scale = True, 1.0
    for layer in layers:
        kind = type(layer).__name__
        trainable = validation.flag(layer.trainable, kind, "trainable") and trainable
        scale *= validation.real(layer.lr_scale, kind, "lr_scale", least=0)
    return trainable, scale


def groups(structure: Structure, built: Built) -> Groups:
    """Return what the layers, and those that they are parts of, say now; ValueError where nothing is left to train."""
    found = Groups([], {})
    for call in structure.calls:
        own = [name for name in built.trained if name.rpartition(".")[0] == call.place.prefix]
        trainable, scale = said_by((*call.owners, call.layer))
        if not trainable:
            found.frozen.extend(own)
        elif scale != 1:
            found.factors.update(dict.fromkeys(own, scale))
    if built.trained and len(found.frozen) == len(built.trained):
        raise ValueError("fit: expected at least one layer with parameters to be trainable, got none")
    return found
