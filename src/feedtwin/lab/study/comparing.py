"""Studies from Python: run one by name or file, or compare two policies in a line."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from feedtwin.errors import SettingsError
from feedtwin.lab.metrics import METRICS
from feedtwin.lab.study.executors import Executor
from feedtwin.lab.study.reading import parse_study, read_study
from feedtwin.lab.study.result import StudyResult
from feedtwin.lab.study.running import OnStudyProgress, run_study
from feedtwin.schema.nearest import suggest
from feedtwin.schema.parameters import parse_assignment
from feedtwin.schema.settings import DEFAULT_WORLD
from feedtwin.schema.yaml_reader import Document

DEFAULT_METRICS: Final = ("watch_s", "skip_rate", "session_length", "view_gini_videos")

Overlay = str | Sequence[str] | Mapping[str, Any]
"""An arm: a `path=value` text, several, or a mapping of paths to values."""


def study(
    source: str | Path,
    *,
    replicates: int | None = None,
    quick: bool = False,
    posterior: int = 0,
    out: str | Path | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    on_progress: OnStudyProgress = lambda progress: None,
) -> StudyResult:
    """Run a study by name or file, and return what it found.

    Args:
        source: Name of a built-in study, or path of a YAML file.
        replicates: Replicates (or their cap) instead of the file's.
        quick: A quick look: fewer replicates, a shorter horizon.
        posterior: Draws of its fitted preset to repeat it over; 0 for the point estimates alone.
        out: The study's folder, `studies/<name>` by default; finished cells in it are reused.
        workers: Local processes; one per usable core by default.
        executor: Where cells run instead.
        on_progress: Called after every cell.

    Raises:
        FeedtwinError: The study is not possible (nothing has run then), or a cell cannot be run.
    """
    found = read_study(source, quick=quick, replicates=replicates, posterior=posterior)
    return run_study(found, out, workers=workers, executor=executor, on_progress=on_progress)


def compare(
    base: Overlay,
    treatment: Overlay,
    *,
    world: str = DEFAULT_WORLD,
    metrics: Sequence[str] = DEFAULT_METRICS,
    replicates: int = 20,
    steps: int = 48,
    warmup: int = 0,
    users: int | None = None,
    seed: int = 7,
    sets: Overlay = (),
    name: str = "compare",
    out: str | Path | None = None,
    workers: int | None = None,
    on_progress: OnStudyProgress = lambda progress: None,
    **more: Any,
) -> StudyResult:
    """Compare two policies over paired replicates: treatment - base, with intervals.

    Args:
        base: What the first arm changes: `path=value` texts as for `--set`, or a mapping; () for nothing.
        treatment: What the second arm changes.
        world: Name of a world, or path of its file.
        metrics: Names of metrics (`feedtwin list metrics`).
        replicates: Paired replicates.
        steps: Hours that are measured.
        warmup: Hours before them that both arms share.
        users: Number of users; None for the world's own.
        seed: Root seed.
        sets: What both arms change.
        name: Name of the study, and of its folder below `studies/`.
        out: The study's folder instead.
        workers: Local processes; one per usable core by default.
        on_progress: Called after every cell.
        more: Further keys of a study file: cohorts, correction, distributions, over_time, ...

    Raises:
        FeedtwinError: Something is unknown or impossible (nothing has run then), or a cell cannot be run.

    Two run folders are compared by `feedtwin.divergence`, which says where and why they part.
    """
    for metric in metrics:
        if metric not in METRICS:
            hint = suggest(metric, METRICS) or "; see feedtwin.METRICS for those there are"
            raise SettingsError(f"compare: no metric is called {metric!r}{hint}")
    values: dict[str, Any] = {
        "name": name,
        "world": world,
        "seed": seed,
        "horizon": steps,
        "warmup": warmup,
        "replicates": replicates,
        "arms": {"base": overlay(base), "treatment": overlay(treatment)},
        "estimands": [{"metric": list(metrics)}],
        **overlay(sets),
        **more,
    }
    if users is not None:
        values["users"] = users
    found = parse_study(Document("compare", values, {}), name)
    return run_study(found, out, workers=workers, on_progress=on_progress)


def overlay(told: Overlay) -> dict[str, dict[str, Any]]:
    """Return an arm's overlay from `path=value` texts or a mapping; `policies.<lever>` names a policy."""
    if isinstance(told, Mapping):
        pairs = [(str(path), value) for path, value in told.items()]
    else:
        pairs = [parse_assignment(text) for text in ([told] if isinstance(told, str) else told)]
    start = "policies."
    return {
        "parameters": {path: value for path, value in pairs if not path.startswith(start)},
        "policies": {
            path.removeprefix(start): str(value) for path, value in pairs if path.startswith(start)
        },
    }
