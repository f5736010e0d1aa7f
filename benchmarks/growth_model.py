"""A model of a training step: from counts of work and this machine's measured rates to a time, and to an amount of memory.

    time = sum over terms of constant * ideal seconds,    memory = sum over terms of constant * bytes

A term's ideal seconds are exact counts (FLOP of the padded products, parameters, bytes that one thread has from another, kernel calls,
barriers) over measured rates (peak, update of a parameter in the first-level cache and at that working set, exchange between threads,
cost of a barrier). The few constants are fitted to all curves at once, so that relative errors are least; none may be negative. Where
all was as the counts say, those of products, update and exchange would be 1.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .padding import padded
from .workloads import Workload

# Of the plan: the rows of a block of rows; the rows and columns of a tile of parameters.
BLOCK_ROWS, PARAMETER_ROWS, PARAMETER_COLUMNS = 256, 64, 32
# Of the plan's own estimate of a team (cpp/plan/team_cost.cpp): the part of the peak that products reach, FLOP for each array of an
# update, seconds for each member, bytes a second of what another thread has written, what makes a team worth it, and the rows below
# which a thread is not faster.
PRODUCTS, UPDATE_FLOPS, MEMBER, SHARED_BANDWIDTH, BETTER, FEW_ROWS = 0.85, 12, 0.4e-6, 25e9, 0.95, 4
WITHIN = 0.2

Terms = dict[str, float]
Curve = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Rates:
    """What machine.peaks and machine.updates measured, for any number of threads."""

    peaks: Mapping[str, Any]

    def beside(self, team: Mapping[str, Any]) -> "Rates":
        """Return these with what threads paid for one another at another time: see machine.team."""
        return Rates({**self.peaks, **{name: {**self.peaks[name], **found} for name, found in team.items()}})

    def _known(self, threads: int) -> int:
        """Return the measured number of threads that is nearest from above, or the most."""
        measured = [int(n) for n in self.peaks["triad"]]
        return min((n for n in measured if n >= threads), default=max(measured))

    def flops(self) -> float:
        """Of one thread where all are busy, in FLOP/s."""
        most = self._known(1 << 30)
        return float(self.peaks["gflops"]["f32"][str(most)]) / most * 1e9

    def bandwidth(self, size: float, threads: int) -> float:
        """Bytes per second for a working set of `size` bytes that the threads share.

        For more threads than were measured: as many shares of what one thread has when all measured ones work, at its part of the size.
        """
        known = self._known(threads)
        return _at(self.peaks["triad"][str(known)], size * known / threads) * 1e9 * threads / known

    def update(self, optimizer: str) -> float:
        """Seconds of a parameter's update where nothing is far."""
        return float(min(ns for _, ns in self.peaks["update"][optimizer]["1"])) * 1e-9

    def stall(self, optimizer: str, size: float, threads: int) -> float:
        """Seconds for which a parameter's update waits for memory, of one thread: what its latency costs, others have too.

        Each core that was not measured brings caches of its own.
        """
        size *= min(1.0, self._known(threads) / threads)
        return _at(self.peaks["update"][optimizer]["1"], size) * 1e-9 - self.update(optimizer)

    def exchange(self, size: float, threads: int) -> float:
        """Bytes per second that each thread reads of `size` bytes, of which each has written its share."""
        known = self._known(threads)
        return _at(self.peaks["exchange"][str(known)], size * known / threads) * 1e9 / known

    def barrier(self, threads: int) -> float:
        """Seconds; beyond what was measured in proportion to the threads, which reach one counter one after the other."""
        if threads == 1:
            return 0.0
        known = self._known(threads)
        return float(self.peaks["barrier_ns"][str(known)]) * 1e-9 * threads / known


def _at(curve: Curve, size: float) -> float:
    """Return the rate at a size, between what was measured on logarithmic axes."""
    sizes, rates = zip(*curve, strict=True)
    return math.exp(float(np.interp(math.log(max(size, 1.0)), np.log(sizes), np.log(rates))))


def _layers(workload: Workload) -> list[tuple[int, int]]:
    return list(zip(workload.widths, workload.widths[1:], strict=False))


def chosen_threads(workload: Workload, most: int, rates: Rates) -> int:
    """Return how many of `most` threads the plan gives a step."""
    moments = 2 if workload.optimizer == "adam" else 0
    rate = PRODUCTS * rates.flops()
    gradients = 2 * workload.batch * workload.parameters
    rows_alone = (workload.flops - gradients) / workload.batch / rate
    tiles = (gradients + UPDATE_FLOPS * (2 + moments) * workload.parameters) / rate
    copies = sum(n_in * n_out for n_in, n_out in _layers(workload)[1:])
    batch = workload.batch * sum(n_in + n_out for n_in, n_out in _layers(workload))
    # Of a batch of one row, only one thread reads the parameters.
    shared = 4 * ((workload.parameters + copies) / (3 if workload.batch == 1 else 1) + batch) / SHARED_BANDWIDTH

    def seconds(threads: int) -> float:
        rows = max(math.ceil(workload.batch / threads), FEW_ROWS) * rows_alone
        return rows + tiles / threads + (threads * MEMBER if threads > 1 else 0) + shared * (threads - 1) / threads

    best = min(range(1, most + 1), key=seconds)
    return best if seconds(best) < BETTER * seconds(1) else 1


