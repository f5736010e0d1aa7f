"""Training on an iterable of batches: rows that come from a file, a database or a simulation, never all at once.

The next batches are fetched by a thread of their own while the native step runs.
"""

import queue
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainrule import _core
from chainrule.data import Labelled, LabelledRows, Rows, held_out_rows
from chainrule.spans import span
from chainrule.targets import require_weight, weights, with_class_weight
from chainrule.validation import Array

if TYPE_CHECKING:
    from chainrule.schedule_base import Schedule

# Batches that wait for their step: one is under way while the next is made.
_AHEAD = 2

Source = Iterable[Any] | Callable[[], Iterable[Any]]


class StreamData(NamedTuple):
    """What `fit` trains on where x is an iterable of batches; `training` is the first of them."""

    training: LabelledRows
    validation: Rows | None
    batches: "Batches"

    def bind(self, trainer: Any, *, batch_size: int, shuffle: bool) -> "StreamTrainer":
        """Return a trainer that takes a step for each batch, as they come."""
        if not isinstance(trainer, _core.Trainer):
            raise ValueError(
                "fit: expected arrays, of which an optimizer of whole data makes its steps, got an iterable of batches"
            )
        return StreamTrainer(trainer, self)


def stream_data(
    labelled: Labelled,
    source: object,
    *,
    batch_size: int | None,
    sample_weight: object,
    class_weight: object,
    validation_data: object,
    validation_split: float,
) -> StreamData:
    """Look at the first batch and check the rest of what a fit on batches is given."""
    # What has a shape is data: an array, a sparse matrix, a frame.
    if (
        not (callable(source) or isinstance(source, Iterable))
        or isinstance(source, str | bytes | Mapping)
        or hasattr(source, "shape")
    ):
        got = type(source).__name__
        raise TypeError(
            f"fit: expected y, or without it x as an iterable of batches (x, y) or (x, y, sample_weight), got {got} alone"
        )
    unused = {"batch_size": batch_size, "sample_weight": sample_weight, "validation_split": validation_split or None}
    for name, given in unused.items():
        if given is not None:
            raise ValueError(
                f"fit: expected no {name} for an iterable of batches, got one: batches are as large, and weighted, as they come"
            )
    batches = Batches(labelled, source, class_weight)
    training = batches.first()
    held_out = None if validation_data is None else held_out_rows(labelled, validation_data, training)
    return StreamData(training, held_out, batches)


class Batches:
    """An iterable of batches, checked one by one, that can be begun again."""

    def __init__(self, labelled: Labelled, source: Any, class_weight: object) -> None:
        self._labelled = labelled
        self._source = source
        self._class_weight = class_weight
        self._kinds: list[tuple[bool, tuple[int, ...]]] | None = None
        self._begun: tuple[LabelledRows, Iterator[Any]] | None = None
        self.count = len(source) if isinstance(source, Sized) else 0  # in an epoch; 0: not known

    def first(self) -> LabelledRows:
        """Begin, and return the first batch, which the first epoch will see too."""
        iterator = self._iterator()
        rows = self._next(iterator, 0)
        if rows is None:
            raise ValueError("fit: expected at least one batch, got none")
        self._begun = rows, iterator
        return rows

    def epoch(self) -> Iterator[LabelledRows]:
        """Yield the batches of an epoch."""
        begun, self._begun = self._begun, None
        number = 0
        if begun is None:
            iterator = self._iterator()
        else:
            first, iterator = begun
            number = 1
            yield first
        while (rows := self._next(iterator, number)) is not None:
            number += 1
            yield rows
        if number == 0:
            raise ValueError(
                "fit: expected batches in every epoch, got none in this one; a generator can be read only once: "
                "give a list, an object that begins anew, or the function that makes the generator"
            )

    def _iterator(self) -> Iterator[Any]:
        return iter(self._source() if callable(self._source) else self._source)

    def _next(self, iterator: Iterator[Any], number: int) -> LabelledRows | None:
        batch = next(iterator, None)
        if batch is None:
            return None
        if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
            raise TypeError(
                f"fit: expected batches as (x, y) or (x, y, sample_weight), got {type(batch).__name__} as number {number}"
            )
        x, y, weight = batch if len(batch) == 3 else (*batch, None)
        name = f"batch {number}: "
        rows = self._labelled.rows(x, y, None, "fit", name, keep_names=self._kinds is None)
        own = weights(weight, "fit", f"{name}sample_weight", rows.rows)  # all may be 0: an epoch's sum is what must not be
        rows = rows._replace(weight=with_class_weight(self._class_weight, rows.y, own))
        kinds = [(one.labels, one.values.shape[1:]) for one in rows.y]
        kinds += [(False, one.shape[1:]) for one in rows.x]
        if self._kinds is None:
            self._kinds = kinds
        elif kinds != self._kinds:
            raise ValueError(f"fit: expected batches of equal widths and kinds of targets, got others in batch {number}")
        return rows


