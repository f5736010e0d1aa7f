"""What a long run says while it goes on: how long it should take, what it measures, and how far it is."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Progress:
    """Counts estimated seconds, so that long measurements move it further than short ones: tqdm's bar on a terminal, else lines."""

    def __init__(self, total: float, bar: Any) -> None:
        self._total, self._done, self._bar = total, 0.0, bar
        self._start = time.monotonic()

    def begin(self, what: str) -> None:
        if self._bar is not None:
            self._bar.set_description_str(what)
        else:
            say(f"[{_clock(time.monotonic() - self._start)} of about {_clock(self._total)}] {what}")

    def say(self, text: str) -> None:
        self._bar.write(text, file=sys.stderr) if self._bar is not None else say(text)

    def end(self, seconds: float) -> None:
        """Count a measurement that was estimated to take `seconds`."""
        self._done += seconds
        if self._bar is not None:
            self._bar.update(seconds)

    def expect(self, left: float) -> None:
        """Replace the estimate of what is left by a better one."""
        self._total = self._done + left
        if self._bar is not None:
            self._bar.total = self._total
            self._bar.refresh()


@contextmanager
def progress(seconds: float) -> Iterator[Progress]:
    say(f"about {_clock(seconds)} (minutes:seconds) to measure; interrupt it when you like, the same command goes on")
    bar = _tqdm(seconds) if sys.stderr.isatty() else None
    try:
        yield Progress(seconds, bar)
    finally:
        if bar is not None:
            bar.close()


def _tqdm(seconds: float) -> Any:
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    style = "{percentage:3.0f}%|{bar}| {elapsed}, {remaining} left: {desc}"
    return tqdm(total=max(seconds, 1e-3), bar_format=style, leave=False, dynamic_ncols=True)


def _clock(seconds: float) -> str:
    return f"{round(seconds) // 60}:{round(seconds) % 60:02d}"
