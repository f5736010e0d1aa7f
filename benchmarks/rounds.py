"""Alternating rounds: each peer's measurement in a fresh process, one after the other, so that a noisy spell of the machine hits
all alike. What the store already holds is not measured again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import duration, machine, process
from .progress import progress
from .store import Key, Store
from .workloads import Workload

OWN = "chainrule"
# Of each thread, to estimate durations where no peak was measured.
USUAL_GFLOPS = 100.0
# Seconds of what is measured beside a process, before and after it.
BESIDE = 0.3


def key_of(workload: Workload, threads: int, peer: str, **options: Any) -> Key:
    return {"workload": workload.to_json(), "threads": threads, "peer": peer, **options}


@dataclass(frozen=True)
class Job:
    """What one process measures."""

    peer: str
    threads: int
    workloads: Sequence[Workload]

    def __str__(self) -> str:
        more = f" and {len(self.workloads) - 1} more" if len(self.workloads) > 1 else ""
        return f"{self.workloads[0].name}{more}, threads {self.threads}, {self.peer}"


@dataclass(frozen=True)
class Plan:
    """`rounds` samples of every workload, number of threads and peer.

    The workloads of one group share a process, which saves the start of libraries that take seconds to load. With `keep`, a peer that
    took more than that many times as long as the best peer at a point in the first round is left out there from then on: it
    cannot be the best, and its time is known well enough to be drawn. Options go to benchmarks.measure and into the key. What
    `beside` returns, called with the threads right before and after each process, joins its samples.
    """

    groups: Sequence[Sequence[Workload]]
    peers: Sequence[str]
    threads: Sequence[int]
    rounds: int
    seconds: float
    keep: float | None = None
    beside: Callable[[int], dict[str, Any]] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def run(self, store: Store) -> None:
        """Fill the store."""
        with progress(self.duration(store)) as bar:
            for number in range(self.rounds):
                machine.raise_peak(store.machine)
                bar.expect(self.duration(store, number))
                for job in self.jobs(store, number):
                    bar.begin(f"round {number + 1}/{self.rounds}, {job}")
                    for failure in self._measure(store, job):
                        bar.say(failure)
                    bar.end(self._seconds(store, job, number))

    def duration(self, store: Store, start: int = 0) -> float:
        """Return the estimated seconds of what is left, from a round on."""
        rounds = range(start, self.rounds)
        return sum(self._seconds(store, job, number) for number in rounds for job in self.jobs(store, number))

    def jobs(self, store: Store, number: int) -> Iterator[Job]:
        """Return what a round, counted from 0, still has to measure."""
        for group in self.groups:
            for count in self.threads:
                for peer in self.peers:
                    missing = [w for w in group if self._wanted(store, w, count, peer, number)]
                    if missing:
                        yield Job(peer, count, missing)

    def _wanted(self, store: Store, workload: Workload, threads: int, peer: str, number: int) -> bool:
        samples = store.samples(key_of(workload, threads, peer, **self.options))
        # A point that failed once fails again: it is not tried in every round.
        if len(samples) > number or any("error" in sample for sample in samples):
            return False
        if self.keep is None or number == 0 or peer == OWN:
            return True
        others = [self._first(store, workload, threads, other) for other in self.peers if other != OWN]
        return self._first(store, workload, threads, peer) <= self.keep * min(others)

    def _first(self, store: Store, workload: Workload, threads: int, peer: str) -> float:
        """Microseconds of a step in the first round, estimated before it: the plan's length depends on it."""
        samples = store.samples(key_of(workload, threads, peer, **self.options))
        if not samples:
            return duration.step(peer, workload, _gflops(store, threads)) * 1e6
        return float(samples[0].get("us_per_step", float("inf")))

    def _seconds(self, store: Store, job: Job, number: int) -> float:
        gflops = _gflops(store, job.threads)
        beside = BESIDE if self.beside and job.threads > 1 else 0.0
        return beside + duration.process(job.peer, job.workloads, job.threads, self.seconds, gflops, compiled=number > 0)

    def _measure(self, store: Store, job: Job) -> Iterator[str]:
        """Measure a job into the store; return what failed."""
        left = {w.name: key_of(w, job.threads, job.peer, **self.options) for w in job.workloads}
        before = self.beside(job.threads) if self.beside else {}
        results: Iterable[dict[str, Any]] = process.fit(job.peer, job.workloads, job.threads, self.seconds, **self.options)
        beside = {}
        if self.beside:
            results = list(results)
            beside = {"beside": [before, self.beside(job.threads)]}
        for result in results:
            if "error" not in result:
                store.add(left.pop(result["name"]), {**beside, **{name: value for name, value in result.items() if name != "name"}})
            elif left:
                # The first that has no result is the one that failed; those behind it were never tried.
                name, key = next(iter(left.items()))
                store.add(key, {"error": result["error"]})
                yield f"  {name}: {result['error']}"


def _gflops(store: Store, threads: int) -> float:
    return machine.peak_gflops(store.machine, threads) or USUAL_GFLOPS * threads
