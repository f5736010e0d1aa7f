"""Many models: `fit_many` beside the same fits one after another, each with all threads or with one.

Run: python -m benchmarks.many [--nets seeds,digits] [--models 16] [--rounds 7] [--seconds 1] [--quick] [--output many.json] [--fresh]

The ratio is to the faster way of going one after another: small nets take one thread there, others what pays. All three ways must
end with the same parameters, bit for bit; where they do not, the run fails.
"""

from collections.abc import Sequence

from . import command, machine, process
from .many_fits import WAYS
from .progress import progress
from .rounds import OWN
from .store import Key, Store
from .summary import Summary
from .table import markdown
from .workloads import WORKLOADS, Workload

# From nets whose fits last a millisecond to ones that feed two threads.
NETS = {
    "seeds": Workload("seeds", (8, 16, 3), "tanh", "cross_entropy", "adam", 32, 10),
    "wide_seeds": Workload("wide_seeds", (30, 64, 2), "relu", "cross_entropy", "adam", 32, 18),
    **{name: WORKLOADS[name] for name in ("xor", "rl_online", "width46", "digits", "tabular")},
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = command.parser("many", "Many models side by side.", [OWN], rounds=7, seconds=1.0)
    parser.add_argument("--nets", type=command.names(list(NETS)), default=list(NETS))
    parser.add_argument("--models", type=int, default=16, help="how many are trained")
    arguments = parser.parse_args(argv)
    if arguments.quick:
        arguments.rounds, arguments.seconds, arguments.nets = 1, 0.1, ["seeds", "digits"]
    path = command.output(arguments, "many")
    store = Store(path, machine.describe([OWN], arguments.quick), arguments.fresh or arguments.quick)
    keys = [(number, NETS[name], way) for number in range(arguments.rounds) for name in arguments.nets for way in WAYS]
    each = 0.5 + 2.5 * arguments.seconds
    with progress(each * len(keys)) as bar:
        for number, net, way in keys:
            key = key_of(net, arguments.models, way)
            bar.begin(f"round {number + 1}/{arguments.rounds}, {net.name}, {way}")
            if len(store.samples(key)) <= number:
                job = {**key, "seconds": arguments.seconds, "threads": process.cpus()}
                for sample in process.lines_of("many_fits", job):
                    if "error" in sample:
                        bar.say(f"  {sample['error']}")
                    store.add(key, sample)
            bar.end(each)
    nets = [NETS[name] for name in arguments.nets]
    require_same_bits(store, nets, arguments.models)
    command.publish(report(store, nets, arguments.models), path)
    return 0


def key_of(net: Workload, models: int, way: str) -> Key:
    return {"workload": net.to_json(), "models": models, "way": way}


def require_same_bits(store: Store, nets: Sequence[Workload], models: int) -> None:
    for net in nets:
        samples = [sample for way in WAYS for sample in store.samples(key_of(net, models, way)) if "bits" in sample]
        if len({sample["bits"] for sample in samples}) > 1:
            raise SystemExit(f"{net.name}: expected the same parameters each way, got different ones")


def report(store: Store, nets: Sequence[Workload], models: int) -> str:
    rows = []
    for net in nets:
        times = {way: store.values(key_of(net, models, way), "us_per_step") for way in WAYS}
        cells = [str(Summary.of(times[way])) if times[way] else "" for way in WAYS]
        # Round by round, so that a slow spell of the machine is in both.
        ratios = [min(one, other) / many for many, one, other in zip(*times.values(), strict=False)]
        rows.append([net.name, str(net), *cells, str(Summary.of(ratios)) if ratios else ""])
    table = markdown(["", "net", *(f"{way}, us" for way in WAYS), "times faster"], rows)
    explained = (
        f"{models} models; microseconds of a step of one model: the time of all over all their steps. Median (least to most)."
    )
    return "\n\n".join(["# Many models", machine.text(store.machine), explained, table])


if __name__ == "__main__":
    command.start(main)
