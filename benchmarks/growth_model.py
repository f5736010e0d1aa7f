"""A model of a training step: from counts of work and this machine's measured rates to a time, and to an amount of memory.

    time = sum over terms of constant * ideal seconds,    memory = sum over terms of constant * bytes

A term's ideal seconds are exact counts (FLOP of the padded products, bytes, elements, kernel calls, barriers) over measured rates
(peak, bandwidth at that working set, cost of a barrier). The few constants are fitted to all curves at once, so that relative errors
are least; none may be negative. Where all was as the counts say, those of products, weights, update and gather would be 1.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.padding import padded
from benchmarks.workloads import Workload

# Of the plan: the rows of a register tile and of a block of rows; the rows and columns of a tile of parameters.
TILE_ROWS, BLOCK_ROWS, PARAMETER_ROWS, PARAMETER_COLUMNS = 14, 256, 64, 32
# Of the plan's own estimate of a team (cpp/plan/team_cost.cpp): the part of the peak that products reach, FLOP for each array of an
# update, seconds for each member, bytes a second of what another thread has written, what makes a team worth it, and the rows below
# which a thread is not faster.
PRODUCTS, UPDATE_FLOPS, MEMBER, SHARED_BANDWIDTH, BETTER, FEW_ROWS = 0.85, 12, 0.4e-6, 25e9, 0.95, 4
WITHIN = 0.2

Terms = dict[str, float]


@dataclass(frozen=True)
class Rates:
    """What machine.peaks measured, for any number of threads."""

    peaks: Mapping[str, Any]

    @property
    def measured_threads(self) -> int:
        return max(int(threads) for threads in self.peaks["triad"])

    def flops(self) -> float:
        """Of one thread where all are busy, in FLOP/s."""
        most = self.measured_threads
        return float(self.peaks["gflops"]["f32"][str(most)]) / most * 1e9

    def bandwidth(self, size: float, threads: int) -> float:
        """Bytes per second for a working set of `size` bytes that the threads share.

        For more threads than were measured: as many shares of what one thread has when all measured ones work, at its part of the size.
        """
        known = min((n for n in map(int, self.peaks["triad"]) if n >= threads), default=self.measured_threads)
        sizes, rates = zip(*self.peaks["triad"][str(known)], strict=True)
        at = max(size, 1.0) * known / threads
        rate = math.exp(float(np.interp(math.log(at), np.log(sizes), np.log(rates)))) * 1e9
        return rate * threads / known

    def barrier(self, threads: int) -> float:
        """Seconds; beyond what was measured in proportion to the threads, which reach one counter one after the other."""
        if threads == 1:
            return 0.0
        known = min((n for n in map(int, self.peaks["barrier_ns"]) if n >= threads), default=self.measured_threads)
        return float(self.peaks["barrier_ns"][str(known)]) * 1e-9 * threads / known


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


def time_terms(workload: Workload, threads: int, rates: Rates) -> Terms:
    """Ideal seconds of each kind of work, for the thread that has most of it."""
    layers = _layers(workload)
    rows = math.ceil(workload.batch / threads)
    tiles = sum(math.ceil((n_in + 1) / PARAMETER_ROWS) * math.ceil(n_out / PARAMETER_COLUMNS) for n_in, n_out in layers)
    share = math.ceil(tiles / threads) / tiles
    forward = sum(n_in * padded(n_out) for n_in, n_out in layers)
    backward = sum(n_out * padded(n_in) for n_in, n_out in layers[1:])
    kernel_bytes = 4 * (forward + backward)
    # Every tile of rows reads all weights: what a step of few rows consists of.
    read_bytes = kernel_bytes * math.ceil(rows / TILE_ROWS)
    moments = 2 if workload.optimizer == "adam" else 0
    state_bytes = 4 * forward * (1 + moments) + 4 * backward
    # Each value and moment is read and written, the transposed copy written.
    update_bytes = 4 * forward * 2 * (1 + moments) + 4 * backward
    data_bytes = 4 * workload.rows * workload.widths[0]
    elements = sum(padded(width) for width in workload.widths[1:]) * rows
    calls = 4 * len(layers) * math.ceil(rows / BLOCK_ROWS) + tiles * share * 2
    return {
        "products": 2 * ((forward + backward) * rows + forward * workload.batch * share) / rates.flops(),
        # The phases take turns, so that the weights come from where the whole state fits.
        "weights": read_bytes * threads / rates.bandwidth(state_bytes, threads),
        "update": update_bytes * share * threads / rates.bandwidth(state_bytes, threads),
        "gather": 4 * rows * workload.widths[0] * threads / rates.bandwidth(data_bytes, threads),
        "features, ns": rows * workload.widths[0] * 1e-9,
        "elements, ns": elements * 1e-9,
        "rows, ns": rows * 1e-9,
        "calls, ns": calls * 1e-9,
        "waiting": 2 * rates.barrier(threads),
        "step, ns": 1e-9,
    }


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
