"""Kills processes at random moments: some save a model again and again, and what is left is loaded; some fit one with checkpoints,
and are started again until the fit is done, whose weights are then compared with those of a fit that nobody killed.

python .ci/crash_campaign.py            20 kills of each
python .ci/crash_campaign.py --full     2000 kills of each
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import chainrule as cr

WRITER = """
import sys
import chainrule as cr
models = [cr.Sequential([cr.Input(width), cr.Dense(width)], seed=width) for width in (50, 200)]
while True:
    for model in models:
        model.save(sys.argv[1])
        print(end=".", flush=True)
"""

FITTER = """
import hashlib, sys
from pathlib import Path
import numpy as np
import chainrule as cr
x = np.random.default_rng(0).normal(size=(500, 8))
path = Path(sys.argv[1])
model = cr.Sequential([cr.Dense(32, "tanh"), cr.Dropout(0.2), cr.Dense(1)], seed=1)
callbacks = [cr.ReduceLROnPlateau("loss", patience=3), cr.Checkpoint(path, every=7)]
resume = path if path.exists() else None
history = model.fit(x, x[:, 0] * x[:, 1], epochs=30, loss="mse", callbacks=callbacks, verbose=0, resume_from=resume)
bits = hashlib.sha256(repr(history.history).encode())
for value in model.parameters().values():
    bits.update(value.tobytes())
print(bits.hexdigest())
"""


def killed_fit(path: Path, seconds: float) -> str:
    """Let a fit begin or go on; kill it after so many seconds where it still runs. Return what it printed."""
    with subprocess.Popen([sys.executable, "-c", FITTER, str(path)], stdout=subprocess.PIPE, text=True) as fit:
        try:
            return fit.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            fit.kill()
            return ""


def kill_fits(folder: Path, kills: int, generator: random.Random) -> int:
    """Kill so many fits; return how many were finished in spite of it."""
    expected = killed_fit(folder / "whole.safetensors", 600)
    assert expected
    path, finished, killed = folder / "fit.safetensors", 0, 0
    # An import and the first checkpoints take some tenths of a second.
    while killed < kills:
        printed = killed_fit(path, generator.uniform(0.1, 1.0))
        if printed:
            assert printed == expected
            finished += 1
            path.unlink()
        else:
            killed += 1
    assert killed_fit(path, 600) == expected
    return finished + 1


def kill_once(path: Path, generator: random.Random) -> None:
    """Let a writer begin, kill it within some saves, and check what it leaves."""
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.read(1)
        time.sleep(generator.uniform(0, 0.05))
        writer.send_signal(signal.SIGKILL)
    model = cr.load(path)
    expected = cr.Sequential([cr.Input(model.layers[0].units), cr.Dense(model.layers[0].units)], seed=model.seed)
    for name, value in expected.parameters().items():
        assert value.tobytes() == model.parameters()[name].tobytes(), name


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="of processes that save")
    parser.add_argument("--fits", type=int, default=20, help="kills of processes that fit")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    kills, fits = (2000, 2000) if options.full else (options.kills, options.fits)
    generator = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        path = folder / "net.safetensors"
        orphans = 0
        for _ in range(kills):
            kill_once(path, generator)
            orphans += len(list(folder.iterdir())) - 1
            cr.load(path).save(path)
            assert [entry.name for entry in folder.iterdir()] == [path.name]
        finished = kill_fits(folder, fits, generator)
    print(f"{fits} kills of fits: {finished} fits were finished, all with the same bits")
    print(f"{kills} kills: the file was whole each time; {orphans} files of killed writers were removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
