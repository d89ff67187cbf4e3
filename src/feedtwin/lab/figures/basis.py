"""What the captions of a run's and of a study's figures say: n, seeds and state of calibration."""

from typing import TYPE_CHECKING

from feedtwin.lab.figures.chart import Basis
from feedtwin.lab.figures.words import plural
from feedtwin.lab.study.result import StudyResult

if TYPE_CHECKING:
    from feedtwin.record.reader import Run


def basis_of_run(run: "Run") -> Basis:
    """Return what the numbers of one run rest on."""
    manifest = run.manifest
    return Basis(
        "1 run, no interval",
        f"seed {manifest['seed']}, replicate {manifest['replicate']}",
        str(manifest["calibration"]),
    )


def basis_of_study(result: StudyResult) -> Basis:
    """Return what the numbers of a study rest on: pairs of distinct runs."""
    about = result.provenance
    counts = sorted({one.n_effective for one in result.effects})
    n = f"{plural(about.replicates, 'pair')} of runs"
    if counts != [about.replicates]:
        few = " to ".join(str(one) for one in dict.fromkeys((counts or [0])[:1] + counts[-1:]))
        n = f"{few} distinct pairs of runs, of {plural(about.replicates, 'replicate')}"
    if about.draws:
        n = f"{n}, over {about.draws} posterior draws"
    return Basis(n, f"seed {about.seed}, replicates 0 to {about.replicates - 1}", about.calibration)
