"""Matrices kept in their structure: linear operators for Jacobians, multiplied out in the cheapest order.

`Identity`, `Diagonal`, `Kronecker`, `LowRank`, `Dense`, and `Chain`, a product of them. Each has ``shape``, ``dtype``, ``@`` with
operators and with NumPy's vectors and matrices, ``.T``, ``.dense()``, and what ``scipy.sparse.linalg.aslinearoperator`` asks for.
`jacobian` makes them of any function.

Examples
--------
>>> import numpy as np
>>> from chainrule import operators
>>> slope = operators.Diagonal([2.0, 3.0])
>>> slope @ slope
Diagonal(2, 2)
>>> slope @ operators.Kronecker([[1.0, 4.0, 5.0]], operators.Identity(2))
Kronecker((2, 6): Dense(1, 3) (x) Diagonal(2, 2))
"""

from chainrule.operators.base import Operator
from chainrule.operators.chain import Chain, Plan
from chainrule.operators.kronecker import Kronecker
from chainrule.operators.recorded import jacobian
from chainrule.operators.structures import Dense, Diagonal, Identity, LowRank

__all__ = ["Chain", "Dense", "Diagonal", "Identity", "Kronecker", "LowRank", "Operator", "Plan", "jacobian"]
