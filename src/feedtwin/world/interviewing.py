"""Ask a user of a run what they like, feel, remember and are, at any step of it."""

from pathlib import Path
from typing import Any

import numpy as np

from feedtwin.errors import SettingsError
from feedtwin.kernels.binding import Kernels
from feedtwin.record.reader import Run
from feedtwin.schema.nearest import suggest
from feedtwin.twins.user.interview import QUESTIONS, Interviewed
from feedtwin.world.replay import segments_of, start_step_of
from feedtwin.world.running import restore
from feedtwin.world.world import World


def interview(
    path: Path, user: int, question: str | None, at: int | None, kernels: Kernels
) -> dict[str, Any]:
    """Return what a user of a run answers; nothing is written.

    Args:
        path: The run.
        user: Who is asked.
        question: A name of `QUESTIONS`; None asks for everything.
        at: The step at whose end the user is asked; None for the last one that the run has.
        kernels: The kernels with which the step is reached again.

    Raises:
        SettingsError: The run has no such user, step or question.
    """
    run = Run.open(path)
    first, last = start_step_of(run), run.last_step
    at = last if at is None else at
    if not first <= at <= last:
        raise SettingsError(f"interview --at {at}: {path} has steps {first} to {last}")
    world, _ = restore(path, segments_of(run), kernels, at, run.commits.get)
    return asked(world, user, question)


def asked(world: World, user: int, question: str | None = None) -> dict[str, Any]:
    """Return what a user answers at the end of a world's latest step.

    Raises:
        SettingsError: The world has no such user or question.
    """
    numbers = {name: number for number, name in QUESTIONS.items()}
    if question is not None and question not in numbers:
        raise SettingsError(
            f"interview: no question is called {question!r}{suggest(question, numbers)} "
            f"(there is: {', '.join(numbers)}; or none, for everything)"
        )
    if not 0 <= user < len(world.users.table):
        raise SettingsError(
            f"interview: found user {user}, expected 0 to {len(world.users.table) - 1}"
        )
    member = world.users.table.member
    if not member[user]:
        people = np.nonzero(member)[0]
        near = int(people[np.abs(people - user).argmin()])
        raise SettingsError(
            f"interview: user {user} has not signed up by the end of step {world.step_count - 1}; expected somebody "
            f"who is or was a member, such as {near}"
        )
    part = next(one for one in world.users.parts if isinstance(one, Interviewed))
    return part.answer(user, 0 if question is None else numbers[question], world.step_count - 1)
