"""Models as C99 headers. `_LAYERS` and `_ACTIVATIONS` are the tables: one function for a layer, one C expression for an activation.

A header looks like this, for a net called "net" of one Dense layer::

    static const float net_0_kernel[2] = {0x1.8p-1f, -0x1p-2f};
    static const float net_0_bias[1] = {0x1.4p-3f};
    static inline void net_dense(...) {...}
    static inline void net_predict(const float *x, float *y) {
      net_dense(2, 1, x, net_0_kernel, net_0_bias, y);
    }
"""

import re
from collections.abc import Callable, Iterable
from os import PathLike
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainrule import activations, atomic_file
from chainrule._core import __version__
from chainrule.activations import ActivationFunction
from chainrule.embedding import Embedding
from chainrule.layer_calls import Call, Calls, batch_norm_factor, layer_calls, unsupported
from chainrule.layers import Activation, Dense, Layer
from chainrule.merging import Add, Columns, Concatenate, Multiply
from chainrule.normalization import BatchNorm, LayerNorm
from chainrule.validation import Array

if TYPE_CHECKING:
    from chainrule.stack import Stack

_LITERALS_A_LINE = 8


def export(model: "Stack", path: "str | PathLike[str]", name: str) -> None:
    """Write the file; see `Portable.export_c`."""
    if not isinstance(name, str):
        raise TypeError(f"export_c: expected name as a string, got {name!r}")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise ValueError(f"export_c: expected name as a C identifier, such as 'model', got {name!r}")
    calls = layer_calls(model, "export_c", inference=True)
    text = _Header(name, calls.dtype).text(calls, repr(model))
    atomic_file.write(path, [text.encode("ascii")], "export_c")


