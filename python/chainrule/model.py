"""What trains: `fit` and single steps, for models of any structure."""

import contextlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any

from chainrule import spans, validation
from chainrule.callbacks import Callback
from chainrule.data import fit_data
from chainrule.errors import ChainruleError
from chainrule.evaluation import Evaluated
from chainrule.history import History
from chainrule.hooks import CallbackList
from chainrule.judge import Judge, called, in_order, require_no_functions
from chainrule.progress import checked_verbose, make_progress
from chainrule.structure import Structure
from chainrule.training import FitLoop, FitPlace

if TYPE_CHECKING:
    from chainrule.profiling import Profile

__all__ = ["Trainable"]


class Trainable(Evaluated):
    """Base of `Sequential` and `Model`: everything but how their layers are put together."""

    def __init__(self, structure: Structure, *, seed: int, dtype: object) -> None:
        super().__init__(structure, seed=seed, dtype=dtype)
        self._lock = threading.Lock()  # held while the model trains
        self._training_thread = 0
        self._fit_place: FitPlace | None = None  # of the last fit, with this trainer
        self._fit_trainer: object = None
        self._hooks = CallbackList(())
        self.history: History | None = None
        self.stop_training = False

    def __getstate__(self) -> dict[str, Any]:
        """Return structure and parameters, for pickles and copies; what optimizers have gathered stays behind."""
        left = {"_built", "_fit_place", "_fit_trainer", "_hooks", "_lock", "_row_gradients", "_sessions", "_training_thread"}
        state = {name: value for name, value in self.__dict__.items() if name not in left}
        built = None if self._built is None else (self._built.features, self.parameters())
        return {"state": state, "built": built}

    def __setstate__(self, given: dict[str, Any]) -> None:
        """Make everything native again."""
        state = given["state"]
        Trainable.__init__(self, state["_structure"], seed=state["_seed"], dtype=state["_dtype"])
        self.__dict__.update(state)
        if given["built"] is not None:
            features, parameters = given["built"]
            self.build(*features)._ready("unpickle").network.set_parameters(parameters)

    def fit(
        self,
        x: object,
        y: object = None,
        *,
        epochs: int = 1,
        batch_size: int | None = None,
        loss: object = None,
        optimizer: object = "adam",
        metrics: object = (),
        validation_data: object = None,
        validation_split: float = 0.0,
        shuffle: bool = True,
        sample_weight: object = None,
        class_weight: Mapping[int, float] | None = None,
        loss_weights: object = None,
        callbacks: Iterable[Callback] | Callback | None = (),
        verbose: int | str = "auto",
        resume_from: "str | PathLike[str] | None" = None,
        profile: bool = False,
    ) -> History:
        """Train: minimise the mean loss over batches of rows.

        Parameters
        ----------
        x : array of shape (rows, features)
            float32, float64, integer or bool, of any strides, read-only, memory-mapped: read in place, cast batch by batch. Of
            several inputs: a list of arrays, or a dict by the inputs' names. A frame of pandas or polars with columns of numbers:
            later frames may have them in another order. Without `y`, an iterable of batches (x, y) or (x, y, sample_weight) that
            begins anew for each epoch, or a function that makes one; the next batches are fetched while a step runs.

            Or a SciPy CSR matrix or array, where the input goes to `Dense` layers only: its products cost what its entries cost,
            and it is never made dense. The bits of everything are those of a fit on ``x.toarray()``. Other sparse formats are
            converted with ``x.tocsr()``; columns out of order, or named twice in a row, are put in order in a copy.
        y : array of shape (rows,) or (rows, outputs)
            Integer class labels (rows,) for losses that take them, else values; (rows,) serves for one column. Of several outputs: a
            list or a dict of such.
        epochs : int, default 1
            Passes over the data.
        batch_size : int, optional
            Rows per step; the last step of an epoch takes what is left. Left out: 32; all rows for `LBFGS` and `LevenbergMarquardt`.
        loss : str or class or Loss or function, or a list or dict of such
            See `chainrule.losses`. Of several outputs a single one serves for all. May be left out once the model has been trained:
            then it is the last one.
        optimizer : str or class or Optimizer, default "adam"
            See `chainrule.optimizers`. The same object as in the last training, with the same loss and metrics (functions among the
            metrics aside), goes on with its state, epoch numbers included: two fits of two epochs equal one of four, bit for bit.
            Anything else starts anew.
        metrics : sequence of str or class or Metric or function, or dict of such
            See `chainrule.metrics`. Of several outputs for all, or by the outputs' names, or a list of lists in their order. Of a
            function that raises an error, which ends the fit, the history holds NaN in that epoch.
        validation_data : tuple, optional
            (x, y) or (x, y, sample_weight), evaluated after each epoch.
        validation_split : float, default 0
            Takes this last fraction of the rows for validation instead.
        shuffle : bool, default True
            Whether each epoch takes the rows in a new order.
        sample_weight : array of shape (rows,), optional
            Weights of the rows in a batch's mean loss, at least 0: sum of weight * loss over sum of weight. Metrics ignore them.
        class_weight : dict of int to float, optional
            Factors of the rows' weights by class; a class that is not named counts 1.
        loss_weights : list or dict of float, optional
            Of several outputs: factors of their losses in the sum that is minimised. Left out: 1, or those of the last training
            where `loss` is left out too.
        callbacks : sequence of Callback
            See `chainrule.callbacks`.
        verbose : {"auto", 0, 1, 2}, default "auto"
            0: silent; 1: a bar on a terminal with tqdm, else lines; 2: lines; "auto": 1.
        resume_from : path-like, optional
            A file that a `Checkpoint` of an interrupted fit, or `save`, has written: the fit takes its parameters, optimizer state,
            learning rate, history and place in the epochs, and goes on to `epochs` in all, bit for bit like the fit that was not
            interrupted. Data and all other arguments are given as before. Callbacks of the same classes get their state back;
            a `CSVLogger` goes on in its file with append=True; `on_epoch_begin` is called again for an epoch under way.
        profile : bool, default False
            Takes a profile of the fit (see `chainrule.profile`), prints it at the end unless `verbose` is 0, and keeps it as
            `history.profile`.

        Returns
        -------
        History
            Also kept as `model.history`.

        Raises
        ------
        TypeError, ValueError
            For data, names or numbers that do not fit. The model is unchanged then, but for one case: a NaN or infinity in `x` is
            found when its batch is read in the first epoch. That batch changes nothing, the steps before it have been taken.
            ValueError also where `resume_from` is of a model, optimizer or fit that differs.
        IndexError
            For a number that an `Embedding` has not, found when its batch is read as NaN is, or when the first epoch is
            validated.
        FileNotFoundError, CorruptFileError
            For a `resume_from` that is not there, or not as it was written.
        TrainingDiverged
            When the loss becomes NaN or infinite; parameters stay as before that step. See `TerminateOnNaN`.
        ChainruleError
            While another fit trains this model. With `profile`, while another profile is being taken.
        KeyboardInterrupt
            On Ctrl-C, within 100 ms; the model stays usable, `model.history` holds the epochs completed.

        Examples
        --------
        >>> import numpy as np
        >>> import chainrule as cr
        >>> x = np.random.default_rng(0).normal(size=(200, 3))
        >>> y = (x.sum(axis=1) > 0).astype(int)
        >>> model = cr.Sequential([cr.Dense(16, "relu"), cr.Dense(2)])
        >>> history = model.fit(x, y, epochs=30, loss="cross_entropy", optimizer=cr.Adam(0.01), metrics=["accuracy"],
        ...                     validation_split=0.2, verbose=0)
        >>> history.history["val_accuracy"][-1] > 0.9
        True
        """
        epochs = validation.integer(epochs, "fit", "epochs", 1)
        batch_size = None if batch_size is None else validation.integer(batch_size, "fit", "batch_size", 1)
        shuffle = validation.flag(shuffle, "fit", "shuffle")
        profile = validation.flag(profile, "fit", "profile")
        level = checked_verbose(verbose)
        hooks = CallbackList(callbacks)
        with contextlib.ExitStack() as stack:
            taken = stack.enter_context(_new_profile()) if profile else None
            self._begin_training("fit")
            stack.callback(self._lock.release)
            if spans.on_model is not None:
                spans.on_model(self)
            with self._unless_it_fails():
                terms = self._sessions.terms(loss, loss_weights, "fit")
                labelled = self._labelled(terms.losses)
                beside: dict[str, Any] = {
                    "sample_weight": sample_weight,
                    "class_weight": class_weight,
                    "validation_data": validation_data,
                    "validation_split": validation_split,
                }
                if y is None:
                    from chainrule.streams import stream_data  # few fits need it

                    data: Any = stream_data(labelled, x, batch_size=batch_size, **beside)
                else:
                    data = fit_data(labelled, x, y, **beside)
                training = data.training
                goal = self._sessions.goal("fit", terms, metrics, training.y)
                if y is None and data.validation is None:
                    require_no_functions(goal)
                choice = self._sessions.new_optimizer(optimizer)
                batch_size = choice.optimizer.batch_size(batch_size, training.rows)
                self.build(*(array.shape[1] for array in training.x))
                place = FitPlace(0, training.rows, batch_size, shuffle, data.validation is not None)
                resumed = None
                if resume_from is not None:
                    if y is None:
                        raise ValueError(
                            "fit: expected x and y as arrays with resume_from, got an iterable, whose place is in no file"
                        )
                    from chainrule import resuming  # few fits need it

                    resumed = resuming.read(resume_from, self, goal, choice, place)
                session = self._sessions.for_training(self._ready("fit"), goal, choice)
                trainer = data.bind(session.trainer, batch_size=batch_size, shuffle=shuffle)
                session = session._replace(trainer=trainer)
                self.stop_training = False
                history, first, states = History(), trainer.epoch, []
                if resumed is not None:
                    history, first, states = resumed.apply(self, session), resumed.first, resumed.callbacks
            # The optimizer's callbacks are in files with the others; they are not given the model, which they would keep alive.
            self.history, self._hooks = history, hooks.joined(session.choice.optimizer.callbacks())
            self._fit_place, self._fit_trainer = place._replace(first=first), trainer
            progress = make_progress(level, epochs, trainer.steps_per_epoch)
            try:
                hooks.start(self, {"epochs": epochs, "steps": trainer.steps_per_epoch, "verbose": verbose})
                judge = Judge(goal, partial(self._predict_rows, operation="fit"), None if y is None else training, data.validation)
                FitLoop(self, session, epochs, self._hooks, progress, history, judge, first, states).run()
            finally:
                progress.close()
                trainer.unbind()
        if taken is not None:
            history.profile = taken
            if level:
                print(taken)
        return history

    def train_on_batch(
        self,
        x: object,
        y: object,
        *,
        loss: object = None,
        optimizer: object = None,
        metrics: object = None,
        sample_weight: object = None,
        loss_weights: object = None,
    ) -> dict[str, float]:
        """Make one step on all rows of x.

        Parameters
        ----------
        x, y, sample_weight
            As for `fit`.
        loss, optimizer, metrics, loss_weights
            As for `fit`; what is left out, or is equal to what the last step had, goes on, and `loss_weights` with the loss: beside a
            `loss` they are 1 where left out. The first optimizer is "adam".

        Returns
        -------
        dict
            "loss" and the metrics, before the step.

        Raises
        ------
        TypeError, ValueError, TrainingDiverged, ChainruleError
            As for `fit`.

        Examples
        --------
        >>> import numpy as np
        >>> import chainrule as cr
        >>> model = cr.Sequential([cr.Dense(1, kernel_init="zeros")])
        >>> model.train_on_batch(np.ones((4, 2)), np.ones(4), loss="mse", optimizer=cr.SGD(0.1))
        {'loss': 1.0}
        >>> model.parameters()["0.bias"]
        array([0.2], dtype=float32)
        """
        self._begin_training("train_on_batch")
        try:
            with self._unless_it_fails():
                terms = self._sessions.terms(loss, loss_weights, "train_on_batch")
                rows = self._labelled(terms.losses).rows(x, y, sample_weight, "train_on_batch", keep_names=True)
                goal = self._sessions.goal("train_on_batch", terms, metrics, rows.y)
                choice = self._sessions.next_optimizer(optimizer)
                self.build(*(array.shape[1] for array in rows.x))
                session = self._sessions.for_training(self._ready("train_on_batch"), goal, choice)
                choice.optimizer.hand_lr(session.trainer)
                judged = called(goal, rows.values, lambda: self._predict_rows(rows.x, "train_on_batch"))
                return in_order(goal, session.trainer.train_on_batch(rows.x, rows.values, rows.weight) | judged)
        finally:
            self._lock.release()

    def _updates(self) -> int:
        """Return the number of updates of the last training."""
        return 0 if self._sessions.last is None else self._sessions.last.trainer.iterations

    def _begin_training(self, operation: str) -> None:
        if not self._lock.acquire(blocking=False):
            raise ChainruleError(f"{operation}: expected a model that nothing trains, got one that is training already")
        self._training_thread = threading.get_ident()

    @contextlib.contextmanager
    def _at_rest(self, operation: str) -> Iterator[None]:
        """Keep other threads from training meanwhile; the thread that trains, whose callbacks call this, may pass."""
        taken = self._lock.acquire(blocking=False)
        if not taken and self._training_thread != threading.get_ident():
            raise ChainruleError(f"{operation}: expected a model that no other thread trains, got one that is training")
        try:
            yield
        finally:
            if taken:
                self._lock.release()


def _new_profile() -> "Profile":
    from chainrule.profiling import Profile  # few fits need it

    return Profile()
