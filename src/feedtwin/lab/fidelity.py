"""How far stand-ins are from the model that answered, with intervals, beside what two answers of one source differ by.

The unit is the request; requests of one person count as independent, so intervals are a little short where few people
ask much. A distance alone says little: a sampled model differs from itself too. So each stands beside its floor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from feedtwin.errors import SettingsError
from feedtwin.lab.statistics import Mean, mean_of
from feedtwin.llm.fidelity import Again, Comparison, ask_again, comparisons
from feedtwin.record.folder import CACHE
from feedtwin.schema.codes import LlmTask
from feedtwin.world.reaching import Reach

OF_MODEL: Final = "two answers of the model"
OF_STAND_IN: Final = "two draws of the stand-in"
NO_DRAW: Final = "two draws of the stand-in never differ here: it decides without chance"
NOT_ASKED: Final = "the model was not asked twice (--again N asks it)"
NOT_SAMPLED: Final = "the model is asked at temperature 0, so a second answer says nothing"
REQUESTS_MIN: Final = 6
"""Fewest requests for a verdict: with fewer, signs that all agree come by chance in more than 5 % of cases."""
NO_ANSWER: Final = "no second answer of the model came"


@dataclass(frozen=True)
class TaskFidelity:
    """Stand-in and model of one task, compared. Distances are mean shares of decisions that differ, 0 to 1.

    Attributes:
        task: Name of the task.
        answers: Answers of the model on record.
        equal: Of those that are compared, requests for which both decided the same.
        distance: Between stand-in and model, over the requests that are compared.
        of_stand_in: Floor: between two draws of the stand-in, over the same requests.
        of_model: Floor: between two answers of the model, over those that were asked twice; None without.
        excess: Distance - floor, request by request: of the model where it was asked twice, else of the stand-in.
        floor: Which floor that is.
        verdict: What it comes to, in words.
        note: Why a floor is nothing or missing, in words; empty where both are there.
    """

    task: str
    answers: int
    equal: int
    distance: Mean
    of_stand_in: Mean
    of_model: Mean | None
    excess: Mean
    floor: str
    verdict: str
    note: str


@dataclass(frozen=True)
class Fidelity:
    """What the meter says of some runs.

    Attributes:
        tasks: By task.
        charged_microusd: What asking again counted against its budget.
        paid_microusd: What it paid.
    """

    tasks: tuple[TaskFidelity, ...]
    charged_microusd: int
    paid_microusd: int


def fidelity(
    runs: Sequence[str | Path],
    *,
    again: int = 0,
    budget_microusd: int | None = None,
    cache: Path | None = None,
) -> Fidelity:
    """Return how far the stand-ins of runs are from the model that answered.

    Args:
        runs: Run folders; their requests are pooled.
        again: Requests of each task and run to ask the model a second time; 0 asks nobody.
        budget_microusd: Most that this may spend in all; what each run left of its own budget by default.
        cache: Where second answers are kept; beside each run by default.

    Raises:
        SettingsError: A run is given twice, or `again` is negative.
        RunFolderError: There is no run.
        IntegrityError: A journal was altered, or was written by other code.
        LLMError: A model cannot be asked: extra, key or address.
    """
    if again < 0:
        raise SettingsError(f"--again: found {again}, expected 0 or more requests per task")
    paths = distinct(runs)
    meters: dict[LlmTask, _Meter] = {}
    left, charged, paid = budget_microusd, 0, 0
    for path in paths:
        found = comparisons(path)
        second = None
        if again:
            own = {code: compared for code, (_, compared) in found.items()}
            reach = Reach.of_run(path)
            folder = cache or reach.cache or path.parent / CACHE
            second = ask_again(
                path, own, most=again, budget_microusd=left, cache=folder, sets=reach.sets
            )
            charged, paid = charged + second.charged, paid + second.paid
            left = None if left is None else left - second.charged
        for code, (answers, compared) in found.items():
            meters.setdefault(code, _Meter(code)).take(answers, compared, second)
    return Fidelity(tuple(meters[code].read() for code in sorted(meters)), charged, paid)


def distinct(runs: Sequence[str | Path]) -> list[Path]:
    """Return run folders as paths.

    Raises:
        SettingsError: One is given twice.
    """
    paths = [Path(run) for run in runs]
    known: set[Path] = set()
    for path in paths:
        if path.resolve() in known:
            raise SettingsError(f"{path}: given twice; expected each run once")
        known.add(path.resolve())
    return paths


class _Meter:
    """Collects the requests of one task over runs."""

    def __init__(self, code: LlmTask) -> None:
        self._code = code
        self._answers = 0
        self._is_asked = self._is_sampled = False
        self._to_stand_in: list[float] = []
        self._of_stand_in: list[float] = []
        self._pairs: list[tuple[float, float]] = []

    def take(self, answers: int, compared: Sequence[Comparison], again: Again | None) -> None:
        """Take the comparisons of a run, and what came of asking again."""
        self._answers += answers
        self._to_stand_in += [one.to_stand_in for one in compared]
        self._of_stand_in += [one.of_stand_in for one in compared]
        if again is not None:
            self._is_asked, self._is_sampled = True, self._code in again.sampled
            for place, apart in again.of_model.get(self._code, {}).items():
                self._pairs.append((compared[place].to_stand_in, apart))

    def read(self) -> TaskFidelity:
        """Return what was measured."""
        to_stand_in, of_stand_in = np.array(self._to_stand_in), np.array(self._of_stand_in)
        of_model, floor, excess = None, OF_STAND_IN, to_stand_in - of_stand_in
        if self._pairs:
            near, apart = (np.array(column) for column in zip(*self._pairs, strict=True))
            of_model, floor, excess = mean_of(apart), OF_MODEL, near - apart
        found = mean_of(excess)
        return TaskFidelity(
            task=self._code.name,
            answers=self._answers,
            equal=sum(one == 0 for one in self._to_stand_in),
            distance=mean_of(to_stand_in),
            of_stand_in=mean_of(of_stand_in),
            of_model=of_model,
            excess=found,
            floor=floor,
            verdict=_verdict(found, floor),
            note=self._note(),
        )

    def _note(self) -> str:
        notes = []
        if not any(self._of_stand_in):
            notes.append(NO_DRAW)
        if not self._pairs:
            asked = NO_ANSWER if self._is_sampled else NOT_SAMPLED
            notes.append(asked if self._is_asked else NOT_ASKED)
        return "; ".join(notes)


def _verdict(excess: Mean, floor: str) -> str:
    """Say how a distance stands to its floor."""
    if excess.n < REQUESTS_MIN:
        return f"too few requests to say anything (fewer than {REQUESTS_MIN})"
    low, high = excess.low, excess.high
    if low is None or high is None:  # every request says the same
        low = high = excess.estimate
    if low > 0:
        return f"further apart than {floor}"
    if high < 0:
        return f"nearer than {floor}"
    return f"not distinguishable from {floor}"
