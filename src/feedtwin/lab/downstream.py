"""What language models made of a run: its numbers beside those of the same world answered by stand-ins alone.

Same settings, seed and replicate; only who answers differs, so what differs follows from the answers. It is one
pair of runs: a difference is what happened here, not an interval.
"""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from feedtwin.errors import SettingsError
from feedtwin.kernels.binding import Kernels
from feedtwin.lab.language import uses_language
from feedtwin.lab.metrics import measure
from feedtwin.lab.run_data import read_run
from feedtwin.record.reader import Run
from feedtwin.schema.settings import Settings
from feedtwin.world.running import OnProgress, Progress, RunOptions, start


@dataclass(frozen=True)
class Outcome:
    """One metric of a run, and of the same world with stand-ins."""

    metric: str
    unit: str
    run: float
    stand_ins: float

    @property
    def difference(self) -> float:
        """How much more the run has."""
        return self.run - self.stand_ins


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
    path: str | Path, kernels: Kernels, on_progress: OnProgress = _quiet
) -> list[Outcome]:
    """Run a run's world again with stand-ins, in a folder that is thrown away, and compare metrics.

    Raises:
        SettingsError: The run uses no language model, is a fork or has no step yet.
    """
    run = Run.open(path)
    segments = run.frames[0].payload["segments"]
    if not uses_language(run) or len(segments) > 1 or run.frames[0].payload["start_step"]:
        raise SettingsError(
            f"{path}: found {'a fork' if uses_language(run) else 'no language model'}; expected a run from step 0 that "
            "uses one. Run the fork's settings from the beginning to compare them"
        )
    if run.last_step < 0:
        raise SettingsError(f"{path}: the run has no committed step yet; go on with it first")
    settings = with_stand_ins(Settings.model_validate(segments[0]["settings"]))
    level = str(run.frames[0].payload["log"])
    with TemporaryDirectory() as folder:
        other = Path(folder) / "run"
        start(settings, other, RunOptions(run.last_step + 1, level), kernels, on_progress)
        ours, theirs = measure(read_run(path)), measure(read_run(other))
    found = []
    for name, reading in ours.items():
        other_value = theirs[name].value if name in theirs else None
        if reading.value is not None and other_value is not None:
            found.append(Outcome(name, reading.metric.unit, reading.value, other_value))
    return found
