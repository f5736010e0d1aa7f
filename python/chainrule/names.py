"""Things given by name: "relu", "adam", "mse". One lookup for all of them, which offers the close match for a misspelt name."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, TypeVar

T = TypeVar("T")

# What scikit-learn, Keras and PyTorch call some things, in small letters and without underscores, where no likeness leads to ours.
_ELSEWHERE = {
    "acc": "accuracy",
    "binarycrossentropy": "binary_cross_entropy",
    "bce": "binary_cross_entropy",
    "categoricalcrossentropy": "cross_entropy",
    "sparsecategoricalcrossentropy": "cross_entropy",
    "logloss": "cross_entropy",
    "identity": "linear",
    "kaimingnormal": "he_normal",
    "kaiminguniform": "he_uniform",
    "l1loss": "mae",
    "logistic": "sigmoid",
    "absoluteerror": "mae",
    "meanabsoluteerror": "mae",
    "meansquarederror": "mse",
    "squarederror": "mse",
    "pinball": "quantile",
    "smoothl1": "huber",
    "swish": "silu",
    "xaviernormal": "glorot_normal",
    "xavieruniform": "glorot_uniform",
}


class Configured:
    """A small immutable description: equal and printed by its fields."""

    _fields: ClassVar[tuple[str, ...]] = ()

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, field) for field in self._fields)

    def __repr__(self) -> str:
        inside = ", ".join(f"{field}={value!r}" for field, value in zip(self._fields, self._values(), strict=True))
        return f"{type(self).__name__}({inside})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Configured) and type(self) is type(other) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self), self._values()))


def unknown(kind: str, name: str, known: Iterable[str]) -> ValueError:
    """Make the error for a name that nothing carries, with the close match where there is one."""
    import difflib  # only a misspelt name needs it

    known = list(known)
    plain = name.replace("_", "").lower()
    same = [one for one in known if one.replace("_", "").lower() == plain or one == _ELSEWHERE.get(plain)]
    close = same or difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(map(repr, known))}"
    return ValueError(f"unknown {kind} {name!r}: {hint}")


def resolve(kind: str, given: object, base: type[T], table: Mapping[str, Callable[[], T]]) -> T:
    """Turn a name, a class or an instance into an instance of `base`."""
    if isinstance(given, base):
        return given
    if isinstance(given, str):
        if given not in table:
            raise unknown(kind, given, table)
        return table[given]()
    if isinstance(given, type) and issubclass(given, base):
        return given()
    raise TypeError(f"{kind}: expected a name, such as {next(iter(table))!r}, or an instance of {base.__name__}, got {given!r}")
