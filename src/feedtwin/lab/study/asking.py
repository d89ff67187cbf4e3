"""Estimands: metric x contrast x cohort x steps, each checked to be possible."""

from collections.abc import Callable, Mapping, Sequence

from feedtwin.errors import SettingsError
from feedtwin.lab.metrics import METRICS
from feedtwin.lab.metrics.metric import Metric
from feedtwin.lab.study import designs
from feedtwin.lab.study.cohorts import why_not
from feedtwin.lab.study.file_schema import EstimandPart, StudyFile
from feedtwin.lab.study.plan import (
    WHOLE,
    Arm,
    Cohort,
    Contrast,
    Estimand,
    Factor,
    margin_of,
)
from feedtwin.schema.nearest import suggest

Refuse = Callable[[str], SettingsError]
At = Callable[[str], Refuse]


def estimands_of(
    raw: StudyFile,
    arms: Mapping[str, Arm],
    base: str,
    factors: Sequence[Factor],
    cohorts: Mapping[str, Cohort],
    at: At,
) -> tuple[Estimand, ...]:
    """Return the estimands of a study file, one per metric, contrast and cohort.

    Raises:
        SettingsError: A metric, arm, factor, level or cohort is unknown; or the metric does not exist over those
            steps or in that cohort; or two estimands have one name.
    """
    found: dict[str, Estimand] = {}
    for place, part in enumerate(raw.estimands):
        path = f"estimands[{place}]"
        contrasts = _contrasts(part, arms, base, factors, at(f"{path}.contrast"))
        metrics = [part.metric] if isinstance(part.metric, str) else part.metric
        chosen = part.cohort if isinstance(part.cohort, list) else [part.cohort or WHOLE]
        many = len(contrasts) * len(metrics) * len(chosen) > 1
        for metric in metrics:
            known = _metric(metric, at(f"{path}.metric"))
            for name in chosen:
                first, last = _steps(part, known, raw.horizon, at(f"{path}.steps"))
                _check_cohort(name, known, cohorts, at(f"{path}.cohort"))
                for contrast in contrasts:
                    one = _estimand(part, known, contrast, name, (first, last), raw.horizon, many)
                    if one.name in found:
                        raise at(path)(
                            f"two estimands are called {one.name!r}; expected names of their own: give one a `name`"
                        )
                    found[one.name] = one
    return tuple(found.values())


def _metric(name: str, refuse: Refuse) -> Metric:
    if name not in METRICS:
        hint = suggest(name, METRICS) or "; see `feedtwin list metrics`"
        raise refuse(f"no metric is called {name!r}{hint}")
    return METRICS[name]


def _contrasts(
    part: EstimandPart, arms: Mapping[str, Arm], base: str, factors: Sequence[Factor], refuse: Refuse
) -> list[Contrast]:  # fmt: skip
    if part.contrast is None:
        return designs.default_contrasts(arms, base, factors, refuse)
    if isinstance(part.contrast, dict):
        texts = {name: str(value) for name, value in part.contrast.items()}
        return [designs.between_levels(texts, arms, factors, refuse)]
    wanted = [part.contrast] if isinstance(part.contrast, str) else part.contrast
    return [designs.between_arms(text, arms, refuse) for text in wanted]


def _steps(part: EstimandPart, metric: Metric, horizon: int, refuse: Refuse) -> tuple[int, int]:
    first, last = part.steps or (0, horizon)
    if not 0 <= first < last <= horizon:
        raise refuse(
            f"steps [{first}, {last}]: expected 0 <= first < last <= {horizon}, the study's horizon; they count "
            "from the end of the warm-up"
        )
    if metric.why_no_part and (first, last) != (0, horizon):
        raise refuse(
            f"steps [{first}, {last}]: {metric.why_no_part}; expected [0, {horizon}], or another metric"
        )
    return first, last


def _check_cohort(name: str, metric: Metric, cohorts: Mapping[str, Cohort], refuse: Refuse) -> None:
    if name == WHOLE:
        return
    if name not in cohorts:
        known = ", ".join(cohorts) or "none: the study declares no cohorts"
        raise refuse(f"no cohort is called {name!r}{suggest(name, cohorts)} (there is: {known})")
    problem = why_not(metric, cohorts[name])
    if problem:
        raise refuse(problem)


def _estimand(
    part: EstimandPart,
    metric: Metric,
    contrast: Contrast,
    cohort: str,
    steps: tuple[int, int],
    horizon: int,
    many: bool,
) -> Estimand:
    words = [metric.name, contrast.name]
    words += [cohort] if cohort != WHOLE else []
    words += [f"steps {steps[0]}-{steps[1]}"] if steps != (0, horizon) else []
    made = " | ".join(words)
    name = made if part.name is None else (f"{part.name} | {made}" if many else part.name)
    margin, claim = None, ""
    if part.no_harm is not None:
        margin, claim = margin_of(metric.direction, part.no_harm), "no harm"
    if part.equivalent_within is not None:
        margin, claim = (-part.equivalent_within, part.equivalent_within), "equivalence"
    return Estimand(
        name, metric.name, contrast, cohort, steps[0], steps[1], part.smallest_effect, margin, claim
    )