class _Header:
    """The parts of a header: arrays, functions that are used, statements of predict."""

    def __init__(self, name: str, dtype: str) -> None:
        self.name = name
        self.real = "float" if dtype == "float32" else "double"
        self.suffix = "f" if dtype == "float32" else ""
        self._dtype = dtype
        self._arrays: list[str] = []
        self._functions: dict[str, str] = {}
        self._statements: list[str] = []

    def literal(self, value: float) -> str:
        """Return exactly this number, rounded to the header's type first."""
        number = float(np.dtype(self._dtype).type(value))
        if not np.isfinite(number):
            raise ValueError(f"export_c: expected finite parameters, got {number}")
        text = re.sub(r"\.?0*p", "p", number.hex()) if number else "0.0" if str(number) == "0.0" else "-0.0"
        return text + self.suffix

    def array(self, label: str, values: Array) -> str:
        """Add constants; return their name."""
        name = f"{self.name}_{re.sub('[-.]', '_', label)}"
        literals = [self.literal(value) for value in values.ravel().tolist()]
        lines = (", ".join(literals[i : i + _LITERALS_A_LINE]) for i in range(0, len(literals), _LITERALS_A_LINE))
        inside = ",\n    ".join(lines)
        self._arrays.append(f"static const {self.real} {name}[{len(literals)}] = {{\n    {inside}}};\n")
        return name

    def function(self, label: str, code: str) -> str:
        """Add a function once; `code` says NAME, REAL, and F after the names of functions of <math.h>. Return its name."""
        name = f"{self.name}_{label}"
        code = re.sub(r"\bNAME\b", name, code)
        code = re.sub(r"\bPREFIX_", f"{self.name.upper()}_", code)
        self._functions[name] = re.sub(r"\bREAL\b", self.real, re.sub(r"(?<=[a-z0-9])F\(", f"{self.suffix}(", code))
        return name

    def statement(self, code: str) -> None:
        """Add a statement to predict."""
        self._statements.append(f"  {code}\n")

    def text(self, calls: Calls, description: str) -> str:
        """Return the header."""
        scratch = self._predict(calls)
        upper, real = self.name.upper(), self.real
        inputs = {name: calls.columns[value] for value, name in enumerate(calls.inputs)}
        outputs = {name: calls.columns[value] for name, value in calls.outputs.items()}
        sizes = self._macros("FEATURES", inputs) + self._macros("OUTPUTS", outputs)
        arguments = [f"const {real} *{name}" for name in _pointers("x", inputs)] + [
            f"{real} *{name}" for name in _pointers("y", outputs)
        ]
        fma = "FP_FAST_FMAF" if self.suffix else "FP_FAST_FMA"
        body = "".join([*(f"  {real} v{i}[{size}];\n" for i, size in enumerate(scratch)), *self._statements])
        return f"""/* Made by chainrule {__version__} from
   {description}
   {self.name}_predict computes one row; its arrays have as many elements as the macros say, and do not overlap. */
#ifndef {upper}_H
#define {upper}_H

#include <math.h>
#include <stddef.h>

{sizes}
#ifdef {fma}
#define {upper}_FMA(a, b, c) fma{self.suffix}(a, b, c)
#else
#define {upper}_FMA(a, b, c) ((a) * (b) + (c))
#endif

{"".join(self._arrays)}
{"".join(self._functions.values())}
static inline void {self.name}_predict({", ".join(arguments)}) {{
{body}}}

#endif
"""

    def _macros(self, kind: str, columns: dict[str, int]) -> str:
        """Return definitions of the sizes of all inputs or outputs; a single one needs no name of its own."""
        names = [f"{self.name}_{kind}" if len(columns) == 1 else f"{self.name}_{kind}_{name}" for name in columns]
        return "".join(f"#define {name.upper()} {count}\n" for name, count in zip(names, columns.values(), strict=True))

    def _predict(self, calls: Calls) -> list[int]:
        """Write the statements; return the sizes of the scratch arrays v0, v1, ..., which values share that do not live together."""
        last_use = calls.last_use()
        sizes: list[int] = []
        free: list[int] = []
        place = dict(enumerate(_pointers("x", calls.inputs)))
        given = list(place.values())
        out = {value: name for name, value in zip(_pointers("y", calls.outputs), calls.outputs.values(), strict=True)}

        def take(value: int) -> str:
            if value in out:
                return out[value]
            slot = free.pop() if free else len(sizes)
            sizes[slot:] = [max(calls.columns[value], *sizes[slot : slot + 1], 0), *sizes[slot + 1 :]]
            return f"v{slot}"

        def copy(value: int, factor: float, target: str) -> None:
            function = self.function("scale", _SCALE)
            self.statement(f"{function}({calls.columns[value]}, {place[value]}, {self.literal(factor)}, {target});")
            place[value] = target

        for value, scale in enumerate(calls.inputs.values()):
            if scale != 1 or value in out:
                copy(value, scale, take(value))
        for number, call in enumerate(calls.calls):
            write = _LAYERS.get(type(call.layer))
            if write is None:
                raise unsupported("export_c", call)
            place[call.output] = take(call.output)
            write(self, call, [_Value(place[value], calls.columns[value]) for value in call.inputs], place[call.output])
            done = {place[value] for value in call.inputs if last_use[value] == number} - {*given, *out.values()}
            free.extend(int(name[1:]) for name in sorted(done))
        for name, value in zip(_pointers("y", calls.outputs), calls.outputs.values(), strict=True):
            if place[value] != name:  # two outputs are one value
                copy(value, 1.0, name)
        return sizes


def _pointers(stem: str, names: Iterable[str]) -> list[str]:
    """Return the C names of inputs or outputs: a single one needs no name of its own."""
    all_names = list(names)
    return [stem] if len(all_names) == 1 else [f"{stem}_{name}" for name in all_names]


class _Value(NamedTuple):
    """An array in C."""

    name: str
    size: int


_SCALE = """static inline void NAME(size_t n, const REAL *x, REAL factor, REAL *y) {
  for (size_t i = 0; i < n; ++i) y[i] = x[i] * factor;
}
"""

_DENSE = """static inline void NAME(size_t k, size_t n, const REAL *x, const REAL *w, const REAL *b, REAL *y) {
  for (size_t j = 0; j < n; ++j) y[j] = 0;
  for (size_t i = 0; i < k; ++i) {
    for (size_t j = 0; j < n; ++j) y[j] = PREFIX_FMA(x[i], w[i * n + j], y[j]);
  }
  if (b == NULL) return;
  for (size_t j = 0; j < n; ++j) y[j] += b[j];
}
"""


