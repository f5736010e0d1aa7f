"""C headers: compiled by a strict compiler, and computing what `predict` does."""

import ctypes
import re
import shutil
import subprocess

import numpy as np
import pytest

import chainrule as cr

COMPILERS = [compiler for compiler in ("gcc", "clang") if shutil.which(compiler)]
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wdouble-promotion", "-Wshadow", "-Werror", "-pedantic"]
STRICT = ["-std=c99", *WARNINGS]
# The C library's functions are right within 1 to 2 ulp, chainrule's within 1; sums without fma round twice as often.
BOUND = {"float32": 2e-6, "float64": 4e-15}
ACTIVATIONS = [
    *(
        "linear",
        "relu",
        "leaky_relu",
        "elu",
        "selu",
        "gelu",
        "silu",
        "sigmoid",
        "tanh",
        "softplus",
        "mish",
        "softmax",
        "log_softmax",
    ),
    cr.activations.LeakyReLU(-0.3),
    cr.activations.ELU(1.7),
]


def compiled(folder, model, *flags, compiler="cc", name="model"):
    """The header's predict as a function of rows."""
    model.export_c(folder / f"{name}.h", name=name)
    real = "float" if model.dtype == "float32" else "double"
    (folder / f"{name}.c").write_text(
        f"""#include "{name}.h"
void run(const {real} *x, {real} *y, size_t rows);
void run(const {real} *x, {real} *y, size_t rows) {{
  for (size_t i = 0; i < rows; ++i) {name}_predict(x + i * {name.upper()}_FEATURES, y + i * {name.upper()}_OUTPUTS);
}}
"""
    )
    library = folder / f"{name}.so"
    subprocess.run([compiler, *STRICT, *flags, "-shared", "-fPIC", f"{name}.c", "-o", library, "-lm"], cwd=folder, check=True)
    function = ctypes.CDLL(str(library)).run

    def predict(x):
        x = np.ascontiguousarray(x, model.dtype)
        y = np.full((len(x), model.predict(np.zeros_like(x[:1])).shape[1]), np.nan, model.dtype)
        function(x.ctypes.data_as(ctypes.c_void_p), y.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(len(x)))
        return y

    return predict


def agree(theirs, model, x):
    expected = model.predict(x)
    np.testing.assert_allclose(theirs(x), expected, rtol=0, atol=BOUND[model.dtype] * np.abs(expected).max())


def randomised(model, rng):
    """Numbers that a training might leave, running statistics too."""
    values = {name: rng.normal(size=value.shape) for name, value in model.parameters().items()}
    model.set_parameters({name: value**2 + 0.1 if name.endswith("running_var") else value for name, value in values.items()})
    return model


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=repr)
def test_activations(tmp_path, dtype, activation):
    size = 5
    model = cr.Sequential([cr.Input(size), cr.Activation(activation)], dtype=dtype)
    theirs = compiled(tmp_path, model, "-O2")
    for reach in (1e-3, 1, 6, 80):
        agree(theirs, model, np.linspace(-reach, reach, 200 * size).reshape(200, size))


@pytest.mark.parametrize("flags", [["-O0"], ["-O3"], ["-O2", "-ffp-contract=off"]], ids=" ".join)
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("dtype", BOUND)
def test_networks(tmp_path, rng, dtype, compiler, flags):
    layers = [
        cr.Dense(17, "tanh"),
        cr.Dropout(0.5),
        cr.Dense(9, "gelu", use_bias=False, name="middle"),
        cr.Activation("softmax"),
        cr.Dense(4),
    ]
    model = randomised(cr.Sequential([cr.Input(7, scale=0.3), *layers], dtype=dtype), rng)
    agree(compiled(tmp_path, model, *flags, compiler=compiler), model, rng.normal(size=(50, 7)))


LAYERS = [
    cr.LayerNorm(epsilon=0.1),
    cr.BatchNorm(epsilon=0.3),
    cr.Residual(cr.LayerNorm(), cr.Dense(9, "gelu"), cr.Residual(cr.Dense(9, "tanh"))),
]


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_layers(tmp_path, rng, dtype, layer):
    model = randomised(cr.Sequential([cr.Input(5), cr.Dense(9), layer, cr.Dense(3)], dtype=dtype), rng)
    agree(compiled(tmp_path, model, "-O2"), model, rng.normal(size=(20, 5)))


