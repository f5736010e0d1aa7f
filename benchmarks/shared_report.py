"""What a shared machine costs: each situation against its fair share, and threads against one thread."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import machine, picture, rounds
from .rounds import OWN
from .store import Key, Store
from .summary import Summary
from .table import markdown
from .workloads import Workload

# A library may lose this much more than others take.
LIMIT = 1.5
# More threads may make a step this much slower.
HARM_LIMIT = 0.05


@dataclass(frozen=True)
class Situation:
    """A library is told of `threads` threads while `busy` processes spin beside it."""

    threads: int
    busy: int = 0

    @property
    def name(self) -> str:
        beside = f"beside {_count(self.busy, 'busy process', 'es')}" if self.busy else "alone"
        return f"{_count(self.threads, 'thread')}, {beside}"

    def alone(self, cpus: int) -> "Situation":
        """Return what it is compared with: as many threads as can run, and nobody else."""
        return Situation(min(self.threads, cpus))

    def fair(self, cpus: int) -> float:
        """How much longer a step takes when all get the same share: more threads of one's own than CPUs do not add work."""
        return max(1.0, (min(self.threads, cpus) + self.busy) / cpus)


def _count(number: int, noun: str, plural: str = "s") -> str:
    return f"{number} {noun}{plural if number != 1 else ''}"


def counts(store: Store) -> list[int]:
    cpus = store.machine["cpus"]
    return [1, cpus] if cpus > 1 else [1]


def situations(store: Store) -> list[Situation]:
    """One thread, all CPUs and twice as many, alone and beside one busy process; and all CPUs beside as many."""
    cpus = store.machine["cpus"]
    threads = dict.fromkeys([1, cpus, 2 * cpus])
    return [*(Situation(count, busy) for busy in (0, 1) for count in threads), *([Situation(cpus, cpus)] if cpus > 1 else [])]


def key_of(workload: Workload, situation: Situation, peer: str) -> Key:
    return {"workload": workload.to_json(), "threads": situation.threads, "busy": situation.busy, "peer": peer}


def report(store: Store, workloads: Sequence[Workload], alone: Sequence[Workload], peers: Sequence[str]) -> str:
    return "\n\n".join(
        [
            "# On a shared machine",
            machine.text(store.machine),
            _verdict(store, workloads, peers),
            _harm_verdict(store, alone),
            "## Against the fair share",
            "Microseconds for one training step; `beyond fair` is how many times longer than a fair share of the CPUs would make it.",
            _shares(store, workloads, peers),
            "## Threads against one thread",
            "Alone on the machine, medians of rounds in alternation. Above 1.05 threads harm.",
            _threads(store, alone),
        ]
    )


def _verdict(store: Store, workloads: Sequence[Workload], peers: Sequence[str]) -> str:
    worst = {}
    for peer in peers:
        found = [b for w in workloads for s in situations(store) if (b := beyond_fair(store, w, s, peer)) is not None]
        worst[peer] = max(found, default=0.0)
    others = ", ".join(f"{peer} {value:.2f}" for peer, value in worst.items() if peer != OWN)
    own = worst.get(OWN, 0.0)
    bound = "within" if own <= LIMIT else "OVER"
    return (
        f"**The most that {OWN} loses beyond the fair share: {own:.2f} times ({bound} {LIMIT}){f'; {others}' if others else ''}.**"
    )


def _harm_verdict(store: Store, alone: Sequence[Workload]) -> str:
    found = [(w.name, h.median) for w in alone if (h := harm(store, w)) is not None and h.median > 1 + HARM_LIMIT]
    listed = "".join(f"\n* {name}: {value:.2f} times as long" for name, value in found)
    return f"**Nets that more threads make more than {HARM_LIMIT:.0%} slower: {len(found) or 'none'}.**{listed}"


def _shares(store: Store, workloads: Sequence[Workload], peers: Sequence[str]) -> str:
    rows = []
    for workload in workloads:
        for situation in situations(store):
            row = [f"{workload.name}, {situation.name}", f"{situation.fair(store.machine['cpus']):.2f}"]
            for peer in peers:
                time, beyond = _time(store, workload, situation, peer), beyond_fair(store, workload, situation, peer)
                mark = " (OVER)" if beyond is not None and beyond > LIMIT else ""
                row += [str(time) if time else "", f"{beyond:.2f}{mark}" if beyond is not None else ""]
            rows.append(row)
    return markdown(["workload and situation", "fair, times", *(t for p in peers for t in (f"{p}, us", "beyond fair"))], rows)


def _threads(store: Store, alone: Sequence[Workload]) -> str:
    few, many = counts(store)[0], counts(store)[-1]
    rows = []
    for workload in alone:
        times = [store.values(rounds.key_of(workload, count, OWN), "us_per_step") for count in (few, many)]
        ratio = harm(store, workload)
        if ratio is not None:
            mark = " (HARM)" if ratio.median > 1 + HARM_LIMIT else ""
            spread = f"{ratio.median:.2f} ({ratio.least:.2f} to {ratio.most:.2f}){mark}"
            rows.append([f"{workload.name}: {workload}", *(str(Summary.of(t)) for t in times), spread])
    return markdown(["net", f"{_count(few, 'thread')}, us", f"{_count(many, 'thread')}, us", "as long, times"], rows)


def harm(store: Store, workload: Workload) -> Summary | None:
    """How many times as long all threads take as one, round by round: both were measured within a second or two."""
    few, many = (
        store.values(rounds.key_of(workload, count, OWN), "us_per_step") for count in (counts(store)[0], counts(store)[-1])
    )
    ratios = [b / a for a, b in zip(few, many, strict=False)]
    return Summary.of(ratios) if ratios else None


def _time(store: Store, workload: Workload, situation: Situation, peer: str) -> Summary | None:
    values = store.values(key_of(workload, situation, peer), "us_per_step")
    return Summary.of(values) if values else None


def beyond_fair(store: Store, workload: Workload, situation: Situation, peer: str) -> float | None:
    cpus = store.machine["cpus"]
    if situation == situation.alone(cpus):
        return None
    alone, now = (_time(store, workload, s, peer) for s in (situation.alone(cpus), situation))
    return now.median / alone.median / situation.fair(cpus) if alone and now else None


def draw(store: Store, workloads: Sequence[Workload], peers: Sequence[str], path: Path) -> None:
    """Draw how many times longer than fair each situation is, with the limit."""
    groups = {}
    for workload in workloads:
        for situation in situations(store):
            found = {peer: b for peer in peers if (b := beyond_fair(store, workload, situation, peer)) is not None}
            if found:
                groups[f"{workload.name}, {situation.name}"] = found
    title = "Times longer than a fair share of the CPUs"
    # Logarithmic: a peer may lose a hundred times.
    picture.draw_bars(path.with_suffix(".png"), title, f"1: fair; {LIMIT}: the most accepted", groups, limit=LIMIT)
