"""Many models trained side by side: as many at once as there are cores, one thread each, in one process.

Small nets cannot feed two threads, and processes cost their start, a copy of the data and of the libraries for each. Native training
releases the GIL, so Python's own threads will do; the bits of a fit do not depend on its number of threads, so nothing changes in them.
"""

import copy
import functools
import inspect
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from chainrule import _core
from chainrule.callbacks import Callback
from chainrule.history import History
from chainrule.optimizers import Optimizer
from chainrule.progress import (
    PATIENCE_SECONDS,
    SHOWN_SLICE_SECONDS,
    Numbers,
    Progress,
    bar_for,
    checked_verbose,
    format_numbers,
    is_line,
    watch_next_fit,
)

if TYPE_CHECKING:
    from chainrule.model import Trainable

__all__ = ["fit_many"]


def fit_many(
    models: "Iterable[Trainable]",
    x: object = None,
    y: object = None,
    *,
    settings: Sequence[Mapping[str, Any]] | None = None,
    callbacks: Callable[[int], Iterable[Callback] | Callback] | None = None,
    verbose: int | str = "auto",
    **options: Any,
) -> list[History]:
    """Train independent models side by side, each as its own `fit` would train it, bit for bit.

    As many models train at once as there are threads (`get_num_threads`), with one thread each; when fewer models are left than
    threads, these share the threads out.

    Parameters
    ----------
    models : sequence of models
        Each object once.
    x, y : array, or list of one array for each model
        Data for all models, which read the same memory, or a list of each one's own: folds. Anything else that `fit` takes, lists of
        other things than arrays among them, is data for all; so is a list for models of several inputs (x) or outputs (y).
    settings : sequence of dict, optional
        For each model the arguments of `fit` that are its own, "x" and "y" among them; they come before those for all.
    callbacks : function, optional
        Called with the number of a model, from 0, it returns that model's callbacks: they remember, so models do not share them.
    verbose : {"auto", 0, 1, 2}, default "auto"
        0: silent; 1: one bar for all models on a terminal with tqdm, else lines; 2: lines; "auto": 1.
    **options
        All other arguments of `fit`, for all models. An `optimizer` object is copied for each model; one in `settings` is used
        itself, so that another `fit` with it goes on with its state.

    Returns
    -------
    list of History
        One for each model, in their order.

    Raises
    ------
    TypeError, ValueError
        For arguments that `fit` does not take, a wrong number of them, models, optimizers or callbacks given twice: before anything
        is trained.
    Exception
        The first that a model's `fit` raises, with the model's number in its text, once the others have stopped. All models stay
        usable, and keep the epochs that they completed in `model.history`. With `TerminateOnNaN` among its callbacks, a model that
        diverges ends alone.
    KeyboardInterrupt
        On Ctrl-C, within 100 ms.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as cr
    >>> x = np.random.default_rng(0).normal(size=(90, 3))
    >>> y = x.sum(axis=1)
    >>> models = [cr.Sequential([cr.Dense(8, "tanh"), cr.Dense(1)], seed=seed) for seed in range(3)]
    >>> folds = [{"x": x[i::3], "y": y[i::3], "optimizer": cr.Adam(lr)} for i, lr in enumerate([0.1, 0.01, 0.001])]
    >>> histories = cr.fit_many(models, settings=folds, epochs=50, loss="mse", verbose=0)
    >>> [len(history) for history in histories]
    [50, 50, 50]
    """
    level = checked_verbose(verbose)
    all_models = _checked_models(models)
    calls = _calls(all_models, {"x": x, "y": y, **options}, settings)
    if callbacks is not None:
        _add_callbacks(calls, callbacks)
    _check_arguments(all_models, calls)
    return _Crew(all_models, calls, _make_display(level, len(all_models))).run()


def _checked_models(models: "Iterable[Trainable]") -> "list[Trainable]":
    if not isinstance(models, Iterable):
        raise TypeError(f"fit_many: expected a sequence of models, got {type(models).__name__}")
    checked = list(models)
    if not checked:
        raise ValueError("fit_many: expected at least one model, got none")
    for index, model in enumerate(checked):
        if isinstance(model, type) or not callable(getattr(model, "fit", None)):
            raise TypeError(f"fit_many: expected models, got {model!r} as number {index}")
    _require_own("model", checked)
    return checked


def _require_own(what: str, objects: Sequence[object]) -> None:
    """Raise ValueError where two models have the same object; None is no object."""
    first: dict[int, int] = {}
    for index, one in enumerate(objects):
        if one is not None and first.setdefault(id(one), index) != index:
            raise ValueError(
                f"fit_many: expected each {what} object once, got the same one for models {first[id(one)]} and {index}"
            )


