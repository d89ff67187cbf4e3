"""What is wrong with a study that its numbers alone do not say: inert factors and budgets, copies, dead metrics."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Final

import numpy as np

from feedtwin.lab.metrics import METRICS
from feedtwin.lab.numbers import significant
from feedtwin.lab.study.cells import words_of_alike
from feedtwin.lab.study.estimating import Cells, sides
from feedtwin.lab.study.plan import Arm, Study
from feedtwin.lab.study.posterior import FEWEST, too_few_trials, unidentified
from feedtwin.lab.study.result import Effect, Warned

CAP_WORDS: Final = re.compile(r"(budget|capacity|quota|limit|_cap|cap_|_max)")
"""What the path of a parameter that caps something contains."""
FEW: Final = 8
"""Fewer pairs than this rest on the sign-flip test alone."""


def warnings_of(
    study: Study, cells: Cells, effects: Sequence[Effect], precision: str
) -> tuple[Warned, ...]:
    """Return every warning of a study, copies and inert parts first."""
    return (
        *_copies(study, cells),
        *_inert_factors(study, cells),
        *_dead_metrics(study, cells),
        *_of_effects(effects),
        *_few(cells, study, precision),
        *_without_windows(study),
        *_short_window(study),
        *_of_runs(cells),
        *_of_posterior(study),
    )


def groups_of_copies(study: Study, cells: Cells) -> list[list[str]]:
    """Return groups of two or more arms whose runs are the same in every replicate."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for arm in study.arms:
        digests = tuple(cells.digests(arm).values())
        if digests:
            groups.setdefault(digests, []).append(arm)
    return [group for group in groups.values() if len(group) > 1]


def _copies(study: Study, cells: Cells) -> Iterator[Warned]:
    for group in groups_of_copies(study, cells):
        names = ", ".join(group)
        keys = {arm: tuple(one.key for one in cells.of(arm)) for arm in group}
        times = len(set(keys.values()))
        said = (
            words_of_alike(group)
            if times == 1
            else f"arms {names} gave identical runs in all {len(cells.replicates)} replicates: they are one arm, run {times} times "
            "and counted once"
        )
        yield Warned(
            "duplicate cells",
            names,
            f"{said}; a mean over them is no evidence from {len(group)} arms",
        )
        for one, two in combinations(group, 2):
            if keys[one] == keys[two]:  # nothing was changed that could have been inert
                continue
            changed = _changes(study.arms[one], study.arms[two])
            caps = {path: pair for path, pair in changed.items() if CAP_WORDS.search(path)}
            if caps and len(caps) == len(changed):
                yield _inert_budget(one, two, caps)
            elif changed and not study.factors and study.base in (one, two):
                other = two if one == study.base else one
                yield Warned(
                    "inert arm", other,
                    f"arm {other} changes {', '.join(changed)} and nothing came of it: every run equals the base's. "
                    "Is the mechanism on in this world (feedtwin list parameters)?",
                )  # fmt: skip


def _inert_budget(one: str, two: str, caps: Mapping[str, tuple[Any, Any]]) -> Warned:
    what = ", ".join(caps)
    pairs = "; ".join(f"{path} {a!r} and {b!r}" for path, (a, b) in caps.items())
    return Warned(
        "inert budget", what,
        f"arms {one} and {two} differ in {pairs} and gave identical runs: the cap never binds. Place caps at 0.25 to "
        "1.5 times what is used without one; these arms are replicates of each other, not two tiers",
    )  # fmt: skip


def _changes(one: Arm, two: Arm) -> dict[str, tuple[Any, Any]]:
    """Settings that differ between two arms' overlays; None where an arm leaves the common value."""
    left = {**one.parameters, **{f"policies.{k}": v for k, v in one.policies.items()}}
    right = {**two.parameters, **{f"policies.{k}": v for k, v in two.policies.items()}}
    paths = sorted(set(left) | set(right))
    return {
        path: (left.get(path), right.get(path))
        for path in paths
        if left.get(path) != right.get(path)
    }


def _inert_factors(study: Study, cells: Cells) -> Iterator[Warned]:
    for factor in study.factors:
        contexts: dict[tuple[str, ...], list[str]] = {}
        for arm in study.arms.values():
            others = tuple(level for name, level in arm.levels.items() if name != factor.name)
            contexts.setdefault(others, []).append(arm.name)
        compared = {others: arms for others, arms in contexts.items() if len(arms) > 1}
        inert = [
            others
            for others, arms in compared.items()
            if len({tuple(cells.digests(arm).values()) for arm in arms}) == 1
        ]
        if not inert:
            continue
        if len(inert) == len(compared):
            yield Warned(
                "inert factor", factor.name,
                f"factor {factor.name} ({', '.join(factor.levels)}) changed no event of any run: its levels are one "
                "experiment. Is its mechanism on, and does anybody read the parameter?",
            )  # fmt: skip
        else:
            where = "; ".join("/".join(others) for others in inert)
            yield Warned(
                "inert factor", factor.name,
                f"factor {factor.name} changed nothing where the others are at {where}: those cells are copies, and "
                "averaging over them dilutes its effect",
            )  # fmt: skip


