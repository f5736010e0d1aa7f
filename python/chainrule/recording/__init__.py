"""What NumPy's functions record when a variable is among their arguments."""

from chainrule.recording import linear_algebra, products
from chainrule.recording.core import arranged, call_function, identity, is_variable, plain, record, shape_of, subscript
from chainrule.recording.movement import clip, matrix_transpose, reshape, squeeze, swapaxes, transpose
from chainrule.recording.products import dot
from chainrule.recording.reductions import cumsum, max_, mean, min_, prod, std, sum_, var
from chainrule.recording.ufuncs import OPERATIONS, call_ufunc

__all__ = [
    "OPERATIONS",
    "arranged",
    "call_function",
    "call_ufunc",
    "clip",
    "cumsum",
    "dot",
    "identity",
    "is_variable",
    "linear_algebra",
    "matrix_transpose",
    "max_",
    "mean",
    "min_",
    "plain",
    "prod",
    "products",
    "record",
    "reshape",
    "shape_of",
    "squeeze",
    "std",
    "subscript",
    "sum_",
    "swapaxes",
    "transpose",
    "var",
]
