"""A network that leaves Python: trained, interrupted, resumed from a checkpoint, saved, and written as ONNX and as a C header.

python examples/save_and_export.py --folder /tmp/net
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import chainrule as cr

EPOCHS = 30

# What a C program does with the header; `cc -std=c99 main.c -lm` compiles it.
PROGRAM = """#include <stdio.h>
#include "net.h"

int main(void) {
  float x[NET_FEATURES], y[NET_OUTPUTS];
  for (int i = 0; i < NET_FEATURES; ++i) {
    if (scanf("%f", &x[i]) != 1) return 1;
  }
  net_predict(x, y);
  for (int j = 0; j < NET_OUTPUTS; ++j) printf("%.6f\\n", y[j]);
  return 0;
}
"""


def data(rows: int = 2000) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points and a surface over three variables."""
    x = np.random.default_rng(0).uniform(-1, 1, (rows, 3))
    return x, np.sin(3 * x[:, 0]) * x[:, 1] + x[:, 2] ** 2


def make() -> cr.Sequential:
    """Return the network before training."""
    return cr.Sequential([cr.Dense(32, "tanh"), cr.Dense(32, "tanh"), cr.Dense(1)], seed=1)


class PowerCut(Exception):
    """What ends the first fit."""


def cut_power(epoch: int, logs: object) -> None:
    """End the fit in its 13th epoch."""
    if epoch == 12:
        raise PowerCut


def main(arguments: list[str]) -> int:
    """Train twice, once with an interruption, and write everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where files go; without it to a folder that is deleted")
    folder = parser.parse_args(arguments).folder
    with tempfile.TemporaryDirectory() as temporary:
        place = folder or Path(temporary)
        place.mkdir(parents=True, exist_ok=True)
        x, y = data()
        whole = make()
        whole.fit(x, y, epochs=EPOCHS, loss="mse", verbose=0)

        checkpoint = cr.Checkpoint(place / "checkpoint.safetensors", every=100)
        try:
            make().fit(
                x, y, epochs=EPOCHS, loss="mse", callbacks=[checkpoint, cr.LambdaCallback(on_epoch_begin=cut_power)], verbose=0
            )
        except PowerCut:
            print("interrupted in epoch 13; the last checkpoint is from within epoch 12")
        model = make()
        model.fit(x, y, epochs=EPOCHS, loss="mse", resume_from=checkpoint.filepath, verbose=0)
        same = all(np.array_equal(value, whole.parameters()[name]) for name, value in model.parameters().items())
        print(f"resumed and finished: {'the same bits as' if same else 'NOT as'} without interruption")

        model.save(place / "net.safetensors")
        again = cr.load(place / "net.safetensors")
        print(f"loaded {again}")
        model.export_onnx(place / "net.onnx")
        model.export_c(place / "net.h", name="net")
        (place / "main.c").write_text(PROGRAM)
        for file in sorted(place.iterdir()):
            print(f"{file.name:24} {file.stat().st_size:8,} bytes")
        return 0 if same and np.array_equal(again(x), model(x)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
