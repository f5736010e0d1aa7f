"""What a sweep says: the points where a peer is faster, the jumps between neighbouring widths, threads that do harm, and pictures."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from . import machine, picture
from .padding import JUMP_LIMIT, Jump, jumps, padded_flops
from .rounds import OWN, key_of
from .run import best_ratio, fraction_of_peak, of_peak, ratio, summary
from .shared_report import HARM_LIMIT
from .store import Store
from .summary import Summary, digits
from .table import markdown
from .workloads import Workload

Lines = Mapping[str, Sequence[Workload]]


def report(store: Store, lines: Lines, threads: Sequence[int]) -> str:
    note = (
        "Microseconds of a training step, medians ± half of the spread from the least to the most round. Measured in the first round only, "
        "and so without a spread: peers that took more than twice as long there as the best (`once`)."
    )
    parts = ["# Sweep", machine.text(store.machine), *verdicts(store, lines, threads), note]
    for name, line in lines.items():
        parts.append(f"## By {name}")
        parts.append(_table(store, line, threads))
    return "\n\n".join(parts)


def verdicts(store: Store, lines: Lines, threads: Sequence[int]) -> list[str]:
    """The three things that must not be found, each with all places where it was."""
    slow = slower_points(store, lines, threads)
    wide = wide_jumps(store, lines, threads)
    harm = harmful_threads(store, lines, threads)
    return [
        _verdict("Points where chainrule is slower than the best peer", slow),
        _verdict(f"Jumps between neighbouring widths above {JUMP_LIMIT:.0%} beyond the change in padded work", wide),
        _verdict(f"Points where more threads make a step more than {HARM_LIMIT:.0%} slower", harm),
        _verdict("Failures", failures(store)),
    ]


def _verdict(title: str, found: Sequence[str]) -> str:
    return f"**{title}: {len(found) or 'none'}.**" + "".join(f"\n* {line}" for line in found)


def _unique(lines: Lines) -> list[Workload]:
    return list(dict.fromkeys(workload for line in lines.values() for workload in line))


def slower_points(store: Store, lines: Lines, threads: Sequence[int]) -> list[str]:
    found = []
    for workload in _unique(lines):
        for count in threads:
            best = best_ratio(store, workload, count, _peers(store))
            if best is not None and best[0] < 1:
                own = summary(store, workload, count, OWN)
                found.append(f"{workload.name}, threads {count}: {own} us, {best[1]} takes {best[0]:.2f} of it")
    return found


def wide_jumps(store: Store, lines: Lines, threads: Sequence[int]) -> list[str]:
    found = []
    for name, line in lines.items():
        if not name.startswith("width"):
            continue
        for count in threads:
            found += [
                f"{name}, threads {count}: {jump.a} to {jump.b}, {jump.excess:+.0%}"
                for jump in jumps_of(store, line, count)
                if jump.too_far
            ]
    return found


def jumps_of(store: Store, line: Sequence[Workload], threads: int) -> list[Jump]:
    times = {}
    for workload in line:
        if s := summary(store, workload, threads, OWN):
            times[workload.widths[1]] = (s.median, float(padded_flops(workload)))
    return list(jumps(times))


def harmful_threads(store: Store, lines: Lines, threads: Sequence[int]) -> list[str]:
    found = []
    for workload in _unique(lines):
        times = [(count, s) for count in sorted(threads) if (s := summary(store, workload, count, OWN))]
        for (few, fast), (many, slow) in pairwise(times):
            if slow.median > fast.median * (1 + HARM_LIMIT):
                found.append(f"{workload.name}: {few} to {many} threads, {fast} to {slow} us")
    return found


def failures(store: Store) -> list[str]:
    return [
        f"{key['workload']['name']}, threads {key['threads']}, {key['peer']}: {sample['error']}"
        for key in store.known()
        for sample in store.samples(key)
        if "error" in sample
    ]


def _peers(store: Store) -> list[str]:
    return list(dict.fromkeys(key["peer"] for key in store.known()))


def _table(store: Store, line: Sequence[Workload], threads: Sequence[int]) -> str:
    peers = _peers(store)
    header = ["net", "threads", *(f"{peer}, us" for peer in peers), "best peer / chainrule", "of peak", "jump"]
    rows = []
    for count in threads:
        steps = {jump.b: f"{jump.excess:+.0%}" for jump in jumps_of(store, line, count)} if _by_width(line) else {}
        for workload in line:
            cells = [_cell(store, workload, count, peer) for peer in peers]
            if not any(cells):
                continue
            row = [workload.name, str(count), *cells, ratio(store, workload, count, peers)]
            rows.append([*row, of_peak(store, workload, count), steps.get(workload.widths[1], "")])
    return markdown(header, rows)


def _by_width(line: Sequence[Workload]) -> bool:
    return len({workload.widths[1] for workload in line}) > 1


def _cell(store: Store, workload: Workload, threads: int, peer: str) -> str:
    values = store.values(key_of(workload, threads, peer), "us_per_step")
    if not values:
        return ""
    s = Summary.of(values)
    return f"{digits(s.median)} {f'±{s.spread / 2:.0%}' if len(values) > 1 else 'once'}"


def draw(store: Store, lines: Lines, threads: Sequence[int], path: Path) -> None:
    """Write pictures: time per step, fraction of peak, and the gain by more threads."""
    times, peaks, gains = [], [], []
    for name, line in lines.items():
        label = name.split(",")[0]
        for count in threads:
            title = f"{name.partition(', ')[2]}, {count} thread{'s' if count > 1 else ''}"
            by_peer = {
                peer: [(_at(w, label), s.median) for w in line if (s := summary(store, w, count, peer))] for peer in _peers(store)
            }
            times.append(picture.Axes(title, label, "us per step", by_peer))
            fractions = {
                peer: [(_at(w, label), part) for w in line if (part := fraction_of_peak(store, w, count, peer)) is not None]
                for peer in _peers(store)
            }
            peaks.append(picture.Axes(title, label, "fraction of peak", fractions, log_y=False))
        gain = {peer: _gain(store, line, peer, threads, label) for peer in _peers(store)}
        if any(gain.values()):
            title = f"{name.partition(', ')[2]}, {threads[-1]} threads over {threads[0]}"
            gains.append(picture.Axes(title, label, "times faster", gain, log_y=False))
    picture.draw(path.with_name(path.stem + "-time.png"), "Time of a training step", times)
    if any(any(part.lines.values()) for part in peaks):
        picture.draw(path.with_name(path.stem + "-peak.png"), "Products of a training step, as a part of the peak", peaks)
    if gains:
        picture.draw(path.with_name(path.stem + "-scaling.png"), "Gain by threads", gains)


def _at(workload: Workload, label: str) -> int:
    return {"width": workload.widths[1], "batch": workload.batch, "depth": len(workload.widths) - 2}[label]


def _gain(store: Store, line: Sequence[Workload], peer: str, threads: Sequence[int], label: str) -> list[tuple[float, float]]:
    if len(threads) < 2:
        return []
    found = []
    for workload in line:
        few, many = (store.values(key_of(workload, count, peer), "us_per_step") for count in (threads[0], threads[-1]))
        if few and many:
            found.append((float(_at(workload, label)), Summary.of(few).median / Summary.of(many).median))
    return found