@pytest.mark.parametrize("dtype", BOUND)
@pytest.mark.parametrize("columns", [None, [1], [2, 0]])
def test_embeddings(tmp_path, rng, dtype, columns):
    model = randomised(cr.Sequential([cr.Input(3), cr.Embedding(7, 4, columns=columns), cr.Dense(2)], dtype=dtype), rng)
    theirs = compiled(tmp_path, model, "-O2")
    agree(theirs, model, rng.integers(0, 7, (20, 3)))
    for strange in (7, -1, 1.5, np.nan, np.inf, -1e30):  # where predict raises IndexError or ValueError
        assert np.isnan(theirs(np.full((1, 3), strange))).all()


@pytest.mark.parametrize("dtype", BOUND)
def test_models_of_any_structure(tmp_path, rng, dtype):
    numbers, kind = cr.Input(3, name="numbers", scale=0.5), cr.Input(1, name="kind")
    h = cr.concatenate([numbers[:, 1:], cr.Embedding(5, 4)(kind)])
    gated = cr.multiply([cr.Dense(4, "sigmoid")(h), cr.Dense(4)(h), cr.Dropout(0.5)(h[:, 2:])])
    outputs = {
        "price": cr.Dense(1)(gated),
        "sum": cr.add([gated, gated, h[:, :4]]),
        "same": numbers,
        "dropped": cr.Dropout(0.5)(gated),
        "gated": gated,
    }
    model = randomised(cr.Model([numbers, kind], outputs, dtype=dtype), rng)
    model.export_c(tmp_path / "net.h", name="net")
    real = "float" if dtype == "float32" else "double"
    names = ", ".join(f"{real} *{name}" for name in ("numbers", "kind", *outputs))
    (tmp_path / "net.c").write_text(
        f"""#include "net.h"
void run({names});
void run({names}) {{ net_predict(numbers, kind, {", ".join(outputs)}); }}
int sizes[] = {{NET_FEATURES_NUMBERS, NET_FEATURES_KIND, NET_OUTPUTS_PRICE, NET_OUTPUTS_SUM, NET_OUTPUTS_SAME}};
"""
    )
    subprocess.run(["cc", *STRICT, "-O2", "-shared", "-fPIC", "net.c", "-o", "net.so", "-lm"], cwd=tmp_path, check=True)
    library = ctypes.CDLL(str(tmp_path / "net.so"))
    assert list((ctypes.c_int * 5).in_dll(library, "sizes")) == [3, 1, 1, 4, 3]
    for _ in range(5):
        x = {"numbers": rng.normal(size=(1, 3)).astype(dtype), "kind": rng.integers(0, 5, (1, 1)).astype(dtype)}
        expected = model.predict(x)
        arrays = [*x.values(), *(np.full_like(value, np.nan) for value in expected)]
        library.run(*(array.ctypes.data_as(ctypes.c_void_p) for array in arrays))
        for ours, theirs in zip(expected, arrays[2:], strict=True):
            np.testing.assert_allclose(theirs, ours, rtol=0, atol=BOUND[dtype] * np.abs(ours).max())


@pytest.mark.parametrize("dtype", BOUND)
def test_the_same_bits_with_fast_fma(tmp_path, rng, dtype):
    """The order of sums is part of both contracts; `fma` is exact whether the processor or the C library computes it."""
    layers = [cr.Dense(33, "relu"), cr.Dense(18, cr.activations.LeakyReLU(0.1)), cr.Dense(3)]
    model = randomised(cr.Sequential([cr.Input(20, scale=1 / 255), *layers], dtype=dtype), rng)
    theirs = compiled(tmp_path, model, "-O2", "-DFP_FAST_FMAF", "-DFP_FAST_FMA")
    x = rng.normal(size=(100, 20)).astype(dtype)
    np.testing.assert_array_equal(theirs(x), model.predict(x))


def test_every_parameter_is_exact(tmp_path, rng):
    values = np.float32([[0.0, -0.0, 1 / 3, 1e-45, -3.4e38, 1e-38, 2.0**-149, -7.0]])
    model = cr.Sequential([cr.Input(1), cr.Dense(8, use_bias=False)])
    model.set_parameters({"0.kernel": values})
    model.export_c(tmp_path / "model.h")
    inside = re.search(r"model_0_kernel\[8\] = \{([^}]*)\}", (tmp_path / "model.h").read_text()).group(1)
    read = np.float32([float.fromhex(text.strip().removesuffix("f")) for text in inside.split(",")])
    assert read.tobytes() == values.tobytes()
    assert compiled(tmp_path, model)([[1.0]]).tobytes() == model.predict([[1.0]]).tobytes()