def _dense(header: _Header, call: Call, inputs: list[_Value], out: str) -> None:
    x = inputs[0]
    kernel, *bias = (header.array(f"{call.name}_{name}", value) for name, value in call.parameters.items())
    columns = call.parameters["kernel"].shape[1]
    header.statement(
        f"{header.function('dense', _DENSE)}({x.size}, {columns}, {x.name}, {kernel}, {bias[0] if bias else 'NULL'}, {out});"
    )


_BY_ELEMENT = """static inline void NAME(size_t n, const REAL *x, REAL alpha, REAL *y) {
  (void)alpha;
  for (size_t i = 0; i < n; ++i) {
    const REAL v = x[i];
    y[i] = VALUE;
  }
}
"""

_BY_ROW = """static inline void NAME(size_t n, const REAL *x, REAL alpha, REAL *y) {
  REAL most = x[0], sum = 0;
  (void)alpha;
  for (size_t i = 1; i < n; ++i) most = x[i] > most ? x[i] : most;
  for (size_t i = 0; i < n; ++i) sum += expF(x[i] - most);
  for (size_t i = 0; i < n; ++i) {
    const REAL v = x[i] - most;
    y[i] = VALUE;
  }
}
"""

# Of v and alpha; for functions by row, v is x minus the row's largest element and `sum` that of the exponentials.
_SOFTPLUS = "(v > 0 ? v : 0) + log1pF(expF(-fabsF(v)))"
_ACTIVATIONS: dict[type[ActivationFunction], str] = {
    activations.ReLU: "v > 0 ? v : 0",
    activations.LeakyReLU: "v > 0 ? v : alpha * v",
    activations.ELU: "v > 0 ? v : alpha * expm1F(v)",
    activations.SELU: "SCALE * (v > 0 ? v : ALPHA * expm1F(v))",
    activations.GELU: "HALF * v * erfcF(-ROOT * v)",
    activations.SiLU: "v / (1 + expF(-v))",
    activations.Sigmoid: "1 / (1 + expF(-v))",
    activations.Tanh: "tanhF(v)",
    activations.Softplus: _SOFTPLUS,
    activations.Mish: f"v * tanhF({_SOFTPLUS})",
    activations.Softmax: "expF(v) / sum",
    activations.LogSoftmax: "v - logF(sum)",
}
_NUMBERS = {"SCALE": activations.SELU_SCALE, "ALPHA": activations.SELU_ALPHA, "HALF": 0.5, "ROOT": 0.5**0.5}
_ROW_FUNCTIONS = (activations.Softmax, activations.LogSoftmax)


def _activation(header: _Header, call: Call, inputs: list[_Value], out: str) -> None:
    assert isinstance(call.layer, Activation)
    function = call.layer.activation
    value = _ACTIVATIONS.get(type(function))
    if value is None:
        raise unsupported("export_c", call)
    for word, number in _NUMBERS.items():
        value = re.sub(rf"\b{word}\b", header.literal(number), value)
    template = _BY_ROW if isinstance(function, _ROW_FUNCTIONS) else _BY_ELEMENT
    name = header.function(function.name, template.replace("VALUE", value))
    alpha = header.literal(0.0 if function.alpha is None else function.alpha)
    header.statement(f"{name}({inputs[0].size}, {inputs[0].name}, {alpha}, {out});")


_LAYER_NORM = """static inline void NAME(size_t n, const REAL *x, REAL epsilon, const REAL *scale, const REAL *shift, REAL *y) {
  REAL mean = 0, variance = 0;
  for (size_t i = 0; i < n; ++i) mean += x[i];
  mean /= (REAL)n;
  for (size_t i = 0; i < n; ++i) variance += (x[i] - mean) * (x[i] - mean);
  variance /= (REAL)n;
  for (size_t i = 0; i < n; ++i) y[i] = (x[i] - mean) / sqrtF(variance + epsilon) * scale[i] + shift[i];
}
"""