class _Ahead:
    """Iterates in a thread of its own, a few items ahead."""

    def __init__(self, items: Iterator[LabelledRows]) -> None:
        self._queue: queue.Queue[Any] = queue.Queue(_AHEAD)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._fetch, args=(items,), name="chainrule-prefetch", daemon=True)
        self._thread.start()

    def next(self) -> LabelledRows | None:
        """Return the next item; None at the end."""
        item = self._queue.get()
        if isinstance(item, BaseException):
            raise item
        rows: LabelledRows | None = item
        return rows

    def close(self) -> None:
        """Let the thread end, and wait for it; not on Ctrl-C: a source may take any time for the batch that it is at."""
        self._stopped.set()
        waits = not isinstance(sys.exc_info()[1], KeyboardInterrupt)
        while self._thread.is_alive():
            try:
                self._queue.get_nowait()
            except queue.Empty:
                if not waits:
                    return  # there is room for that batch, and the thread ends after it
                self._thread.join(0.01)

    def _fetch(self, items: Iterator[LabelledRows]) -> None:
        try:
            for item in items:
                self._queue.put(item)
                if self._stopped.is_set():
                    return
            self._queue.put(None)
        except BaseException as error:  # carried to the thread that trains
            self._queue.put(error)


class _Place(NamedTuple):
    """The place of one batch, for a schedule: how many its epoch has is not known before its end."""

    iterations: int
    epoch: int
    step: int = 0
    steps_per_epoch: int = 1


class StreamTrainer:
    """What `_core.Trainer` is for arrays: an epoch is what the iterable yields, and each batch is a step."""

    def __init__(self, native: _core.Trainer, data: StreamData) -> None:
        self._native = native
        self._batches = data.batches
        self._validation = data.validation
        self._ahead: _Ahead | None = None
        self._pending: LabelledRows | None = None
        self._history: list[dict[str, float]] = []
        self._sums: dict[str, float] = {}
        self._weight = 0.0
        self._rows = 0
        self._schedule: Schedule | None = None
        self._accumulate = 1
        self.epoch = native.epoch
        self.step = 0
        self.steps_per_epoch = data.batches.count

    @property
    def lr(self) -> float:
        """The learning rate."""
        return self._native.lr

    @lr.setter
    def lr(self, value: float) -> None:
        self._native.lr = value

    def follow(self, schedule: "Schedule", accumulate: int) -> None:
        """Take each batch's learning rate from a schedule."""
        self._schedule, self._accumulate = schedule, accumulate

    def run(self, until_epoch: int, until_step: int, seconds: float) -> str:
        """Train until an epoch, or a step of the one under way, or for about so many seconds."""
        end = time.monotonic() + seconds
        while self.epoch < until_epoch:
            if self._ahead is None:
                self._ahead = _Ahead(self._batches.epoch())
                self._pending = self._next(self._ahead)
            rows = self._pending
            assert rows is not None  # an epoch without batches is an error where it begins
            if self._schedule is not None:
                place = _Place(self._native.iterations, self.epoch)
                self._native.set_lrs(self._schedule.coming(place, self._accumulate, 1))
            self._add(self._native.train_on_batch(rows.x, rows.values, rows.weight), rows)
            self.step += 1
            self._pending = self._next(self._ahead)
            if self._pending is None:
                self._finish_epoch()
            elif until_step and self.step >= until_step:
                return "step"
            if time.monotonic() >= end:
                return "time" if self.epoch < until_epoch else "epoch"
        return "epoch"

    def _next(self, ahead: "_Ahead") -> LabelledRows | None:
        with span("Python: wait for a batch"):
            return ahead.next()

    def unbind(self) -> None:
        """Let go of the batches."""
        if self._ahead is not None:
            self._ahead.close()
        self._ahead = None

    def history(self, first: int = 0) -> Mapping[str, Array]:
        """Return the epochs from number `first` on, by name."""
        chosen = self._history[first:]
        return {name: np.array([logs[name] for logs in chosen]) for name in (chosen[0] if chosen else ())}

    def running(self) -> dict[str, float]:
        """Return the means of the epoch under way."""
        return {
            name: total / max(self._weight if name.endswith("loss") else self._rows, 1e-300) for name, total in self._sums.items()
        }

    def _add(self, logs: Mapping[str, float], rows: LabelledRows) -> None:
        weight = float(rows.rows if rows.weight is None else rows.weight.sum(dtype=float))
        for name, value in logs.items():
            self._sums[name] = self._sums.get(name, 0.0) + value * (weight if name.endswith("loss") else rows.rows)
        self._weight += weight
        self._rows += rows.rows

    def _finish_epoch(self) -> None:
        require_weight(np.array(self._weight), "fit", "sample_weight times class_weight of an epoch's batches")
        logs = self.running()
        if self._validation is not None:
            logs |= {f"val_{name}": value for name, value in self._native.evaluate(*self._validation).items()}
        self._history.append(logs)
        self.steps_per_epoch = self.step
        self.epoch += 1
        if self._schedule is not None and self._schedule.unit == "epoch":  # the next fit's schedule goes on from here
            state = self._native.state()
            state["epoch"] = self.epoch
            self._native.set_state(**state)
        self.step = 0
        self._sums, self._weight, self._rows = {}, 0.0, 0
        self.unbind()
