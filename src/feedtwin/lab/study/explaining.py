"""Why an effect came about: where two paired runs part, and which part of the effect went through which twin."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from feedtwin.errors import SettingsError
from feedtwin.kernels.binding import Kernels, load
from feedtwin.lab.language import uses_language
from feedtwin.lab.machine import usable_cores
from feedtwin.lab.metrics import METRICS
from feedtwin.lab.metrics.metric import read
from feedtwin.lab.numbers import significant
from feedtwin.lab.run_data import RunData, read_run
from feedtwin.lab.statistics import Difference, difference
from feedtwin.lab.statistics.hierarchical import over_draws, spanning
from feedtwin.lab.statistics.paired import IDENTICAL
from feedtwin.lab.study.plan import WHOLE
from feedtwin.lab.study.posterior import DRAW
from feedtwin.lab.study.result import Effect, StudyResult
from feedtwin.lab.study.since import since
from feedtwin.lab.study.tables import read_result
from feedtwin.record.reader import Run
from feedtwin.world.comparing import Divergence, compare
from feedtwin.world.freezing import (
    EXPOSURE,
    SUPPLY,
    Decisions,
    decisions_of,
    jaccard,
    run_frozen,
)
from feedtwin.world.options import RunOptions
from feedtwin.world.replay import segments_of, start_step_of
from feedtwin.world.running import start
from feedtwin.world.segments import Segment

REPLICATES: Final = 6
"""Replicates that are taken apart by default; each is executed four more times."""
MEANINGS: Final = {
    "supply": "through what creators make: the effect less what is left when the base's uploads are made",
    "exposure": "through what is shown: what is left then, less what is left when the base's slates are served too",
    "behaviour": "through what people do about the same videos and slates: what is left with both held",
    "exposure alone": "the effect less what is left when only the base's slates are served: the same in another order",
}


@dataclass(frozen=True)
class Part:
    """A part of an effect: through which twin, how much, and how sure.

    Attributes:
        name: Through what.
        meaning: The same in words.
        found: How much of the effect.
        share: Of the whole effect; None where it or the part cannot be told from zero, of which a percentage would say
            nothing. A part that is zero in every pair is a share of 0.
    """

    name: str
    meaning: str
    found: Difference
    share: float | None


@dataclass(frozen=True)
class Explanation:
    """Why an effect came about.

    Attributes:
        effect: The effect, as the study estimated it.
        policy: What the treatment changes of the base, as `path=value` texts.
        replicate: The pair whose divergence is shown.
        runs: Their run folders, base first.
        divergence: The first row in which they differ and what led to it; None where they never differ.
        path: From the policy line to the metric, in sentences.
        in_common: Share of (user, video) pairs served in either run that were served in both; None where they ask
            language models.
        parts: What the effect consists of; they add up to `total`. () where they were not asked for.
        total: The effect in the replicates that were taken apart.
        replayed: Share of requests that could be served the base's slates while exposure was held.
    """

    effect: Effect
    policy: tuple[str, ...]
    replicate: int
    runs: tuple[Path, Path]
    divergence: Divergence | None
    path: tuple[str, ...]
    in_common: float | None
    parts: tuple[Part, ...]
    total: Difference | None
    replayed: float | None


OnPart = Callable[[int, int], None]


def explain_effect(
    path: str | Path,
    metric: str,
    *,
    contrast: str | None = None,
    replicates: int = REPLICATES,
    parts: bool = True,
    kernels: Kernels | None = None,
    on_progress: OnPart = lambda done, total: None,
) -> Explanation:
    """Explain an effect of a finished study.

    Args:
        path: The study's folder.
        metric: Name of a metric that it estimates.
        contrast: Name of the contrast; the first with that metric by default.
        replicates: Replicates to take apart, the first of the study; at least 2.
        parts: Whether to take the effect apart (each replicate is executed four more times).
        kernels: The kernels to use.
        on_progress: Called with runs done and in all.

    Raises:
        SettingsError: The study has no such effect, or the contrast is not of two arms.
        RunFolderError: There is no finished study, or its cells are gone.
    """
    result = read_result(path)
    effect = _effect(result, metric, contrast)
    arms = effect.treatment, effect.base
    known = sorted(
        {one.replicate for one in result.readings if one.arm == arms[0]}
        & {one.replicate for one in result.readings if one.arm == arms[1]}
    )
    use = kernels or load("auto", usable_cores())
    runs = result.cell_path(arms[1], known[0]), result.cell_path(arms[0], known[0])
    asks = any(uses_language(Run.open(run)) for run in runs)
    if asks and parts:
        raise SettingsError(
            f"{result.path}: {' or '.join(arms)} asks language models, and a world that is executed again with one "
            "twin held would ask what nobody has answered; expected arms without them, or --no-parts, which says "
            "where they part"
        )
    found = compare(*runs, use)
    chosen = known[:replicates] if parts else []
    taken = _Taken(result, effect, use, on_progress, len(chosen))
    for replicate in chosen:
        taken.apart(replicate)
    in_common = taken.in_common
    if not chosen and not asks:
        in_common = jaccard(_decisions(runs[0], use), _decisions(runs[1], use))
    policy = _policy_lines(result, arms)
    return Explanation(
        effect=effect,
        policy=policy,
        replicate=known[0],
        runs=runs,
        divergence=found.divergence,
        path=_path(policy, found.divergence, effect, in_common),
        in_common=in_common,
        parts=taken.parts(),
        total=taken.total(),
        replayed=taken.replayed,
    )


def _effect(result: StudyResult, metric: str, contrast: str | None) -> Effect:
    names = sorted({one.metric for one in result.effects})
    candidates = [one for one in result.effects if one.metric == metric and one.cohort == WHOLE]
    if not candidates:
        from feedtwin.schema.nearest import suggest

        raise SettingsError(
            f"{result.path}: no effect on {metric!r} in everyone{suggest(metric, names)} (there is: {', '.join(names)})"
        )
    if contrast is not None:
        known = [one.contrast for one in candidates]
        candidates = [one for one in candidates if one.contrast == contrast]
        if not candidates:
            raise SettingsError(
                f"{result.path}: no contrast {contrast!r} of {metric}; there is: {', '.join(known)}"
            )
    for one in candidates:
        if {one.treatment, one.base} <= set(result.provenance.arms):
            return one
    raise SettingsError(
        f"{result.path}: {candidates[0].contrast} is a mean over arms; expected a contrast of two arms to explain: "
        "add an estimand `contrast: ARM - ARM` to the study"
    )


def _policy_lines(result: StudyResult, arms: tuple[str, str]) -> tuple[str, ...]:
    """What the treatment sets otherwise than the base."""
    told = []
    for name in arms:
        arm = result.provenance.arms[name]
        policies = {f"policies.{lever}": policy for lever, policy in arm["policies"].items()}
        told.append({**arm["parameters"], **policies})
    treatment, base = told
    lines = []
    for path in sorted(set(treatment) | set(base)):
        new, old = treatment.get(path, "the study's own"), base.get(path, "the study's own")
        if new != old:
            lines.append(f"{path}: {new} instead of {old}")
    return tuple(lines)


def _path(
    policy: Sequence[str], parted: Divergence | None, effect: Effect, in_common: float | None
) -> tuple[str, ...]:
    """From the policy line to the metric."""
    lines = [f"policy line: {line}" for line in policy]
    if parted is None:
        return (*lines, "no event of any step differs: the policy reaches nothing in this world")
    lines += [f"read by: {line}" for line in parted.cause[:1]]
    who = "" if parted.user is None else f" of user {parted.user}"
    lines.append(
        f"first difference: step {parted.step}, phase {parted.phase}: {parted.event}{who}, {parted.column} "
        f"{parted.value_b} instead of {parted.value_a}"
    )
    if in_common is not None:
        lines.append(
            f"it spreads: of all (user, video) pairs served in either run, {in_common:.1%} were served in both"
        )
    if effect.estimate is not None:
        lines.append(
            f"in the end: {effect.metric} {significant(effect.estimate, 4, sign=True)} {effect.unit} ({effect.verdict})"
        )
    return tuple(lines)


def _decisions(run_path: Path, kernels: Kernels) -> Decisions:
    run = Run.open(run_path)
    return decisions_of(segments_of(run), start_step_of(run), run.last_step + 1, kernels)


def is_clear(found: Difference) -> bool:
    """Whether a difference can be told from zero."""
    return found.p is not None and found.p < round(1 - found.confidence, 12)


def share_of(part: Difference, total: Difference) -> float | None:
    """Return a part as a share of the whole, 0 where it is nothing in every pair; None where either may be nothing."""
    if not is_clear(total):
        return None
    if part.method == IDENTICAL:
        return 0.0
    return part.estimate / total.estimate if is_clear(part) else None


class _Taken:
    """Effects of some replicates, taken apart."""

    def __init__(
        self,
        result: StudyResult,
        effect: Effect,
        kernels: Kernels,
        on_progress: OnPart,
        replicates: int,
    ) -> None:
        self._result, self._effect, self._kernels = result, effect, kernels
        self._metric = METRICS[effect.metric]
        self._values: dict[str, list[float]] = {}
        self._draws: list[int] = []
        self._common: list[float] = []
        self._shares: list[float] = []
        self._on_progress, self._runs, self._done = on_progress, 4 * replicates, 0

    def apart(self, replicate: int) -> None:
        """Execute one replicate with parts held, and keep what the metric was then."""
        treated, base = (
            self._result.cell_path(arm, replicate)
            for arm in (self._effect.treatment, self._effect.base)
        )
        run, base_run = Run.open(treated), Run.open(base)
        segments, at, steps = segments_of(run), start_step_of(run), run.last_step + 1
        with tempfile.TemporaryDirectory(prefix="feedtwin-") as scratch:
            past = self._past(segments, at, Path(scratch))
            held = decisions_of(segments_of(base_run), at, steps, self._kernels)
            self._tick()
            values = {
                "base": self._measure(read_run(base), past),
                "treatment": self._measure(read_run(treated), past),
            }
            for name, parts in _HELD.items():
                out = Path(scratch) / name
                level = "full" if self._metric.needs_log else "digest"
                options = RunOptions(steps, level, steps)
                finished, replayed = run_frozen(
                    segments, at, held, parts, out, options, self._kernels
                )
                values[name] = self._measure(read_run(finished.path), past)
                if EXPOSURE in parts:
                    self._shares.append(replayed.share)
                self._tick()
        known = {name: value for name, value in values.items() if value is not None}
        if len(known) == len(values):
            for name, value in known.items():
                self._values.setdefault(name, []).append(value)
            self._draws += (
                [segments[0].settings.parameters[DRAW]] if self._result.provenance.draws else []
            )
        mine = decisions_of(segments, at, steps, self._kernels)
        common = jaccard(held, mine)
        if common is not None:
            self._common.append(common)

    def _past(self, segments: Sequence[Segment], at: int, scratch: Path) -> RunData | None:
        """What was counted before the arms parted, so that it can be taken off."""
        if not at:
            return None
        options = RunOptions(at, "digest", at)
        start(segments[0].settings, scratch / "past", options, self._kernels)
        return read_run(scratch / "past")

    def _measure(self, data: RunData, past: RunData | None) -> float | None:
        return read(self._metric, data if past is None else since(data, past)).value

    def _tick(self) -> None:
        self._done += 1
        self._on_progress(self._done, self._runs)

    @property
    def in_common(self) -> float | None:
        """Mean share of pairs served in both runs."""
        return float(np.mean(self._common)) if self._common else None

    @property
    def replayed(self) -> float | None:
        """Mean share of requests that got the base's slate while exposure was held."""
        return float(np.mean(self._shares)) if self._shares else None

    def total(self) -> Difference | None:
        """The effect in these replicates."""
        return self._difference("treatment", "base")

    def parts(self) -> tuple[Part, ...]:
        """The parts of the effect, in the order in which they are held."""
        total = self.total()
        steps = {
            "supply": ("treatment", "supply held"),
            "exposure": ("supply held", "both held"),
            "behaviour": ("both held", "base"),
            "exposure alone": ("treatment", "exposure held"),
        }
        out = []
        for name, (more, less) in steps.items():
            found = self._difference(more, less)
            if found is None or total is None:
                continue
            out.append(Part(name, MEANINGS[name], found, share_of(found, total)))
        return tuple(out)

    def _difference(self, more: str, less: str) -> Difference | None:
        if more not in self._values:
            return None
        a, b = np.array(self._values[more]), np.array(self._values[less])
        confidence = self._effect.confidence
        drawn = over_draws(a - b, np.array(self._draws, np.int64), confidence)
        return spanning(difference(a, b, confidence=confidence), drawn)


_HELD: Final = {
    "supply held": (SUPPLY,),
    "both held": (SUPPLY, EXPOSURE),
    "exposure held": (EXPOSURE,),
}
