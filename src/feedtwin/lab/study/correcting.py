"""From estimates to effects: corrected for the family that they are, every distinct test counted once.

A claim of no harm is a test like any other. Where p are corrected as such (Holm, Benjamini-Hochberg) it is one more of the
family; where the correction is a law of the family (`max_t`, Dunnett) it is shown where the family's interval lies within
the margin, which costs the others nothing. What is identical in every pair could not have been significant whatever its
sign, and is no test of a family (Tarone 1990).
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from math import isfinite
from typing import Any, Final

import numpy as np

from feedtwin.lab.run_data import Array
from feedtwin.lab.statistics import JOINT_FROM, Joint, benjamini_hochberg, dunnett, holm
from feedtwin.lab.statistics.paired import of_differences
from feedtwin.lab.study.estimating import Cells, estimate, sides, weighted
from feedtwin.lab.study.plan import Contrast, Estimand, Study
from feedtwin.lab.study.result import Effect
from feedtwin.lab.study.wording import verdict

_BY_P: Final[dict[str, Callable[[Array], Array]]] = {
    "holm": holm, "benjamini-hochberg": benjamini_hochberg, "none": np.asarray,
}  # fmt: skip
Family = list[list[int]]
"""Places of effects that are corrected together; those in one list are one and the same comparison."""
Changes = dict[int, dict[str, Any]]


def effects_of(study: Study, cells: Cells, calibration: str) -> tuple[Effect, ...]:
    """Return one effect per estimand, corrected for the family that they are."""
    found = [
        estimate(study, one, sides(cells, one.contrast, one.reading), len(cells.replicates), calibration)
        for one in study.estimands
    ]  # fmt: skip
    changes: Changes = {
        k: {"p_adjusted": one.p, "p_claim_adjusted": one.p_claim}
        for k, one in enumerate(found)
        if one.p is not None and _is_identical(one)
    }
    for family in _families(study, cells, found):
        changes |= _adjust(study, cells, found, family)
    small = {k: one.pop("is_small") for k, one in changes.items() if "is_small" in one}
    out = [replace(one, **changes.get(k, {})) for k, one in enumerate(found)]
    return tuple(replace(one, verdict=verdict(one, small.get(k))) for k, one in enumerate(out))


def _is_identical(one: Effect) -> bool:
    """Whether both sides were the same in every pair."""
    return one.estimate == 0 and one.sd == 0


def _families(study: Study, cells: Cells, found: Sequence[Effect]) -> list[Family]:
    """Which estimates are corrected together: all of a study; for Dunnett, all contrasts of one metric, cohort and period."""
    tested = [k for k, one in enumerate(found) if one.p is not None and not _is_identical(one)]
    first = cells.first_copies()

    def comparison(k: int) -> Hashable:
        one = study.estimands[k]
        return one.reading, _distinct(one.contrast, first)

    def question(k: int) -> Hashable:
        one = found[k]
        return one.metric, one.cohort, one.first_step, one.last_step

    whole = [tested] if study.correction != "dunnett" else _alike(tested, question)
    return [_alike(places, comparison) for places in whole if places]


def _distinct(contrast: Contrast, first: dict[str, str]) -> frozenset[tuple[str, float]]:
    """The weights of a contrast with every arm's copies taken for the arm."""
    weights: dict[str, float] = {}
    for arm, weight in contrast.weights.items():
        name = first.get(arm, arm)
        weights[name] = weights.get(name, 0.0) + weight
    return frozenset(
        (arm, round(weight, 9)) for arm, weight in weights.items() if abs(weight) > 1e-9
    )


def _alike(places: Iterable[int], key: Callable[[int], Hashable]) -> list[list[int]]:
    """Group places by a key, in order of appearance."""
    groups: dict[Hashable, list[int]] = {}
    for k in places:
        groups.setdefault(key(k), []).append(k)
    return list(groups.values())


def _adjust(study: Study, cells: Cells, found: Sequence[Effect], family: Family) -> Changes:
    """What each effect of a family gets: adjusted p, and what else its correction gives."""
    named = study.correction
    if named in _BY_P:
        return _by_p(found, family, _BY_P[named])
    if study.posterior:  # pairs of one draw are no independent rows
        why = f"{named} takes pairs that are independent; those of one draw are not"
        return _by_p(found, family, holm, f"holm ({why})")
    rows = _common(cells, [study.estimands[group[0]] for group in family])
    enough = len(family) + 1 if named == "dunnett" else JOINT_FROM
    if len(rows) < enough:
        why = f"{named} takes {enough} pairs that all have, there are {len(rows)}"
        return _by_p(found, family, holm, f"holm ({why})")
    if named == "dunnett" and _is_dependent(rows):
        why = "dunnett takes contrasts none of which follows from the others of its metric"
        return _by_p(found, family, holm, f"holm ({why})")
    if named == "dunnett":
        return _by_law(study, cells, found, family, rows, lambda at: _of_many(rows - at))
    joint = Joint(rows, confidence=study.confidence, seed=study.seed)
    changes = _by_law(study, cells, found, family, rows, joint.p)
    for group, low, high in zip(family, *joint.intervals(), strict=True):
        for k in group:
            own = found[k].low, found[k].high  # of all its own pairs; there are two or more
            assert own[0] is not None and own[1] is not None
            changes[k] |= {
                "joint_low": min(float(low), own[0]), "joint_high": max(float(high), own[1])
            }  # fmt: skip
    return changes


