"""How many replicates: in batches until the interval is narrow enough, with a cap declared in advance."""

from dataclasses import dataclass
from math import ceil
from typing import Final

from feedtwin.lab.statistics.paired import Difference

PILOT: Final = 10
"""Fewest pairs before a precision is judged (Law 2015, section 9.4.1)."""


@dataclass(frozen=True)
class Precision:
    """A declared precision: the half-width of the interval that is wanted.

    Attributes:
        half_width: In the metric's unit, or None.
        relative: As a share of the estimate, or None; the adjusted share gamma / (1 + gamma) is required, since
            the estimate itself is uncertain (Law and Kelton).

    A study that stops when an interval is narrow covers slightly less than its nominal level.
    """

    half_width: float | None = None
    relative: float | None = None

    def reached(self, found: Difference) -> bool:
        """Whether an estimate is as precise as declared."""
        half = found.half_width
        if half is None or found.n < PILOT:
            return False
        return half <= self.wanted(found.estimate)

    def wanted(self, estimate: float) -> float:
        """Return the half-width that is required at an estimate."""
        if self.half_width is not None:
            return self.half_width
        assert self.relative is not None
        return self.relative / (1 + self.relative) * abs(estimate)

    def pairs_needed(self, found: Difference) -> int | None:
        """Return about how many pairs the precision takes, from the spread so far; None if unknowable."""
        half, wanted = found.half_width, self.wanted(found.estimate)
        if half is None or wanted <= 0:
            return None
        return max(found.n, ceil(found.n * (half / wanted) ** 2))
