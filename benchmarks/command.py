"""What the command lines share: lists of names and numbers, peers, threads, rounds, and where results go."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from .peers import NEEDS, installed
from .process import IN_REPOSITORY, ROOT, cpus
from .progress import say

RESULTS = ROOT / "benchmarks" / "results" if IN_REPOSITORY else Path("chainrule-bench")


def names(known: Sequence[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        given = text.split(",")
        if unknown := [name for name in given if name not in known]:
            raise argparse.ArgumentTypeError(f"expected names of {', '.join(known)}, got {', '.join(unknown)}")
        return given

    return parse


def numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def parser(
    name: str, description: str, peers: Sequence[str], rounds: int, seconds: float, needs: Mapping[str, str] = NEEDS
) -> argparse.ArgumentParser:
    """Return a parser with the options that all commands have; `peers` are its usual ones, of which the installed are taken.

    `needs` has the names that it takes, and what must be installed for each.
    """
    made = argparse.ArgumentParser(prog=f"python -m {__package__}.{name}", description=description)
    made.add_argument("--quick", action="store_true", help="a small size, for a look in about a minute; to a file of its own")
    made.add_argument("--peers", type=names(list(needs)), default=[peer for peer in installed(needs) if peer in peers])
    made.add_argument("--threads", type=numbers, default=[1, *([2] if cpus() > 1 else [])], help="numbers of threads: 1,2")
    made.add_argument("--rounds", type=int, default=rounds, help="how often each measurement is made, in alternation")
    made.add_argument("--seconds", type=float, default=seconds, help="of each measurement")
    made.add_argument(
        "--output", type=Path, help=f"the JSON file; .md and .png go beside it (default benchmarks/results/{name}.json)"
    )
    made.add_argument("--fresh", action="store_true", help="begin again instead of continuing the file")
    return made


def output(arguments: argparse.Namespace, name: str) -> Path:
    """Where results go. A quick run never touches the figures of a full one."""
    if arguments.output is not None:
        return Path(arguments.output)
    return RESULTS / f"{name}{'-quick' if arguments.quick else ''}.json"


def start(main: Callable[[], int]) -> NoReturn:
    """Run a command; an interrupt is no error of it."""
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("interrupted: the same command goes on from here")
        sys.exit(130)


def publish(text: str, path: Path) -> None:
    """Print a report and write it beside its JSON."""
    print(text)
    path.with_suffix(".md").write_text(text + "\n")
