"""What a paper's printed means and deviations say for themselves: Welch's t, Holm, and the same at its seeds."""

from dataclasses import dataclass
from itertools import combinations
from math import sqrt

import numpy as np
from scipy import stats

from feedtwin.lab.claims.sheet import Claim, Sheet, Table, Test
from feedtwin.lab.statistics import holm

ALPHA = 0.05


@dataclass(frozen=True)
class Printed:
    """A difference of printed rows.

    Attributes:
        difference: Mean of the rows - mean of those they are compared with.
        relative: As a share of the latter.
        low: Lower end of the 95 % interval with all printed runs taken as independent.
        high: Upper end.
        p: Two-sided p likewise.
        p_adjusted: Corrected for the table (Holm).
        p_seeds: p with the seeds as the only independent runs, not corrected.
        p_same: p of "within the margin" (two one-sided tests) with all printed runs; None without a margin.
        p_same_seeds: The same with the seeds.
    """

    difference: float
    relative: float
    low: float
    high: float
    p: float
    p_adjusted: float
    p_seeds: float
    p_same: float | None = None
    p_same_seeds: float | None = None


def printed(sheet: Sheet, claim: Claim) -> Printed:
    """Return what the printed numbers say about a claim that names a test."""
    assert claim.test is not None
    table, test = sheet.table, claim.test
    family = _family(sheet)
    p_all = holm(np.array([_welch(table, one, table.n)[3] for one in family]))
    difference, error, freedom, p = _welch(table, test, table.n)
    half = float(stats.t.ppf(0.975, freedom)) * error
    base = float(np.mean([_row(table, name, test.metric)[0] for name in test.against]))
    same: list[float | None] = [None, None]
    if claim.expects == "unchanged":
        same = [
            _same(table, test, count, claim.margin * abs(base)) for count in (table.n, table.seeds)
        ]
    return Printed(
        difference, difference / base if base else float("nan"), difference - half, difference + half, p,
        float(p_all[_place(family, test)]), _welch(table, test, table.seeds)[3], same[0], same[1],
    )  # fmt: skip


def _family(sheet: Sheet) -> list[Test]:
    """Return the tests that are corrected together, those of claims among them."""
    own = [claim.test for claim in sheet.claims if claim.test is not None]
    if sheet.family == "claims":
        return [one for place, one in enumerate(own) if one not in own[:place]]
    table = sheet.table
    pairs = [
        Test(metric=column.metric, rows=[b.name], against=[a.name])
        for column in table.columns
        for a, b in combinations(table.rows, 2)
        if column.metric in a.values and column.metric in b.values
    ]
    return pairs


def _place(family: list[Test], test: Test) -> int:
    """Return where a test is in its family; a difference and its reverse are one."""
    for place, one in enumerate(family):
        same = (one.rows, one.against) in ((test.rows, test.against), (test.against, test.rows))
        if one.metric == test.metric and same:
            return place
    raise AssertionError(f"{test} is no pair of rows; expected family: claims")


def _row(table: Table, name: str, metric: str) -> tuple[float, float]:
    """Return printed mean and deviation; a deviation that rounds to 0 is the largest that does."""
    row = next(one for one in table.rows if one.name == name)
    mean, sd = row.values[metric]
    return mean, max(sd, table.rounding.get(metric, 0.0))


def _welch(table: Table, test: Test, n: int) -> tuple[float, float, float, float]:
    """Return difference, standard error, degrees of freedom (Satterthwaite) and two-sided p."""
    difference, parts = 0.0, []
    for names, sign in ((test.rows, 1.0), (test.against, -1.0)):
        for name in names:
            mean, sd = _row(table, name, test.metric)
            difference += sign * mean / len(names)
            parts.append((sd / len(names)) ** 2 / n)
    error = sqrt(sum(parts))
    if error == 0:
        return difference, 0.0, float(n - 1), 1.0 if difference == 0 else 0.0
    freedom = sum(parts) ** 2 / sum(part**2 / (n - 1) for part in parts)
    return difference, error, freedom, float(2 * stats.t.sf(abs(difference) / error, freedom))


def _same(table: Table, test: Test, n: int, margin: float) -> float:
    """Return the p of two one-sided tests that the difference is within the margin."""
    difference, error, freedom, _ = _welch(table, test, n)
    if error == 0:
        return float(abs(difference) >= margin)
    above = stats.t.sf((difference + margin) / error, freedom)
    below = stats.t.cdf((difference - margin) / error, freedom)
    return float(max(above, below))