def _calls(
    models: "Sequence[Trainable]", common: Mapping[str, Any], settings: Sequence[Mapping[str, Any]] | None
) -> list[dict[str, Any]]:
    """Return the arguments of each model's `fit`."""
    count = len(models)
    own: Sequence[Mapping[str, Any]] = [{}] * count if settings is None else _checked_settings(settings, count)
    columns = {name: _by_model(name, value, models) for name, value in common.items() if value is not None}
    calls = []
    for index in range(count):
        call = {name: values[index] for name, values in columns.items()}
        if isinstance(call.get("optimizer"), Optimizer):
            call["optimizer"] = copy.deepcopy(call["optimizer"])
        calls.append({**call, **own[index], "verbose": 0})
    optimizers = [call["optimizer"] if isinstance(call.get("optimizer"), Optimizer) else None for call in calls]
    _require_own("optimizer", optimizers)
    schedules = [None if one is None or isinstance(one.lr, float) else one.lr for one in optimizers]
    _require_own("iterator", [call["x"] if hasattr(call.get("x"), "__next__") else None for call in calls])  # is read only once
    _require_own("plateau", [one if one is not None and one.callbacks() else None for one in schedules])  # others remember nothing
    return calls


def _checked_settings(settings: object, count: int) -> list[Mapping[str, Any]]:
    if isinstance(settings, Mapping) or not isinstance(settings, Iterable):
        raise TypeError(f"fit_many: expected settings as a sequence of one dict for each model, got {type(settings).__name__}")
    checked = list(settings)
    if len(checked) != count:
        raise ValueError(f"fit_many: expected settings for {count} models, got {len(checked)}")
    for index, one in enumerate(checked):
        if not isinstance(one, Mapping):
            raise TypeError(f"fit_many: expected settings as dicts, got {one!r} for model {index}")
        if "verbose" in one:
            raise TypeError(f"fit_many: expected one verbose for all models, got one in the settings of model {index}")
    return checked


def _by_model(name: str, value: object, models: "Sequence[Trainable]") -> Sequence[object]:
    """Return a value for each model: those of a list of arrays given as x or y, else the same for all."""
    count = len(models)
    arrays = isinstance(value, list) and all(getattr(one, "shape", ()) for one in value)
    names = {"x": "input_names", "y": "output_names"}.get(name)
    if not arrays or names is None or any(len(getattr(model, names, ())) > 1 for model in models):
        return [value] * count
    assert isinstance(value, list)
    if len(value) != count:
        raise ValueError(
            f"fit_many: expected {name} as an array, or as a list of {count} arrays, one for each model, got {len(value)}"
        )
    return value


def _add_callbacks(calls: list[dict[str, Any]], make: object) -> None:
    if not callable(make):
        raise TypeError(
            "fit_many: expected callbacks as a function from a model's number to its callbacks, such as "
            f"lambda i: cr.EarlyStopping(), got {make!r}"
        )
    for index, call in enumerate(calls):
        if "callbacks" in call:
            raise TypeError(f"fit_many: expected callbacks either for all or in the settings, got both for model {index}")
        call["callbacks"] = make(index)


def _check_arguments(models: "Sequence[Trainable]", calls: Sequence[Mapping[str, Any]]) -> None:
    """Raise TypeError where a model's `fit` does not take its arguments."""
    signature = functools.lru_cache(inspect.signature)  # takes as long as a small fit
    for index, (model, call) in enumerate(zip(models, calls, strict=True)):
        if call.get("profile"):
            raise TypeError("fit_many: expected no profile of a single model, got one; take one of all: with cr.profile() as prof")
        try:
            signature(type(model).fit).bind(model, **call)
        except TypeError as error:
            raise TypeError(f"fit_many: model {index}: fit: {error}") from None


class _Stopped(BaseException):
    """Ends a model's fit because that of another has failed, or on Ctrl-C."""


class _Display:
    """Shows nothing."""

    # How long to wait between two looks; None: until a model is done.
    seconds: float | None = None

    def __init__(self, count: int) -> None:
        self.count = count

    def update(self, done: int, work: float, last: tuple[int, Numbers] | None) -> None:
        """Show `done` models, `work` of all as a number of models, and at a twentieth the model done last with its numbers."""

    def close(self) -> None:
        """Leave the terminal in order."""


class _Lines(_Display):
    """Prints about 20 lines, one when another twentieth of the models is done, and besides one in 10 seconds."""

    seconds = 1.0

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self._start = self._printed = time.perf_counter()

    def update(self, done: int, work: float, last: tuple[int, Numbers] | None) -> None:
        now = time.perf_counter()
        if last is None and now - self._printed < PATIENCE_SECONDS:
            return
        self._printed = now
        model = "" if last is None else f"  model {last[0]}: {format_numbers(last[1])}"
        print(f"{done}/{self.count} models, {work / self.count:.0%} of the work{model}  {now - self._start:.1f} s", flush=True)


