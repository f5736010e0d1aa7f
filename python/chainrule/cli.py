"""The command line: `chainrule train`, `predict`, `demo`, `profile`, `bench`, `info`."""

import argparse
import importlib
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
    parser = _parser()
    arguments, rest = parser.parse_known_args(argv)
    if arguments.command == "bench":
        arguments.arguments = rest  # it has a parser of its own, which is loaded with it
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        return int(arguments.run(arguments))
    except KeyboardInterrupt:
        print("chainrule: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 1
    except (cr.ChainruleError, ImportError, OSError, TypeError, ValueError) as error:
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

    _add_train(commands)
    _add_predict(commands)
    _add_profile(commands)
    bench = commands.add_parser("bench", help="measure chainrule beside the libraries that are installed here", add_help=False)
    bench.set_defaults(run=_bench)

    info = commands.add_parser("info", help="versions, processor, instruction set and threads")
    info.add_argument("--json", action="store_true", help="as JSON")
    info.add_argument("--measure", action="store_true", help="and the peaks of arithmetic and memory, measured in a second")
    info.set_defaults(run=_info)
    return parser


def _add_train(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    train = commands.add_parser("train", help="train a model of one column of a table (CSV or Parquet) by the others")
    train.add_argument("file", type=Path, help="the table: CSV and the like, gzipped or not, or Parquet")
    train.add_argument(
        "--target", required=True, help="the column to predict: its name, or its position from 1 or from -1 backwards"
    )
    train.add_argument("--task", choices=("classification", "regression"), help="(default: by the target's values)")
    train.add_argument("--test", type=float, default=0.2, help="the part of the rows to test on (default: %(default)s)")
    train.add_argument("--seed", type=int, default=0, help="of the split and all else that is random (default: %(default)s)")
    train.add_argument("--epochs", type=_positive, help="at most; training stops early anyway (default: by the number of rows)")
    train.add_argument("--drop", metavar="NAMES", help="columns not to learn from, by name or position, with commas between them")
    train.add_argument("--no-header", action="store_true", help="the first line is a row (default: by its cells and those below)")
    train.add_argument("--threads", type=_positive, help="at most so many threads (default: what the process may use)")
    train.add_argument("--out", type=Path, help="the folder for model and report (default: the file's name with -model)")
    train.set_defaults(run=_train)


def _add_predict(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    predict = commands.add_parser("predict", help="predict the rows of a table by a model that train has saved")
    predict.add_argument("model", type=Path, help="the folder that train has written")
    predict.add_argument("file", type=Path, help="a table with the same columns, in any order")
    predict.add_argument("--out", type=Path, help="the CSV to write (default: the terminal)")
    predict.set_defaults(run=_predict)


def _add_profile(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    profile = commands.add_parser("profile", help="run a Python script and say where its time went, inside the native loops")
    profile.add_argument("--sort", choices=("time", "calls", "flops", "bytes"), default="time", help="(default: %(default)s)")
    profile.add_argument(
        "--group", choices=("operation", "layer", "thread"), default="operation", help="what rows are of (default: %(default)s)"
    )
    profile.add_argument("--trace", type=Path, metavar="FILE", help="write a trace for Perfetto and chrome://tracing, as JSON")
    profile.add_argument(
        "--steps", type=_not_negative, default=20, help="of the trace, from the beginning and from the end (default: %(default)s)"
    )
    profile.add_argument("--plot", type=Path, metavar="FILE", help="draw the roofline and the time of each layer")
    profile.add_argument("script", type=Path, help="the script")
    profile.add_argument("arguments", nargs=argparse.REMAINDER, help="its arguments")
    profile.set_defaults(run=_profile)


def _not_negative(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"expected a whole number, 0 or more, got {text}")
    return value


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


def _train(arguments: argparse.Namespace) -> int:
    from chainrule.tabular.command import run_train

    if arguments.threads is not None:
        cr.set_num_threads(arguments.threads)
    return run_train(arguments)


def _predict(arguments: argparse.Namespace) -> int:
    from chainrule.tabular.command import run_predict

    return run_predict(arguments)


def _profile(arguments: argparse.Namespace) -> int:
    from chainrule.profiled_script import run_profiled

    return run_profiled(arguments)


def _bench(arguments: argparse.Namespace) -> int:
    bench = importlib.import_module("chainrule.benchmarks.bench")  # there where the package is installed; its files are benchmarks/

    return int(bench.main(arguments.arguments, "chainrule bench"))


def _info(arguments: argparse.Namespace) -> int:
    facts = cr.info(measure=arguments.measure)
    print(json.dumps(dict(facts), indent=2) if arguments.json else facts)
    return 0
