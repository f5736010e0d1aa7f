"""Schedules: torch's numbers, stored; where a fit is in its schedule; plateaus; what is refused."""

import sys

import numpy as np
import pytest
import trajectories

import chainrule as cr
from chainrule import optimizer_base, schedules

STORED = np.load(trajectories.DATA / "schedules.npz")


@pytest.mark.parametrize("name", trajectories.SCHEDULES)
def test_stored_rates(name):
    schedule = trajectories.SCHEDULES[name][0]()
    np.testing.assert_allclose(schedule.at(np.arange(100)), STORED[name], rtol=1e-13, atol=1e-17)
    assert schedule(37) == schedule.at(np.arange(100))[37]


def test_cosine_is_accurate():
    t = np.linspace(0, 1, 1001)
    np.testing.assert_allclose(schedules._cosine(t), np.cos(np.pi * t), rtol=0, atol=4e-16)


def test_after_the_end():
    assert schedules.cosine(0.1, 10, least=0.02)(10) == schedules.cosine(0.1, 10, least=0.02)(10**12) == 0.02
    one = schedules.one_cycle(0.1, 10)
    assert one(9) == one(10**6) == pytest.approx(0.1 / 25 / 1e4)
    assert schedules.exponential(0.1, 0.5)(10**6) == 0.0
    assert schedules.warmup(0.1, 4, start=0.5).at(np.array([0, 2, 4, 9])).tolist() == [0.05, 0.1 * 0.75, 0.1, 0.1]


@pytest.mark.parametrize("pct_start", [0.0, 0.05, 1.0])
def test_one_cycle_of_few_steps(pct_start):
    values = schedules.one_cycle(0.1, 10, pct_start).at(np.arange(12))
    assert np.isfinite(values).all()
    assert values.max() == 0.1


def slide(optimizer, rows=6, epochs=5, batch_size=2, model=None, **more):
    """Train a bias whose gradient is 1, always: it ends at minus the sum of the learning rates of all updates."""
    model = model or cr.Sequential([cr.Dense(1, kernel_init="zeros")], dtype="float64")
    model.fit(
        np.zeros((rows, 1)),
        np.full(rows, -1e9),
        epochs=epochs,
        batch_size=batch_size,
        loss="mae",
        optimizer=optimizer,
        verbose=0,
        **more,
    )
    return model, -float(model.parameters()["0.bias"][0])


def test_steps_and_epochs():
    for_step = schedules.exponential(0.1, 0.9)
    assert slide(cr.SGD(for_step))[1] == pytest.approx(for_step.at(np.arange(15)).sum(), rel=1e-13)
    for_epoch = schedules.exponential(0.1, 0.9, unit="epoch")
    assert slide(cr.SGD(for_epoch))[1] == pytest.approx(3 * for_epoch.at(np.arange(5)).sum(), rel=1e-13)