class _Bar(_Display):
    """A tqdm bar over the work of all models."""

    seconds = 0.1

    def __init__(self, count: int, tqdm: Any) -> None:
        super().__init__(count)
        style = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
        self._bar = tqdm(total=count, desc=f"0/{count} models", bar_format=style, leave=False, dynamic_ncols=True)

    def update(self, done: int, work: float, last: tuple[int, Numbers] | None) -> None:
        self._bar.set_description_str(f"{done}/{self.count} models", refresh=False)
        if last is not None:
            self._bar.set_postfix_str(f"model {last[0]}: {format_numbers(last[1])}", refresh=False)
        self._bar.update(work - self._bar.n)

    def close(self) -> None:
        self._bar.close()


def _make_display(level: int | None, count: int) -> _Display:
    if level == 0:
        return _Display(count)
    tqdm = bar_for(level)
    return _Lines(count) if tqdm is None else _Bar(count, tqdm)


class _Crew:
    """Threads that take models one after the other, and the thread that watches them."""

    def __init__(self, models: "Sequence[Trainable]", calls: Sequence[Mapping[str, Any]], display: _Display) -> None:
        self._models = models
        self._calls = calls
        self._display = display
        self._cores = _core.get_num_threads()
        self._lock = threading.Lock()
        self._next = 0  # the first model that nobody has taken
        self._left = len(models)  # models that are not done
        self._news: SimpleQueue[tuple[int, int, BaseException | None]] = SimpleQueue()
        self._histories: dict[int, History] = {}
        self._parts: dict[int, float] = {}  # of the models that are training: what is done of each, from 0 to 1
        self.stopped = False

    def share(self) -> int:
        """Return the threads that fall to one model now."""
        return max(self._cores // max(self._left, 1), 1)

    def report(self, index: int, part: float) -> None:
        """Take note of what is done of a model."""
        with self._lock:
            self._parts[index] = part

    def run(self) -> list[History]:
        """Train all; return the histories, or raise the first error."""
        count = len(self._models)
        threads = [threading.Thread(target=self._train, name=f"fit_many {i}") for i in range(min(self._cores, count))]
        try:
            for thread in threads:
                thread.start()
            done = 0
            while done < count:
                done, index, error = self._wait()
                if error is not None:
                    raise _with_number(error, index)
                self._show((index, self._histories[index].last()))
        finally:
            self.stopped = True
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
            self._display.close()
        return [self._histories[index] for index in range(count)]

    def _wait(self) -> tuple[int, int, BaseException | None]:
        """Return how many are done, the one done last and what it failed with, when another twentieth of them is done or one has failed."""
        while True:
            try:
                return self._news.get(timeout=self._display.seconds)
            except Empty:
                self._show(None)

    def _show(self, last: tuple[int, Numbers] | None) -> None:
        with self._lock:
            done = len(self._models) - self._left
            work = done + sum(self._parts.values())
        self._display.update(done, work, last)

    def _train(self) -> None:
        """Train one model after the other: what each thread does."""
        while (index := self._take()) is not None:
            error: BaseException | None = None
            try:
                _core.limit_caller(self.share())
                watch_next_fit(functools.partial(_Watcher, self, index))
                self._histories[index] = self._models[index].fit(**self._calls[index])
            except _Stopped:
                return
            except BaseException as failure:
                self.stopped = True
                error = failure
            with self._lock:
                self._left -= 1
                self._parts.pop(index, None)
                done = len(self._models) - self._left
            # The thread that waits would want Python's lock: it is not woken for each of many small models.
            if error is not None or is_line(done, len(self._models)):
                self._news.put((done, index, error))

    def _take(self) -> int | None:
        with self._lock:
            if self.stopped or self._next == len(self._models):
                return None
            self._next += 1
            return self._next - 1


class _Watcher(Progress):
    """Takes note of one model's progress, stops it, and gives it more threads when others are done."""

    slice_seconds = SHOWN_SLICE_SECONDS

    def __init__(self, crew: _Crew, index: int, epochs: int, steps: int) -> None:
        super().__init__(epochs, steps)
        self._crew = crew
        self._index = index

    def update(self, done: int, step: int, last: Numbers, running: Callable[[], Numbers]) -> None:
        """Look at what the others do."""
        if self._crew.stopped:
            raise _Stopped
        of_epoch = step / self.steps if self.steps else 0.0  # of a stream in its first epoch nobody knows
        self._crew.report(self._index, min((done + of_epoch) / self.epochs, 1.0))
        _core.limit_caller(self._crew.share())


def _with_number(error: BaseException, index: int) -> BaseException:
    """Say in the error's text which model it is about, where it is an error with a text."""
    where = f"fit_many: model {index}"
    if isinstance(error, Exception):
        if not error.args:
            error.args = (where,)
        elif len(error.args) == 1 and isinstance(error.args[0], str):
            error.args = (f"{where}: {error.args[0]}",)
        elif hasattr(error, "add_note"):  # Python 3.11
            error.add_note(where)
    return error
