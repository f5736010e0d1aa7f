"""What a fit shows while it runs: nothing, plain lines, or lines under a bar.

Thousands of fast epochs print about 20 lines: one whenever another twentieth is done, and besides at most one in 10 seconds.
"""

import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from chainrule import validation

_LINES = 20
PATIENCE_SECONDS = 10.0
# How long training runs natively between two looks from Python: often enough for a bar to move smoothly where there is one. Ctrl-C
# does not wait for it.
SHOWN_SLICE_SECONDS = 0.05
_SILENT_SLICE_SECONDS = 0.2

Numbers = Mapping[str, float]


class Progress:
    """Shows nothing."""

    slice_seconds = _SILENT_SLICE_SECONDS

    def __init__(self, epochs: int, steps: int) -> None:
        self.epochs = epochs
        self.steps = steps

    def next_stop(self, done: int) -> int:
        """Return the epoch at which it wants to be called, after `done` of them."""
        return self.epochs

    def update(self, done: int, step: int, last: Numbers, running: Callable[[], Numbers]) -> None:
        """Take note of `done` epochs and `step` steps; `last` are the last epoch's numbers, `running` gives those under way."""

    def close(self) -> None:
        """Leave the terminal in order."""


class Lines(Progress):
    """Prints a line for an epoch, or for a twentieth of them."""

    slice_seconds = SHOWN_SLICE_SECONDS

    def __init__(self, epochs: int, steps: int) -> None:
        super().__init__(epochs, steps)
        self._stop = self.next_stop(0)
        self._start = self._printed = time.perf_counter()

    def next_stop(self, done: int) -> int:
        """Return the next epoch with a line."""
        return -(-self.epochs * (done * _LINES // self.epochs + 1) // _LINES)

    def update(self, done: int, step: int, last: Numbers, running: Callable[[], Numbers]) -> None:
        """Print when an epoch with a line has come, or after a long silence."""
        now = time.perf_counter()
        if step == 0 and done > 0 and (done >= self._stop or now - self._printed >= PATIENCE_SECONDS):
            self._stop = self.next_stop(done)
            self._printed = now
            width = len(str(self.epochs))
            self.write(f"epoch {done:>{width}}/{self.epochs}  {format_numbers(last)}  {now - self._start:.1f} s")

    def write(self, line: str) -> None:
        """Print one line."""
        print(line, flush=True)


class Bar(Lines):
    """A tqdm bar over all steps, and the lines above it."""

    def __init__(self, epochs: int, steps: int, tqdm: Any) -> None:
        super().__init__(epochs, steps)
        self._bar = tqdm(total=epochs * steps, unit="step", leave=False, dynamic_ncols=True)

    def update(self, done: int, step: int, last: Numbers, running: Callable[[], Numbers]) -> None:
        """Move the bar."""
        super().update(done, step, last, running)
        self._bar.set_description(f"epoch {min(done + 1, self.epochs)}/{self.epochs}", refresh=False)
        self._bar.set_postfix_str(format_numbers(running() if step > 0 else last), refresh=False)
        self._bar.update(done * self.steps + step - self._bar.n)

    def write(self, line: str) -> None:
        """Print one line above the bar."""
        self._bar.write(line)

    def close(self) -> None:
        """Remove the bar."""
        self._bar.close()


def checked_verbose(verbose: object) -> int | None:
    """Return the level that `verbose` stands for: 0, 1, 2, or None for "auto"."""
    if verbose == "auto":
        return None
    if isinstance(verbose, str):
        raise ValueError(f"fit: expected verbose as 'auto', 0, 1 or 2, got {verbose!r}")
    return int(verbose) if isinstance(verbose, bool) else validation.integer(verbose, "fit", "verbose", 0, 2)


def make_progress(level: int | None, epochs: int, steps: int) -> Progress:
    """Return silence for 0; a bar for 1 and None where there is a terminal and tqdm; else lines. Or what `watch_next_fit` asked for."""
    watcher, _here.watcher = _here.watcher, None
    if watcher is not None:
        return watcher(epochs, steps)
    if level == 0:
        return Progress(epochs, steps)
    tqdm = bar_for(level)
    return Lines(epochs, steps) if tqdm is None else Bar(epochs, steps, tqdm)


def bar_for(level: int | None) -> Any:
    """Return tqdm's class where the level allows a bar and there is a terminal and tqdm; else None."""
    if level == 2 or sys.stderr is None or not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm


def is_line(done: int, count: int) -> bool:
    """Say whether another twentieth of `count` is done with the last of `done`."""
    return done * _LINES // count > (done - 1) * _LINES // count


class _Here(threading.local):
    watcher: Callable[[int, int], Progress] | None = None


_here = _Here()


def watch_next_fit(make: Callable[[int, int], Progress] | None) -> None:
    """Let the next fit that this thread begins report to `make(epochs, steps)`, whatever its `verbose`; None takes it back."""
    _here.watcher = make


def format_numbers(numbers: Numbers) -> str:
    """Return names and values with four digits, in one line."""
    return "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())
