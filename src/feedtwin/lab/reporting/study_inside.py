"""Figures from the logs of a study's own runs: adoption in all of them, an example from the base's first."""

from collections.abc import Callable, Iterable
from pathlib import Path

from feedtwin.lab import figures
from feedtwin.lab.figures import Basis, Chart
from feedtwin.lab.figures.adoption import Adoption
from feedtwin.lab.reporting.study_words import arms_of
from feedtwin.lab.study.result import StudyResult
from feedtwin.record.folder import read_manifest
from feedtwin.record.reader import Run

Kept = Callable[[str, str, Iterable[Chart | None]], list[Chart]]
"""Keeps the charts that are there, and notes a title and a reason where none is."""


def inside(result: StudyResult, basis: Basis, kept: Kept) -> list[Chart]:
    """Return what the runs of a study show by themselves."""
    runs = _runs(result)
    first = result.provenance.base or arms_of(result)[0]
    if not runs[first]:
        return kept("Inside the runs", "the folders of the runs are gone", [])
    example = Run.open(runs[first][0])
    why = "nothing of the kind happened" if example.has_events else (
        "the runs keep no events: no metric of the study needs them"
    )  # fmt: skip
    plans = {arm: _adoptions(paths) for arm, paths in runs.items()}
    single = Basis(
        f"1 run as an example (arm {first}), no interval",
        f"seed {result.provenance.seed}, replicate {example.manifest['replicate']}", basis.calibration,
    )  # fmt: skip
    no_model = "no language model was asked"
    return [
        *kept("Adoption of campaign plans", why, [figures.adoption(plans, basis)]),
        *kept("How far uploads get", why, [figures.exposure_stages(example, single)]),
        *kept("Life of a trend", why, [figures.trend_lifecycle(example, single)]),
        *kept("Budget of language models", no_model, [figures.budget_burn_down(example, single)]),
    ]


def _adoptions(paths: Iterable[Path]) -> list[Adoption]:
    found = []
    for path in paths:
        manifest = read_manifest(path)
        if manifest["log"] == "full" and manifest["settings"]["policies"]["campaigns"] != "none":
            one = figures.adoption_of(Run.open(path))
            found += [] if one is None else [one]
    return found


def _runs(result: StudyResult) -> dict[str, list[Path]]:
    """The folders of the distinct runs of each arm that are still there."""
    found: dict[str, dict[str, Path]] = {}
    for one in result.readings:
        mine = found.setdefault(one.arm, {})
        mine.setdefault(one.digest, result.cell_path(one.arm, one.replicate))
    return {arm: [one for one in paths.values() if one.exists()] for arm, paths in found.items()}
