"""What language models made of runs: their numbers beside those of the same worlds answered by stand-ins alone.

Same settings, seed and replicate; only who answers differs, so what differs follows from the answers. One pair of
runs is what happened there; over pairs of several replicates a difference has an interval.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from feedtwin.errors import SettingsError
from feedtwin.kernels.binding import Kernels
from feedtwin.lab.fidelity import distinct
from feedtwin.lab.language import uses_language
from feedtwin.lab.metrics import measure
from feedtwin.lab.metrics.metric import Reading
from feedtwin.lab.run_data import read_run
from feedtwin.lab.statistics import difference
from feedtwin.record.reader import Run
from feedtwin.schema.settings import Settings
from feedtwin.world.running import OnProgress, Progress, RunOptions, start


@dataclass(frozen=True)
class Outcome:
    """One metric of runs, and of the same worlds with stand-ins.

    Attributes:
        metric: Its name.
        unit: Its unit.
        n: Pairs of runs.
        run: Mean over the runs.
        stand_ins: Mean over the same worlds with stand-ins.
        difference: How much more the runs have.
        low: Lower end of its 95 % interval; None where one pair gives none.
        high: Upper end.
    """

    metric: str
    unit: str
    n: int
    run: float
    stand_ins: float
    difference: float
    low: float | None
    high: float | None

    @property
    def is_distinguishable(self) -> bool:
        """Whether the interval leaves 0 out; one pair of runs cannot say."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


def with_stand_ins(settings: Settings) -> Settings:
    """Return settings in which rules answer every task that is on."""
    changed = {
        path: "surrogate"
        for path, value in settings.parameters.items()
        if path.startswith("llm.") and path.endswith(".source") and value != "off"
    }
    return settings.model_copy(update={"parameters": {**settings.parameters, **changed}})


def _quiet(progress: Progress) -> None:
    """Report to nobody."""


def downstream(
    runs: Sequence[str | Path], kernels: Kernels, on_progress: OnProgress = _quiet
) -> list[Outcome]:
    """Run the worlds of runs again with stand-ins, in folders that are thrown away, and compare metrics.

    Args:
        runs: Run folders: replicates of one world, at least one.
        kernels: The kernels to use.
        on_progress: Called after each step.

    Raises:
        SettingsError: A run uses no language model, is a fork or has no step yet; or the runs are no replicates of
            one world.
    """
    opened = [_checked(path) for path in distinct(runs)]
    _check_replicates(opened)
    pairs = [_pair(run, kernels, on_progress) for run in opened]
    found = []
    for name, reading in pairs[0][0].items():
        both = [(a[name].value, b[name].value) for a, b in pairs if name in a and name in b]
        values = [(a, b) for a, b in both if a is not None and b is not None]
        if values:
            run, stand_ins = (np.array(column) for column in zip(*values, strict=True))
            one = difference(run, stand_ins)
            found.append(
                Outcome(
                    name, reading.metric.unit, len(values), float(run.mean()), float(stand_ins.mean()),
                    one.estimate, one.low, one.high,
                )
            )  # fmt: skip
    return found


def _checked(path: Path) -> Run:
    run = Run.open(path)
    if not uses_language(run) or len(_segments(run)) > 1 or run.frames[0].payload["start_step"]:
        raise SettingsError(
            f"{path}: found {'a fork' if uses_language(run) else 'no language model'}; expected a run from step 0 that "
            "uses one. Run the fork's settings from the beginning to compare them"
        )
    if run.last_step < 0:
        raise SettingsError(f"{path}: the run has no committed step yet; go on with it first")
    return run


def _segments(run: Run) -> list[Mapping[str, object]]:
    found: list[Mapping[str, object]] = run.frames[0].payload["segments"]
    return found


def _settings(run: Run) -> Settings:
    return Settings.model_validate(_segments(run)[0]["settings"])


def _check_replicates(runs: Sequence[Run]) -> None:
    """Refuse runs whose differences do not speak about one thing."""
    first = _settings(runs[0])
    known: dict[tuple[int, int], Run] = {}
    for run in runs:
        settings = _settings(run)
        chance = settings.seed, settings.replicate
        if chance in known:
            raise SettingsError(
                f"{run.path}: has seed {settings.seed} and replicate {settings.replicate} as {known[chance].path} has; "
                "expected another replicate (feedtwin run --replicate N)"
            )
        known[chance] = run
        same = settings.model_copy(update={"seed": first.seed, "replicate": first.replicate})
        if same != first or run.last_step != runs[0].last_step:
            raise SettingsError(
                f"{run.path}: has other settings or another length than {runs[0].path}; expected replicates of one "
                "world, which differ in seed or replicate alone"
            )


def _pair(
    run: Run, kernels: Kernels, on_progress: OnProgress
) -> tuple[Mapping[str, Reading], Mapping[str, Reading]]:
    """Return the readings of a run and of its world with stand-ins."""
    level = str(run.frames[0].payload["log"])
    with TemporaryDirectory() as folder:
        other = Path(folder) / "run"
        options = RunOptions(run.last_step + 1, level)
        start(with_stand_ins(_settings(run)), other, options, kernels, on_progress)
        return measure(read_run(run.path)), measure(read_run(other))
