"""What must not matter does not: order of handlers, threads, kernels, labels; and a change without a causal path."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from feedtwin.errors import DeterminismError
from feedtwin.kernels.binding import load
from feedtwin.lab.auditing.finding import FAILED, PASSED, SKIPPED, Finding
from feedtwin.lab.metrics.metric import PLACEBO
from feedtwin.record.reader import Run
from feedtwin.schema.settings import assign
from feedtwin.world.counsel import Counsel
from feedtwin.world.replay import segments_of, start_step_of
from feedtwin.world.segments import Segment, advance, begin

STEPS: Final = 6
"""Steps of a run that are executed again by each check; `feedtwin replay` executes all of them."""


def check_invariance(run: Run, steps: int = STEPS) -> Iterator[Finding]:
    """Yield whether a run's first steps come out the same where only what must not matter is changed.

    What language models answered is taken from the journal; nobody is asked.
    """
    segments, first = segments_of(run), start_step_of(run)
    until = min(first + steps, run.last_step + 1)
    said = f"steps {first} to {until - 1}"
    ways = {
        "re-execution": ("auto", 1, False, "executed again"),
        "order invariance": (
            "auto",
            2,
            True,
            "with twins' handlers in reverse order, on two threads",
        ),
    }
    for check, (kernel, threads, is_reversed, words) in ways.items():
        try:
            world = begin(segments, load(kernel, threads), _told(run), reverse_handlers=is_reversed)
            advance(
                world, segments, load(kernel, threads), until, run.commits.get,
                reverse_handlers=is_reversed,
            )  # fmt: skip
        except DeterminismError as error:
            yield Finding(check, FAILED, f"{said}, {words}: {error}")
        else:
            yield Finding(check, PASSED, f"{said}, {words}: every digest as in the journal")
    yield _placebo(run, segments, until)


def _told(run: Run) -> Counsel:
    """What language models answered in a run."""
    return Counsel.of_frames(run.frames, is_offline=True)


def _placebo(run: Run, segments: Sequence[Segment], until: int) -> Finding:
    """A setting without a causal path to anything must leave every digest as it is."""
    path, _, value = PLACEBO.partition("=")
    used = any(
        one.settings.parameters["promotion.gates"] == "absolute"
        or one.settings.parameters[path] == float(value)
        or ":" in one.settings.policies["promotion"]
        for one in segments
    )
    changed = [replace(one, settings=assign(one.settings, [PLACEBO])) for one in segments]
    if used:
        return Finding("placebo", SKIPPED, f"{path} is in use in this world, so it is no placebo")
    kernels = load("auto", 1)
    try:
        world = begin(changed, kernels, _told(run))
        advance(world, changed, kernels, until, run.commits.get)
    except DeterminismError as error:
        return Finding(
            "placebo",
            FAILED,
            f"{PLACEBO} has no causal path to anything, yet the run changed: {error}",
        )
    return Finding("placebo", PASSED, f"{PLACEBO}, which acts on nothing, changed nothing")