def test_updates_are_counted_where_batches_accumulate():
    schedule = schedules.exponential(0.1, 0.9)
    assert slide(cr.SGD(schedule, accumulate=2))[1] == pytest.approx(schedule.at(np.arange(7)).sum(), rel=1e-13)
    of_epochs = schedules.exponential(0.1, 0.9, unit="epoch")
    ends = [1, 3, 5, 7, 9, 11, 13]  # of 15 batches, three in an epoch
    expected = sum(of_epochs(batch // 3) for batch in ends)
    assert slide(cr.SGD(of_epochs, accumulate=2))[1] == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("unit", ["step", "epoch"])
def test_a_fit_goes_on_in_the_schedule(unit):
    schedule = schedules.cosine(0.1, 12, unit=unit)
    whole = slide(cr.SGD(schedule), epochs=6)[1]
    optimizer = cr.SGD(schedule)
    model, _ = slide(optimizer, epochs=2)
    assert slide(optimizer, epochs=4, model=model)[1] == whole
    model, _ = slide(cr.SGD(schedule), epochs=2)
    assert slide(cr.SGD(schedule), epochs=4, model=model)[1] != whole  # another object begins anew


def test_callbacks_and_slices_do_not_matter(monkeypatch):
    schedule = schedules.cosine(0.1, 200)
    expected = slide(cr.SGD(schedule), epochs=60)[1]
    for on in ("on_epoch_end", "on_train_batch_end"):
        assert slide(cr.SGD(schedule), epochs=60, callbacks=[cr.LambdaCallback(**{on: lambda *_: None})])[1] == expected
    monkeypatch.setattr(optimizer_base, "_MOST_AHEAD", 7)
    assert slide(cr.SGD(schedule), epochs=60)[1] == expected


def test_more_batches_than_are_handed_over_at_once():
    epochs = optimizer_base._MOST_AHEAD + 1000
    schedule = schedules.cosine(0.1, epochs)
    expected = np.cumsum(schedule.at(np.arange(epochs)))[-1]
    assert slide(cr.SGD(schedule), epochs=epochs, batch_size=6)[1] == pytest.approx(expected, rel=1e-11)


def test_train_on_batch():
    schedule = schedules.step(0.1, every=2)
    model, optimizer = cr.Sequential([cr.Dense(1, kernel_init="zeros")], dtype="float64"), cr.SGD(schedule)
    for _ in range(5):
        model.train_on_batch(np.zeros((2, 1)), np.full(2, -1e9), loss="mae", optimizer=optimizer)
    assert model.parameters()["0.bias"][0] == pytest.approx(-(0.2 + 0.02 + 0.001), rel=1e-13)


def test_the_rate_may_become_a_schedule_and_a_number_again():
    optimizer = cr.SGD(0.1)
    model, one = slide(optimizer, epochs=1)
    optimizer.lr = schedules.constant(1.0)
    model, two = slide(optimizer, epochs=1, model=model)
    optimizer.lr = 0.5
    _, three = slide(optimizer, epochs=1, model=model)
    np.testing.assert_allclose([one, two, three], [0.3, 3.3, 4.8], rtol=1e-13)


def stuck(optimizer, epochs, model=None, **more):
    """Train on a loss that never falls: the gradient is 0."""
    model = model or cr.Sequential([cr.Dense(1, kernel_init="zeros")])
    model.fit(np.zeros((4, 1)), np.zeros(4), epochs=epochs, loss="mse", optimizer=optimizer, verbose=0, **more)
    return model


def test_plateau():
    schedule = schedules.plateau(1.0, factor=0.5, patience=2)
    optimizer = cr.SGD(schedule)
    model = stuck(optimizer, 3)
    assert schedule(0) == 0.5
    stuck(optimizer, 2, model)  # it remembers that the loss stood still
    assert schedule(0) == 0.25
    stuck(cr.SGD(schedule), 2)  # another model begins anew
    assert schedule(0) == 1.0


def test_plateau_is_what_the_callback_does():
    seen = []

    class Watch(cr.Callback):
        def on_epoch_end(self, epoch, logs=None):
            lr = self.model.optimizer.lr
            seen.append(lr if isinstance(lr, float) else lr(0))

    more = {"patience": 2, "cooldown": 1, "factor": 0.5}
    validation = (np.zeros((2, 1)), np.ones(2))
    stuck(cr.SGD(1.0), 9, validation_data=validation, callbacks=[cr.ReduceLROnPlateau(**more), Watch()])
    by_callback = seen.copy()
    seen.clear()
    stuck(cr.SGD(schedules.plateau(1.0, **more)), 9, validation_data=validation, callbacks=[Watch()])
    assert by_callback[-1] < 1
    assert [1.0, *by_callback[:-1]] == seen  # the schedule's own watch comes after the caller's


def test_plateau_watches_what_it_is_told():
    schedule = schedules.plateau(1.0, patience=1, monitor="mae", mode="max", least=0.3)
    stuck(cr.SGD(schedule), 4, metrics=["mae"])
    assert schedule(0) == 0.3
    with pytest.raises(ValueError, match="expected monitor to be one of"):
        stuck(cr.SGD(schedules.plateau(1.0, monitor="val_loss")), 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.cosine(-1, 10), "cosine: expected lr"),
        (lambda: schedules.cosine(0.1, 0), "cosine: expected steps as an integer of at least 1, got 0"),
        (lambda: schedules.cosine(0.1, 10, unit="batch"), "cosine: expected unit 'step' or 'epoch', got 'batch'"),
        (lambda: schedules.step(0.1, 0), "step: expected every"),
        (lambda: schedules.exponential(0.1, 0), "exponential: expected factor"),
        (lambda: schedules.one_cycle(0.1, 1), "one_cycle: expected steps"),
        (lambda: schedules.one_cycle(0.1, 10, anneal="exp"), "one_cycle: expected anneal 'cos' or 'linear', got 'exp'"),
        (lambda: schedules.warmup(schedules.plateau(0.1), 5), "warmup: expected after .* got a plateau"),
        (lambda: schedules.warmup(schedules.cosine(0.1, 5), 5, unit="epoch"), "warmup: expected the unit of what follows, 'step', got 'epoch'"),
        (lambda: schedules.plateau(0.1, factor=2), "factor"),
        (lambda: schedules.cosine(0.1, 5)(-1), "Cosine: expected t as an integer of at least 0, got -1"),
        (lambda: stuck(cr.SGD(schedules.constant(0.1)), 20, callbacks=[cr.ReduceLROnPlateau("loss", patience=1)]),
         "ReduceLROnPlateau: expected a learning rate that is a number, got the schedule constant"),
    ],
)  # fmt: skip
def test_refusals(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_plot(tmp_path, monkeypatch):
    path = tmp_path / "schedule.png"
    figure = schedules.warmup(schedules.one_cycle(0.1, 90, unit="epoch"), 10).plot(path)
    line = figure.axes[0].lines[0]
    assert path.stat().st_size > 1000
    assert len(line.get_xdata()) == 101
    assert line.get_ydata().max() == 0.1
    assert figure.axes[0].get_xlabel() == "epoch"
    assert len(schedules.cosine(0.1, 10).plot(steps=5).axes[0].lines[0].get_xdata()) == 5
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"Schedule.plot: expected matplotlib to be installed; pip install 'chainrule\[plot\]'"):
        schedules.constant(0.1).plot()


def test_descriptions():
    assert repr(schedules.warmup(0.1, 5, start=0)) == "warmup(after=constant(lr=0.1), steps=5, start=0.0, unit='step')"
    assert schedules.cosine(0.1, 5) == schedules.cosine(0.1, 5)
    assert repr(schedules.plateau(0.1)).startswith("plateau(lr=0.1, factor=0.1, patience=10, monitor=None")
