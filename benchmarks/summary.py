"""What is said of repeated measurements: the median, and the spread from the least to the most."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """Of one or more numbers. The median of a few rounds is the figure; their extremes say how far to trust it."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Summary":
        if not values:
            raise ValueError("Summary: expected one number or more, got none")
        return cls(statistics.median(values), min(values), max(values))

    @property
    def spread(self) -> float:
        """From the least to the most, as a part of the median."""
        return (self.most - self.least) / self.median

    def scaled(self, factor: float) -> "Summary":
        return Summary(self.median * factor, self.least * factor, self.most * factor)

    def __str__(self) -> str:
        return f"{digits(self.median)} ({digits(self.least)} to {digits(self.most)})"


def digits(value: float) -> str:
    """Three significant digits, without an exponent for large numbers."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