def test_nothing_to_compute(tmp_path, rng):
    model = cr.Sequential([cr.Input(3), cr.Dropout(0.5)])
    x = rng.normal(size=(4, 3)).astype(np.float32)
    np.testing.assert_array_equal(compiled(tmp_path, model)(x), x)


def test_several_headers_in_several_files(tmp_path):
    """Two models in one program, one of them included twice, and no function of the C library but those of <math.h>."""
    for name, units in (("one", 2), ("other", 3)):
        cr.Sequential([cr.Input(2), cr.Dense(units, "tanh"), cr.Dense(1, "softplus")]).export_c(tmp_path / f"{name}.h", name=name)
    (tmp_path / "a.c").write_text(
        '#include "one.h"\n#include "other.h"\n#include "one.h"\nfloat a(const float *x);\nfloat a(const float *x) { float y, z; one_predict(x, &y); other_predict(x, &z); return y + z; }\n'
    )
    (tmp_path / "b.c").write_text(
        '#include "one.h"\nint main(void) { float x[ONE_FEATURES] = {1, 2}, y[ONE_OUTPUTS]; one_predict(x, y); return y[0] != y[0]; }\n'
    )
    subprocess.run(["cc", *STRICT, "-O1", "a.c", "b.c", "-o", "program", "-lm"], cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "program"], check=True)
    subprocess.run(["cc", *STRICT, "-O0", "-fno-stack-protector", "-c", "b.c"], cwd=tmp_path, check=True)
    undefined = subprocess.run(["nm", "-u", "b.o"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout.split()
    assert {name for name in undefined if name not in ("U", "_GLOBAL_OFFSET_TABLE_")} <= {"tanhf", "expf", "log1pf"}


@pytest.mark.parametrize("dtype", BOUND)
def test_sanitizers_and_cpp(tmp_path, dtype):
    """Widths that grow and shrink share their arrays on the stack: no access beyond one, and nothing undefined; C++17 takes it too."""
    widths = [(3, "tanh"), (40, "softmax"), (5, "gelu"), (41, "elu"), (2, "log_softmax")]
    model = cr.Sequential([cr.Input(30, scale=0.5), *(cr.Dense(units, activation) for units, activation in widths)], dtype=dtype)
    model.export_c(tmp_path / "model.h")
    real = "float" if dtype == "float32" else "double"
    code = f"""#include "model.h"
#include <stdio.h>
#include <stdlib.h>
int main(void) {{
  {real} *x = ({real} *)calloc(MODEL_FEATURES, sizeof(*x)), *y = ({real} *)malloc(MODEL_OUTPUTS * sizeof(*y));
  model_predict(x, y);
  printf("%.9g %.9g\\n", (double)y[0], (double)y[1]);
  free(x);
  free(y);
  return 0;
}}
"""
    for suffix, compiler in (("c", ["gcc", "-std=c99"]), ("cpp", ["g++", "-std=c++17"])):
        (tmp_path / f"main.{suffix}").write_text(code)
        flags = [*WARNINGS, "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
        subprocess.run([*compiler, *flags, f"main.{suffix}", "-o", suffix, "-lm"], cwd=tmp_path, check=True)
        printed = subprocess.run([tmp_path / suffix], check=True, capture_output=True, text=True).stdout
        np.testing.assert_allclose(np.array(printed.split(), float), model.predict(np.zeros((1, 30)))[0], rtol=1e-5)


def test_size(tmp_path):
    """As the documentation says: bytes for each parameter, on average."""
    for dtype, least, most in (("float32", 14, 19), ("float64", 20, 26)):
        cr.Sequential([cr.Input(100), cr.Dense(100)], dtype=dtype).export_c(tmp_path / "model.h")
        assert least < (tmp_path / "model.h").stat().st_size / 10_100 < most


def test_refusals(tmp_path):
    path = tmp_path / "model.h"
    net = cr.Sequential([cr.Input(1), cr.Dense(1)])
    for name in ("", "a b", "1a", "größe", "a-b", "_a"):
        with pytest.raises(ValueError, match="export_c: expected name as a C identifier"):
            net.export_c(path, name=name)
    with pytest.raises(TypeError, match="expected name as a string"):
        net.export_c(path, name=3)
    with pytest.raises(TypeError, match="export_c: expected layers and activations of chainrule's own"):
        cr.Sequential([cr.Input(1), cr.Dense(1, np.sin)]).export_c(path)
    with pytest.raises(cr.ChainruleError, match="export_c: expected a built model"):
        cr.Sequential([cr.Dense(1)]).export_c(path)
    assert not path.exists()
