"""COMMENT_GENERATION: what somebody writes under a video after engaging with it.

Comments are many and short, so by default no model writes them: `codes` draws one number per comment,
whole arrays at once, and `comment_of` spells it out when somebody reads it (a template library, LLM-4).
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import Field

from feedtwin.llm.task import TASKS, Request, Response, Task
from feedtwin.llm.tasks.wording import Pick, cut, spoken
from feedtwin.llm.text import Clean, Name, UserText
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.codes import LlmTask

Tone = Literal["positive", "neutral", "negative"]


class CommentRequest(Request):
    """The video, and how the encounter went."""

    category: Name
    title: UserText
    completion_percent: Annotated[int, Field(ge=0, le=1000)]
    is_liked: bool
    is_shared: bool


class Comment(Response):
    """A comment and its tone."""

    text: Annotated[str, Field(min_length=1, max_length=120), Clean]
    tone: Tone


@TASKS.register("COMMENT_GENERATION")
class CommentTask(Task[CommentRequest, Comment]):
    """Write the comment of a viewer."""

    name = "COMMENT_GENERATION"
    code = LlmTask.COMMENT_GENERATION
    version = 1
    request = CommentRequest
    response = Comment
    key = ("user", "creator", "ordinal", "meeting")
    stream = Stream.COMMENT_TEXT
    words = 1
    instruction = (
        "You are a viewer of a short-video platform. Write the short comment that this viewer leaves under the "
        "video in the data, and name its tone. Somebody who liked or finished a video is mostly positive."
    )

    def decisions(self, response: Comment) -> dict[str, Any]:
        """The tone."""
        return {"tone": response.tone}

    def example(self) -> CommentRequest:
        """A liked video."""
        return CommentRequest(
            category="dance", title="the spin that worked", completion_percent=96, is_liked=True,
            is_shared=False,
        )  # fmt: skip

    def surrogate(self, request: CommentRequest, words: Sequence[int]) -> Comment:
        """Spell the drawn number out."""
        return comment_of(request, int(words[0]))


def codes(
    draws: Draws, user: np.ndarray, creator: np.ndarray, ordinal: np.ndarray, meeting: np.ndarray
) -> np.ndarray:
    """Return the number of each comment, uint32 (I,), without spelling it out."""
    return draws.bits(Stream.COMMENT_TEXT, user, creator, ordinal, meeting)


def tone_of(request: CommentRequest, pick: Pick) -> Tone:
    """Return the tone of a comment: who likes is kind, who left early is not."""
    if request.is_liked or request.is_shared:
        shares = (18, 2, 0)
    elif request.completion_percent >= 60:
        shares = (10, 8, 2)
    else:
        shares = (4, 9, 7)
    roll = pick.below(20)
    if roll < shares[0]:
        return "positive"
    return "neutral" if roll < shares[0] + shares[1] else "negative"


def comment_of(request: CommentRequest, code: int) -> Comment:
    """Return the comment that a number stands for."""
    pick = Pick(code)
    tone = tone_of(request, pick)
    text = pick.one(_TEXTS[tone]).format(topic=spoken(request.category))
    tail = pick.one(_TAILS[tone])
    return Comment(text=cut(f"{text}{tail}", 120), tone=tone)


_TEXTS: Final[dict[Tone, tuple[str, ...]]] = {
    "positive": (
        "Love this!", "Great vid", "lol!", "this made my day", "best {topic} all week", "I watched this three times",
        "how are you so good at {topic}", "ok that ending", "saving this one", "my whole family laughed",
        "underrated", "finally some good {topic}", "the timing", "need a part two",
    ),
    "neutral": (
        "which song is this?", "where was this filmed?", "what do you use for this?", "first", "is this {topic}?",
        "how long did it take?", "part two?", "who is here from the feed", "can somebody explain", "noted",
    ),
    "negative": (
        "not for me", "seen this before", "too long", "the old ones were better", "is this an ad?",
        "stop showing me {topic}", "that is not how it works", "skipped", "why is this everywhere", "trying too hard",
    ),
}  # fmt: skip
"""The template library; the first three are the paper's own (F.2)."""
_TAILS: Final[dict[Tone, tuple[str, ...]]] = {
    "positive": ("", "", "", " :)", " haha", " wow"),
    "neutral": ("", "", "", " ...", " just asking"),
    "negative": ("", "", "", " sorry", " honestly"),
}
