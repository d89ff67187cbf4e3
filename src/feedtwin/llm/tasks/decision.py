"""ACTION_SELECTION: what an LLM-driven user does next, out of options that the rules allow.

The caller lists what is possible (an action and its target, described), with the leaning of the rule-based
user for each; the answer is a place in that list. So the worst that a hostile answer can do is to choose
another allowed option of the same user. Without a model the rule-based user chooses. Source: USR-16.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import Field

from feedtwin.llm.decoding import Refused
from feedtwin.llm.json_schema import Schema, restrict
from feedtwin.llm.task import TASKS, Request, Response, Task
from feedtwin.llm.tasks.wording import WORD
from feedtwin.llm.text import Clean, Name, UserText, clean
from feedtwin.randomness import Stream
from feedtwin.schema.actions import ACTIONS
from feedtwin.schema.codes import LlmTask

OPTIONS_MAX: Final = 16
NEVER_CHOSEN: Final = frozenset({"INTERVIEW", "UPDATE_REC_TABLE", "SIGNUP"})
"""Actions of the researcher, the platform and of people who are not there yet."""
CHOICES: Final = tuple(
    name
    for name, action in ACTIONS.items()
    if action.actor in ("user", "creator") and name not in NEVER_CHOSEN
)

ActionName = Annotated[str, Field(min_length=3, max_length=24, pattern=r"^[A-Z_]{3,24}$")]


class Option(Request):
    """Something that the user may do."""

    action: ActionName
    what: UserText
    leaning: Annotated[int, Field(ge=0, le=1000)]


class DecisionRequest(Request):
    """Who decides, in what state, and between what."""

    traits: Annotated[tuple[UserText, ...], Field(max_length=5)]
    interests: Annotated[tuple[Name, ...], Field(max_length=5)]
    energy_percent: Annotated[int, Field(ge=0, le=100)]
    boredom: Annotated[int, Field(ge=0, le=255)]
    options: Annotated[tuple[Option, ...], Field(min_length=1, max_length=OPTIONS_MAX)]


class Decision(Response):
    """The chosen option, as its number and its action in one word, so that a slip of the number shows."""

    choice: Annotated[
        str, Field(min_length=5, max_length=27, pattern=r"^(0|[1-9][0-9]?) [A-Z_]{3,24}$")
    ]
    text: Annotated[str, Field(max_length=120)]
    reason: Annotated[str, Field(min_length=1, max_length=120), Clean]

    @property
    def option(self) -> int:
        """Place among the options."""
        return int(self.choice.partition(" ")[0])

    @property
    def action(self) -> str:
        """Name of the action."""
        return self.choice.partition(" ")[2]


def choice_of(number: int, option: Option) -> str:
    """Return how an answer names an option: `3 SHARE_VIDEO`."""
    return f"{number} {option.action}"


@TASKS.register("ACTION_SELECTION")
class DecisionTask(Task[DecisionRequest, Decision]):
    """Choose one of the options."""

    name = "ACTION_SELECTION"
    code = LlmTask.ACTION_SELECTION
    version = 2
    request = DecisionRequest
    response = Decision
    key = ("user", "step")
    stream = Stream.DECISION_RULE
    words = 1
    instruction = (
        "You are a user of a short-video platform, described in the data. Choose what you do next: the number of "
        "one of the options, counted from 0, a space and the name of its action; the text you write if the action "
        "is a comment or a post (otherwise an empty text); and your reason."
    )

    def decisions(self, response: Decision) -> dict[str, Any]:
        """The option."""
        return {"option": response.option}

    def example(self) -> DecisionRequest:
        """A user in the middle of a slate."""
        return DecisionRequest(
            traits=("curious", "playful", "quick", "social", "restless"),
            interests=("dance", "music", "comedy"),
            energy_percent=70,
            boredom=2,
            options=(
                Option(action="LIKE_VIDEO", what="dance: the spin that worked", leaning=120),
                Option(action="COMMENT_VIDEO", what="dance: the spin that worked", leaning=30),
                Option(action="SHARE_VIDEO", what="dance: the spin that worked", leaning=20),
                Option(action="FOLLOW", what="its creator", leaning=15),
                Option(action="REFRESH", what="the next slate", leaning=700),
                Option(action="EXIT", what="leave the app", leaning=115),
            ),
        )

    def narrow(self, schema: Schema, request: DecisionRequest) -> Schema:
        """Limit the choice to the options."""
        return restrict(
            schema, "choice", tuple(choice_of(k, one) for k, one in enumerate(request.options))
        )

    def normalise(self, request: DecisionRequest, response: Decision) -> Decision:
        """Refuse what is not among the options; text only where the action takes one."""
        if response.option >= len(request.options):
            raise Refused("an option that was not offered")
        chosen = request.options[response.option]
        if chosen.action not in CHOICES:
            raise Refused("an action that nobody chooses")
        if response.action != chosen.action:
            raise Refused("number and action of different options")
        return response.model_copy(update={"text": _text(chosen.action, response.text)})

    def surrogate(self, request: DecisionRequest, words: Sequence[int]) -> Decision:
        """Let the rule-based user choose: options weighted by its leanings."""
        weights = [one.leaning for one in request.options]
        if not any(weights):
            weights = [1] * len(weights)
        left = (int(words[0]) * sum(weights)) // WORD
        index = 0
        while left >= weights[index]:
            left -= weights[index]
            index += 1
        return Decision(choice=choice_of(index, request.options[index]), text="", reason="as usual")


def _text(action: str, text: str) -> str:
    takes_text = any(field.name == "text" for field in ACTIONS[action].payload)
    if not takes_text or not text.strip():
        return ""
    try:
        return clean(text)
    except ValueError:
        raise Refused("text with control characters") from None
