"""The command line: `chainrule demo`, `chainrule info`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import chainrule as cr


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv
        Arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        The exit status: 0 for success, 1 for a failure that is said on standard error.
    """
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except KeyboardInterrupt:
        print("chainrule: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 1
    except (cr.ChainruleError, OSError, ValueError) as error:
        print(f"chainrule {arguments.command}: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="chainrule", description="Dense neural networks on CPUs.")
    parser.add_argument("--version", action="version", version=f"chainrule {cr.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    demo = commands.add_parser("demo", help="train a net on 1,797 handwritten digits, in seconds")
    demo.add_argument("--epochs", type=_positive, default=40, help="passes over the training images (default: %(default)s)")
    demo.add_argument("--seed", type=int, default=0, help="of the weights, the shuffles and the dropout (default: %(default)s)")
    demo.add_argument("--threads", type=_positive, help="at most so many threads (default: what the process may use)")
    demo.add_argument("--output", type=Path, default=Path("chainrule-demo.png"), help="the picture's file (default: %(default)s)")
    demo.add_argument("--no-plot", action="store_true", help="draw no picture")
    demo.set_defaults(run=_demo)

    info = commands.add_parser("info", help="versions, processor, instruction set and threads")
    info.add_argument("--json", action="store_true", help="as JSON")
    info.set_defaults(run=_info)
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text}")
    return value


def _demo(arguments: argparse.Namespace) -> int:
    from chainrule.demo import run

    if arguments.threads is not None:
        cr.set_num_threads(arguments.threads)
    run(epochs=arguments.epochs, seed=arguments.seed, picture=None if arguments.no_plot else arguments.output)
    return 0


def _info(arguments: argparse.Namespace) -> int:
    facts = cr.info()
    print(json.dumps(dict(facts), indent=2) if arguments.json else facts)
    return 0
