"""Cases for every operation of the graph: inputs, attributes, and the formula in NumPy that its value must have.

`test_gradients.py` runs them all; an operation with too few of them fails there. Inputs keep away from kinks, where derivatives jump.
"""

from . import activations, elementwise, layers, linear, losses, movement
from .case import SAMPLES, Array, Case

__all__ = ["CASES", "SAMPLES", "Array", "Case"]

CASES: list[Case] = [*elementwise.CASES, *linear.CASES, *movement.CASES, *activations.CASES, *losses.CASES, *layers.CASES]
