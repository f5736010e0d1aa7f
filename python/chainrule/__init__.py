"""chainrule: dense neural networks on CPUs, fast at every size, with the same bits every time.

Examples
--------
>>> import numpy as np
>>> import chainrule as cr
>>> x = np.random.default_rng(0).normal(size=(100, 2))
>>> y = (x[:, 0] * x[:, 1] > 0).astype(int)
>>> model = cr.Sequential([cr.Dense(16, "tanh"), cr.Dense(2)])
>>> history = model.fit(x, y, epochs=200, loss="cross_entropy", optimizer=cr.Adam(0.01), verbose=0)
>>> model.evaluate(x, y, metrics=["accuracy"])["accuracy"] > 0.95
True
"""

import importlib
from typing import TYPE_CHECKING, Any

from chainrule import activations, callbacks, initializers, losses, metrics, optimizers
from chainrule._core import __version__
from chainrule.callbacks import Callback, Checkpoint, CSVLogger, EarlyStopping, LambdaCallback, ReduceLROnPlateau, TerminateOnNaN
from chainrule.embedding import Embedding
from chainrule.errors import ChainruleError, CorruptFileError, TrainingDiverged
from chainrule.functional import Model
from chainrule.history import History
from chainrule.info import info
from chainrule.lambdas import Lambda
from chainrule.layers import Activation, Dense, Dropout, Layer
from chainrule.merging import Residual, add, concatenate, multiply
from chainrule.normalization import BatchNorm, LayerNorm
from chainrule.optimizers import LBFGS, SGD, Adagrad, Adam, AdamW, LevenbergMarquardt, Lion, Optimizer, RMSprop
from chainrule.sequential import Sequential
from chainrule.threads import get_num_threads, set_num_threads
from chainrule.values import Input

if TYPE_CHECKING:
    from chainrule import operators, schedules, tabular
    from chainrule.compiled import Compiled, compile  # noqa: A004
    from chainrule.gradient_check import check_grads
    from chainrule.graphs import Graph, trace
    from chainrule.learning_rates import LearningRateScheduler
    from chainrule.many import fit_many
    from chainrule.profiling import Profile, profile
    from chainrule.saving import load
    from chainrule.torch_modules import from_torch
    from chainrule.tracking import MLflow, OptunaPruning, TensorBoard
    from chainrule.transforms import elementwise_grad, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
    from chainrule.variables import Variable, variable

__all__ = [
    "LBFGS",
    "SGD",
    "Activation",
    "Adagrad",
    "Adam",
    "AdamW",
    "BatchNorm",
    "CSVLogger",
    "Callback",
    "ChainruleError",
    "Checkpoint",
    "Compiled",
    "CorruptFileError",
    "Dense",
    "Dropout",
    "EarlyStopping",
    "Embedding",
    "Graph",
    "History",
    "Input",
    "Lambda",
    "LambdaCallback",
    "Layer",
    "LayerNorm",
    "LearningRateScheduler",
    "LevenbergMarquardt",
    "Lion",
    "MLflow",
    "Model",
    "Optimizer",
    "OptunaPruning",
    "Profile",
    "RMSprop",
    "ReduceLROnPlateau",
    "Residual",
    "Sequential",
    "TensorBoard",
    "TerminateOnNaN",
    "TrainingDiverged",
    "Variable",
    "__version__",
    "activations",
    "add",
    "callbacks",
    "check_grads",
    "compile",
    "concatenate",
    "elementwise_grad",
    "fit_many",
    "from_torch",
    "get_num_threads",
    "grad",
    "hessian",
    "hvp",
    "info",
    "initializers",
    "jacobian",
    "jvp",
    "load",
    "losses",
    "metrics",
    "multiply",
    "operators",
    "optimizers",
    "profile",
    "schedules",
    "set_num_threads",
    "tabular",
    "trace",
    "value_and_grad",
    "variable",
    "vjp",
]

# Loaded when they are first used: derivatives are a third of the package's import, 12 of 32 ms beside NumPy's.
_LATER = {
    **dict.fromkeys(("Variable", "variable"), "variables"),
    **dict.fromkeys(("elementwise_grad", "grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"), "transforms"),
    **dict.fromkeys(("Compiled", "compile"), "compiled"),
    "check_grads": "gradient_check",
    **dict.fromkeys(("Graph", "trace"), "graphs"),
    "LearningRateScheduler": "learning_rates",
    "fit_many": "many",
    **dict.fromkeys(("Profile", "profile"), "profiling"),
    **dict.fromkeys(("MLflow", "OptunaPruning", "TensorBoard"), "tracking"),
    **{name: name for name in ("numpy", "operators", "sklearn")},
    "load": "saving",
    "from_torch": "torch_modules",
    "schedules": "schedules",
    "tabular": "tabular",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'chainrule' has no attribute {name!r}")
    module = importlib.import_module(f"chainrule.{_LATER[name]}")
    value = globals()[name] = module if _LATER[name] == name else getattr(module, name)
    return value
