"""Alternating rounds: each peer's measurement in a fresh process, one after the other, so that a noisy spell of the machine hits
all alike. What the store already holds is not measured again.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks import machine, process
from benchmarks.command import progress
from benchmarks.store import Key, Store
from benchmarks.workloads import Workload


def key_of(workload: Workload, threads: int, peer: str, **options: Any) -> Key:
    return {"workload": workload.to_json(), "threads": threads, "peer": peer, **options}


def run(
    store: Store,
    groups: Iterable[Sequence[Workload]],
    peers: Sequence[str],
    threads: Sequence[int],
    rounds: int,
    seconds: float,
    **options: Any,
) -> None:
    """Fill the store with `rounds` samples of every workload, number of threads and peer.

    The workloads of one group share a process, which saves the start of libraries that take seconds to load. Options go to
    benchmarks.measure and into the key.
    """
    everything = list(groups)
    for round_number in range(rounds):
        machine.raise_peak(store.machine)
        for place, group in enumerate(everything):
            for count in threads:
                for peer in peers:
                    missing = [w for w in group if _wanted(store, key_of(w, count, peer, **options), round_number)]
                    if not missing:
                        continue
                    progress(
                        f"round {round_number + 1}/{rounds}, group {place + 1}/{len(everything)} ({missing[0].name}"
                        f"{f' and {len(missing) - 1} more' if len(missing) > 1 else ''}), threads {count}, {peer}"
                    )
                    _measure(store, missing, count, peer, seconds, options)


def _wanted(store: Store, key: Key, round_number: int) -> bool:
    """A point that failed once fails again: it is not tried in every round."""
    samples = store.samples(key)
    return len(samples) <= round_number and not any("error" in sample for sample in samples)


def _measure(store: Store, workloads: Sequence[Workload], threads: int, peer: str, seconds: float, options: dict[str, Any]) -> None:
    left = {workload.name: key_of(workload, threads, peer, **options) for workload in workloads}
    for result in process.fit(peer, workloads, threads, seconds, **options):
        if "error" not in result:
            store.add(left.pop(result["name"]), {name: value for name, value in result.items() if name != "name"})
        elif left:
            # The first that has no result is the one that failed; those behind it were never tried.
            name, key = next(iter(left.items()))
            progress(f"  {name}: {result['error']}")
            store.add(key, {"error": result["error"]})