def _dead_metrics(study: Study, cells: Cells) -> Iterator[Warned]:
    copies = {
        frozenset(pair)
        for group in groups_of_copies(study, cells)
        for pair in combinations(group, 2)
    }
    for wanted in study.wanted:
        values = [one.values.get(wanted) for one in cells]
        known = {value for value in values if value is not None}
        where = "" if wanted.cohort == "everyone" else f" in {wanted.cohort}"
        if len(known) == 1 and len(values) > 1:
            yield Warned(
                "dead metric", wanted.metric,
                f"{wanted.metric}{where} is {significant(known.pop(), 6, strip=True)} in every run of every arm: it cannot show an effect. Is "
                "what it counts on in this world?",
            )  # fmt: skip
            continue
        moved, asked = False, False
        for estimand in study.estimands:
            if estimand.reading != wanted or frozenset(estimand.contrast.arms) in copies:
                continue
            found = sides(cells, estimand.contrast, wanted)
            asked = asked or len(found.treatment) > 0
            moved = moved or bool(np.any(found.differences != 0))
        if asked and not moved:
            yield Warned(
                "dead metric", wanted.metric,
                f"{wanted.metric}{where} did not move in any pair of runs, though the runs differ: it measures nothing "
                "that these arms can change (is it computed on what is supplied, rather than on what is shown?)",
            )  # fmt: skip


def _of_effects(effects: Sequence[Effect]) -> Iterator[Warned]:
    for one in effects:
        if one.variance_ratio_high is not None and one.variance_ratio_high < 1:
            yield Warned(
                "pairing hurts", one.estimand,
                f"{one.estimand}: sharing chance made the difference noisier (variance ratio {significant(one.variance_ratio, 2)}); "
                "the estimate stays unbiased, its interval is wider than independent runs would give",
            )  # fmt: skip
        if one.n_effective < one.n and one.estimate is None:
            yield Warned(
                "undefined", one.estimand,
                f"{one.estimand}: no pair of runs has the metric; `readings` says why, run by run",
            )  # fmt: skip
        elif one.n_effective < one.n:
            yield Warned(
                "undefined", one.estimand,
                f"{one.estimand}: rests on {one.n_effective} of {one.n} replicates; in the others the metric is "
                "undefined, or the runs are copies",
            )  # fmt: skip


def _few(cells: Cells, study: Study, precision: str) -> Iterator[Warned]:
    count = len(cells.replicates)
    if precision and "not reached" in precision:
        yield Warned("precision", study.replication.estimand, precision)
    if count >= FEW:
        return
    of_p = f"p is the sign-flip test's, at least {significant(2 / 2**count, 2)}"
    if study.posterior:
        of_p = f"so does p, over {study.posterior} draws of the preset"
    yield Warned(
        "few replicates", str(count),
        f"{count} replicates: intervals assume normal differences and {of_p}; expected {FEW} or more for claims",
    )  # fmt: skip


def _of_posterior(study: Study) -> Iterator[Warned]:
    """What the draws do not settle, and what their number does to the intervals."""
    if not study.posterior:
        return
    each = study.replication.most // study.posterior
    if each < FEWEST:
        yield Warned(
            "posterior", str(study.posterior),
            f"{study.posterior} draws with one pair each: chance cannot be told from the parameters' uncertainty, and both "
            f"are in the intervals; expected {FEWEST} replicates or more",
        )  # fmt: skip
    if study.distributions:
        yield Warned(
            "posterior", ", ".join(study.distributions),
            "bands of distributions treat all pairs alike: they do not contain the parameters' uncertainty, the intervals of "
            "effects and levels do",
        )  # fmt: skip
    names, few = unidentified(study), too_few_trials(study)
    if names:
        why = (
            f"the recovery of its fit has too few trials to tell ({few}) whether its data identify {', '.join(names)}, so what the effects owe to "
            "them may be a choice of ours"
            if few
            else f"its data do not identify {', '.join(names)}; draws of these are close to the prior, so what the effects owe to them is a choice "
            "of ours"
        )
        yield Warned("not identified", ", ".join(names), f"{study.preset}: {why}")


def _without_windows(study: Study) -> Iterator[Warned]:
    if not study.over_time:
        return
    for name in dict.fromkeys(one.metric for one in study.estimands):
        why = METRICS[name].why_no_part
        if why:
            yield Warned("no effect over time", name, f"{why}: over_time has no rows of it")


def _short_window(study: Study) -> Iterator[Warned]:
    """Say that what is counted in the last window is counted in fewer steps."""
    if not study.over_time:
        return
    first, last = study.windows[-1]
    if last - first < study.over_time:
        yield Warned(
            "short window", f"steps {first}-{last}",
            f"the last window of over_time has {last - first} of {study.over_time} steps (steps {first}-{last} of {study.horizon}): "
            "what it counts is of fewer hours than in the others",
        )  # fmt: skip


def _of_runs(cells: Cells) -> Iterator[Warned]:
    found: dict[str, list[str]] = {}
    for one in cells:
        for note in one.notes:
            found.setdefault(re.sub(r"[0-9.]+ ?%", "more than 95 %", note), []).append(one.arm)
    for note, arms in found.items():
        names = ", ".join(dict.fromkeys(arms))
        yield Warned("run", names, f"{len(arms)} runs ({names}): {note}")
