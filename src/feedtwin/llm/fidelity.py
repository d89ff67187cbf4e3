"""How far stand-ins are from the model: both answers to the same requests, compared in what they decide.

A run's journal has the request of every answer of a model; the stand-in's answer to it is a function of the
request and of the run's seed. So the meter needs no call, and it speaks of the requests that this run had.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from feedtwin.llm.budget import PPM
from feedtwin.llm.matching import leaves
from feedtwin.llm.records import Row
from feedtwin.llm.task import Task
from feedtwin.randomness import Draws
from feedtwin.schema.codes import AnswerSource, LlmTask


@dataclass(frozen=True)
class Fidelity:
    """Stand-in and model, compared.

    Attributes:
        task: The task.
        compared: Requests that both answered.
        equal: Requests for which both decided the same.
        distance_ppm: Mean share of decisions in which they differ, parts per million.
    """

    task: LlmTask
    compared: int
    equal: int
    distance_ppm: int


def compare(task: Task, rows: Iterable[Row], draws: Draws) -> Fidelity:  # type: ignore[type-arg]
    """Return how far the stand-in of a task is from the model.

    Args:
        task: The task.
        rows: Answers of the task; those of the stand-in itself are left out.
        draws: All chance of the run's replicate.

    Raises:
        Refused: A row is none of this task; the run was made by other code.
    """
    compared = equal = distance = 0
    for row in rows:
        if row.source is AnswerSource.SURROGATE:
            continue
        request = task.request.model_validate(row.request, strict=False)
        words = task.chance(draws, [row.name[1]])[0].tolist()
        ours = leaves(task.decisions(task.surrogate(request, words)))
        theirs = leaves(task.decisions(task.accept(request, row.response)))
        names = ours.keys() | theirs.keys()
        differing = sum(ours.get(name) != theirs.get(name) for name in names)
        compared, equal = compared + 1, equal + (differing == 0)
        distance += differing * PPM // max(len(names), 1)
    return Fidelity(task.code, compared, equal, distance // max(compared, 1))