def _is_dependent(differences: Array) -> bool:
    """Whether some comparison is a sum of others, as two - one is of two - base and one - base: their law is singular."""
    off = differences - differences.mean(axis=0)
    spread = off.std(axis=0)
    moving = spread > 1e-12 * np.abs(differences).max(axis=0)
    return bool(np.linalg.matrix_rank(off[:, moving] / spread[moving], tol=1e-9) < moving.sum())


def _of_many(differences: Array) -> Array:
    """P by Dunnett's law; 0 for a single comparison, whose own p then stands."""
    return dunnett(differences) if differences.shape[1] > 1 else np.zeros(1)


def _by_p(
    found: Sequence[Effect], family: Family, method: Callable[[Array], Array], said: str = ""
) -> Changes:
    """Adjust p by p alone; claims of one comparison with one margin are one test of the family."""
    named = {"correction": said} if said else {}
    claims = [
        claim
        for group in family
        for claim in _alike(
            (k for k in group if found[k].p_claim is not None),
            lambda k: (found[k].margin_low, found[k].margin_high),
        )
    ]
    p = [found[group[0]].p for group in family] + [found[claim[0]].p_claim for claim in claims]
    adjusted = [float(one) for one in method(np.array(p, np.float64))]
    changes: Changes = {
        k: {"p_adjusted": one, "family_size": len(p), **named}
        for group, one in zip(family, adjusted, strict=False)
        for k in group
    }
    for claim, one in zip(claims, adjusted[len(family) :], strict=True):
        for k in claim:
            changes[k]["p_claim_adjusted"] = one
    return changes


def _by_law(
    study: Study, cells: Cells, found: Sequence[Effect], family: Family, rows: Array,
    law: Callable[[Array], Array],
) -> Changes:  # fmt: skip
    """Adjust p by a law of the family, which gives two-sided p of means that are what it is asked; never below one's own."""
    changes: Changes = {}
    mean, zero = rows.mean(axis=0), np.zeros(len(family))

    def outside(k: int, place: int, low: float | None, high: float | None) -> float:
        """P of a mean that lies outside a margin, by the law and by the estimate's own; 1 where the estimate does."""
        asked = study.estimands[k]
        mine = sides(cells, asked.contrast, asked.reading).differences
        worst = 0.0
        for edge, way in ((low, 1), (high, -1)):
            if edge is None or not isfinite(edge):
                continue
            at = zero.copy()
            at[place] = edge
            alone = of_differences(mine - edge, confidence=study.confidence, seed=study.seed)
            inside = way * (mean[place] - edge) > 0 and way * alone.estimate > 0
            assert alone.p is not None
            worst = max(worst, float(law(at)[place]), alone.p) if inside else 1.0
        return worst

    for place, (group, p) in enumerate(zip(family, law(zero), strict=True)):
        for k in group:
            own = found[k]
            assert own.p is not None
            changes[k] = {"p_adjusted": max(float(p), own.p), "family_size": len(family)}
            if own.p_claim is not None:
                worst = outside(k, place, own.margin_low, own.margin_high)
                changes[k]["p_claim_adjusted"] = max(own.p_claim, worst)
            size = own.smallest_effect
            if (
                size is not None and study.correction == "dunnett"
            ):  # max_t gives intervals to read it off
                changes[k]["is_small"] = outside(k, place, -size, size) < study.alpha
    return changes


def _common(cells: Cells, asked: Sequence[Estimand]) -> Array:
    """Differences of several contrasts in the replicates that all of them have, float (n, k)."""
    arms = tuple(dict.fromkeys(arm for one in asked for arm in one.contrast.arms))
    rows = []
    for row in cells.distinct(arms):
        line = []
        for one in asked:
            values = {arm: row[arm].values.get(one.reading) for arm in one.contrast.arms}
            known = {arm: value for arm, value in values.items() if value is not None}
            if len(known) == len(values):
                line.append(weighted(known, one.contrast.weights))
        if len(line) == len(asked):
            rows.append(line)
    return np.array(rows, np.float64).reshape(-1, len(asked))