def _layer_norm(header: _Header, call: Call, inputs: list[_Value], out: str) -> None:
    assert isinstance(call.layer, LayerNorm)
    x, scale, shift = inputs[0], *(header.array(f"{call.name}_{name}", value) for name, value in call.parameters.items())
    epsilon = header.literal(call.layer.epsilon)
    header.statement(f"{header.function('layer_norm', _LAYER_NORM)}({x.size}, {x.name}, {epsilon}, {scale}, {shift}, {out});")


_BATCH_NORM = """static inline void NAME(size_t n, const REAL *x, const REAL *mean, const REAL *factor, const REAL *shift, REAL *y) {
  for (size_t i = 0; i < n; ++i) y[i] = (x[i] - mean[i]) * factor[i] + shift[i];
}
"""


def _batch_norm(header: _Header, call: Call, inputs: list[_Value], out: str) -> None:
    values = {"mean": call.parameters["running_mean"], "factor": batch_norm_factor(call), "shift": call.parameters["shift"]}
    arrays = ", ".join(header.array(f"{call.name}_{name}", value) for name, value in values.items())
    header.statement(f"{header.function('batch_norm', _BATCH_NORM)}({inputs[0].size}, {inputs[0].name}, {arrays}, {out});")


# Where `predict` raises IndexError, C has no better answer than NaN.
_EMBED = """static inline void NAME(REAL number, size_t rows, size_t dim, const REAL *table, REAL *y) {
  const int known = number >= 0 && number < (REAL)rows && (REAL)(size_t)number == number;
  for (size_t i = 0; i < dim; ++i) y[i] = known ? table[(size_t)number * dim + i] : (REAL)NAN;
}
"""

_COPY = """static inline void NAME(size_t n, const REAL *x, REAL *y) {
  for (size_t i = 0; i < n; ++i) y[i] = x[i];
}
"""


def _embedding(header: _Header, call: Call, inputs: list[_Value], out: str) -> None:
    layer, x = call.layer, inputs[0]
    assert isinstance(layer, Embedding)
    table = header.array(f"{call.name}_table", call.parameters["table"])
    columns = list(layer._numbers(x.size))
    others = [column for column in range(x.size) if column not in columns]
    for place, column in enumerate(others):
        header.statement(f"{out}[{place}] = {x.name}[{column}];")
    embed = header.function("embed", _EMBED)
    for place, column in enumerate(columns):
        target = f"{out} + {len(others) + place * layer.dim}"
        header.statement(f"{embed}({x.name}[{column}], {layer.n}, {layer.dim}, {table}, {target});")


def _concatenate(header: _Header, call: Call, inputs: list[_Value], out: str) -> None:
    begin = 0
    for value in inputs:
        header.statement(f"{header.function('copy', _COPY)}({value.size}, {value.name}, {out} + {begin});")
        begin += value.size


def _columns(header: _Header, call: Call, inputs: list[_Value], out: str) -> None:
    assert isinstance(call.layer, Columns)
    begin, end = call.layer.begin, call.layer.end
    header.statement(f"{header.function('copy', _COPY)}({end - begin}, {inputs[0].name} + {begin}, {out});")


def _fold(label: str, sign: str) -> Callable[[_Header, Call, list[_Value], str], None]:
    code = f"""static inline void NAME(size_t n, const REAL *a, const REAL *b, REAL *y) {{
  for (size_t i = 0; i < n; ++i) y[i] = a[i] {sign} b[i];
}}
"""

    def folded(header: _Header, call: Call, inputs: list[_Value], out: str) -> None:
        if len(inputs) == 1:
            _concatenate(header, call, inputs, out)
        left = inputs[0].name
        for value in inputs[1:]:
            header.statement(f"{header.function(label, code)}({value.size}, {left}, {value.name}, {out});")
            left = out

    return folded


_LAYERS: dict[type[Layer], Callable[[_Header, Call, list[_Value], str], None]] = {
    Dense: _dense,
    Activation: _activation,
    LayerNorm: _layer_norm,
    BatchNorm: _batch_norm,
    Embedding: _embedding,
    Add: _fold("add", "+"),
    Multiply: _fold("multiply", "*"),
    Concatenate: _concatenate,
    Columns: _columns,
}