def teams(workload: Workload, most: int, rates: Rates) -> list[int]:
    """Return the teams that a run tries, to keep the fastest: the plan's, half of it, a quarter, ... 1."""
    found = [chosen_threads(workload, most, rates)]
    while found[-1] > 1:
        found.append(found[-1] // 2)
    return found


def time_terms(workload: Workload, threads: int, rates: Rates) -> Terms:
    """Ideal seconds of each kind of work, for the thread that has most of it."""
    layers = _layers(workload)
    rows = math.ceil(workload.batch / threads)
    tiles = sum(math.ceil(n_in / PARAMETER_ROWS) * math.ceil(n_out / PARAMETER_COLUMNS) for n_in, n_out in layers)
    share = math.ceil(tiles / threads) / tiles
    forward = sum(n_in * padded(n_out) for n_in, n_out in layers)
    backward = sum(n_out * padded(n_in) for n_in, n_out in layers[1:])
    parameters = sum((n_in + 1) * padded(n_out) for n_in, n_out in layers)
    state_bytes = 4 * parameters * (3 if workload.optimizer == "adam" else 1) + 4 * backward
    row_products = 2 * (forward + backward) * rows / rates.flops()
    weights, values = _exchange(workload, threads, rates, 4 * (forward + backward))
    return {
        "products": row_products + 2 * forward * workload.batch * share / rates.flops(),
        "update": parameters * share * rates.update(workload.optimizer),
        "stalls": parameters * share * rates.stall(workload.optimizer, state_bytes, threads),
        "gather": 4 * rows * workload.widths[0] * threads / rates.bandwidth(4 * workload.rows * workload.widths[0], threads),
        "exchanged weights": weights,
        # Products of many rows give the processor time to fetch the next lines; few rows wait for them.
        "exchanged weights beyond products": max(0.0, weights - row_products),
        "exchanged values": values,
        "waiting": 2 * rates.barrier(threads),
        "calls, ns": (4 * len(layers) * math.ceil(rows / BLOCK_ROWS) + 2 * tiles * share) * 1e-9,
        "rows, ns": rows * 1e-9,
        "step, ns": 1e-9,
    }


def _exchange(workload: Workload, threads: int, rates: Rates, weights: float) -> tuple[float, float]:
    """Seconds to read what other threads wrote: weights, after they updated them; values and gradients of rows, after they made them."""
    if threads == 1:
        return 0.0, 0.0
    others = (threads - 1) / threads
    values = 4 * workload.batch * (padded(workload.widths[0]) + sum(2 * padded(width) for width in workload.widths[1:]))
    # A single row is one thread's: it reads alone.
    alone = 1 / threads if workload.batch == 1 else 1.0
    return weights * others * alone / rates.exchange(weights, threads), values * others / rates.exchange(values, threads)


def memory_terms(workload: Workload) -> Terms:
    """Bytes of what a training allocates."""
    layers = _layers(workload)
    copies = 3 if workload.optimizer == "adam" else 1
    forward = sum((n_in + 1) * padded(n_out) for n_in, n_out in layers)
    backward = sum(n_out * padded(n_in) for n_in, n_out in layers[1:])
    values = padded(workload.widths[0]) + sum(2 * padded(width) for width in workload.widths[1:])
    return {
        "parameters": 4.0 * (copies * forward + backward),
        "workspace": 4.0 * workload.batch * values,
        "largest parameter": 4.0 * max(a * b for a, b in layers),
        "rows": 8.0 * workload.rows,
        "constant": float(1 << 20),
    }


def fit(terms: Sequence[Terms], measured: Sequence[float]) -> Terms:
    """Return the constants, none negative, for which the relative errors' squares are least.

    A term that is zero everywhere gets zero.
    """
    from scipy.optimize import nnls

    if len(terms) != len(measured) or not terms:
        raise ValueError(f"fit: expected as many terms as measurements, got {len(terms)} and {len(measured)}")
    names = list(terms[0])
    matrix = np.array([[term[name] for name in names] for term in terms]) / np.asarray(measured)[:, None]
    # Columns of like size: seconds of a barrier and of a product differ by many orders.
    scale = np.maximum(matrix.max(axis=0), 1e-300)
    constants, _ = nnls(matrix / scale, np.ones(len(terms)))
    return {name: float(constant) for name, constant in zip(names, constants / scale, strict=True)}


def predict(constants: Terms, terms: Terms) -> float:
    return sum(constants[name] * value for name, value in terms.items())


def within(predicted: Sequence[float], measured: Sequence[float], limit: float = WITHIN) -> float:
    """Return the part of the predictions that is off by at most the limit."""
    good = [abs(p / m - 1) <= limit for p, m in zip(predicted, measured, strict=True)]
    return sum(good) / len(good)
