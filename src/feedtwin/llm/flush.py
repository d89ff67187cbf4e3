"""The asks of one phase on their way: who is waiting for what, and what the journal does not hold yet."""

from dataclasses import dataclass, field
from typing import Any

from feedtwin.llm.desk import Pending
from feedtwin.llm.records import Counts, CountsByTask, Name
from feedtwin.llm.task import Answer, Ask


@dataclass
class Flush:
    """One call of `Service.answer`.

    Attributes:
        step: The step.
        ordinal: Place among the flushes of the step.
        deadline: When whatever is under way is given up, by the monotonic clock.
        waiting: Asks for which a model may be asked.
        stand_ins: Asks that a rule answers, with the reason (empty where that is as wanted) and their calls.
        answers: Answers by name of the ask.
        plain: Answers without a row.
    """

    step: int
    ordinal: int
    deadline: float
    waiting: list[Ask] = field(default_factory=list)
    stand_ins: list[tuple[Ask, str, Pending | None]] = field(default_factory=list)
    answers: dict[Name, Answer[Any]] = field(default_factory=dict)
    plain: CountsByTask = field(default_factory=dict)

    def leave(self, ask: Ask, reason: str = "", pending: Pending | None = None) -> None:
        """Leave an ask to the stand-in."""
        self.stand_ins.append((ask, reason, pending))

    def take(self, ask: Ask, answer: Answer[Any], *, has_row: bool) -> None:
        """Take an answer; those without a row of their own are counted."""
        self.answers[ask.name] = answer
        if not has_row:
            self.plain.setdefault(ask.task.code, Counts()).add(answer.source, answer.reason)
