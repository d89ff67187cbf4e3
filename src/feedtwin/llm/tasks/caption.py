"""CAPTION_GENERATION: title, description and hashtags of a new video.

Without a model a caption is one number: `codes` draws it for any number of uploads at once, and
`caption_of` spells it out when somebody reads it, so a million uploads cost no text. Source: LLM-4,
paper 3.3 (conditioned on the archetype and the trend context); the grammar is ours.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import numpy as np
from pydantic import Field

from feedtwin.llm.decoding import Refused
from feedtwin.llm.json_schema import Schema, restrict
from feedtwin.llm.task import TASKS, Request, Response, Task
from feedtwin.llm.tasks.wording import Pick, cut, spoken
from feedtwin.llm.text import Clean, Hashtag, Name, UserText
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.codes import LlmTask


class CaptionRequest(Request):
    """What the video is about, what is trending, and which hashtags may be used."""

    category: Name
    duration_s: Annotated[int, Field(ge=0, le=36_000)]
    own_hashtags: Annotated[tuple[Hashtag, ...], Field(max_length=5)]
    trending: Annotated[tuple[Hashtag, ...], Field(max_length=5)]
    theme: UserText = ""


class Caption(Response):
    """What a viewer reads."""

    title: Annotated[str, Field(min_length=1, max_length=60), Clean]
    description: Annotated[str, Field(min_length=1, max_length=150), Clean]
    hashtags: Annotated[tuple[Hashtag, ...], Field(max_length=5)]


@TASKS.register("CAPTION_GENERATION")
class CaptionTask(Task[CaptionRequest, Caption]):
    """Write the caption of a video."""

    name = "CAPTION_GENERATION"
    code = LlmTask.CAPTION_GENERATION
    version = 1
    request = CaptionRequest
    response = Caption
    key = ("creator", "ordinal")
    stream = Stream.CAPTION_TEXT
    words = 1
    instruction = (
        "You write captions for a short-video platform. Write a title, a one-sentence description and up to five "
        "hashtags for a video of the category in the data. Use hashtags from own_hashtags and trending only; use "
        "a trending one only where it suits the video. If a theme is given, the video follows it."
    )

    def decisions(self, response: Caption) -> dict[str, Any]:
        """The hashtags."""
        return dict.fromkeys(response.hashtags, True)

    def example(self) -> CaptionRequest:
        """A dance video while a dance hashtag is trending."""
        return CaptionRequest(
            category="dance", duration_s=18, own_hashtags=("dance_4", "dance_11"),
            trending=("dance_2", "comedy_7", "pets_1"), theme="",
        )  # fmt: skip

    def narrow(self, schema: Schema, request: CaptionRequest) -> Schema:
        """Limit hashtags to those offered."""
        offered = _offered(request)
        return restrict(schema, "hashtags.[]", offered) if offered else schema

    def normalise(self, request: CaptionRequest, response: Caption) -> Caption:
        """Keep each offered hashtag once; a caption of other hashtags only is refused."""
        offered = _offered(request)
        kept = tuple(dict.fromkeys(tag for tag in response.hashtags if tag in offered))
        if response.hashtags and offered and not kept:
            raise Refused("hashtags that were not offered")
        return response.model_copy(update={"hashtags": kept})

    def surrogate(self, request: CaptionRequest, words: Sequence[int]) -> Caption:
        """Spell the drawn number out."""
        return caption_of(request, int(words[0]))


def codes(draws: Draws, creator: np.ndarray, ordinal: np.ndarray) -> np.ndarray:
    """Return the number of each upload's caption, uint32 (V,), without spelling it out."""
    return draws.bits(Stream.CAPTION_TEXT, creator, ordinal)


def caption_of(request: CaptionRequest, code: int) -> Caption:
    """Return the caption that a number stands for; a trending hashtag of the same name joins in."""
    pick = Pick(code)
    scene = pick.one(_SCENES.get(request.category, _ANY_SCENE))
    title = pick.one(_TITLES).format(scene=scene, topic=spoken(request.category))
    description = pick.one(_DESCRIPTIONS).format(scene=scene, topic=spoken(request.category))
    if request.theme:
        title = request.theme
    wave = request.trending[:1] if pick.below(4) == 0 else ()
    tags = tuple(dict.fromkeys((*request.own_hashtags, *wave)))[:5]
    return Caption(title=cut(title, 60), description=cut(description, 150), hashtags=tags)


def _offered(request: CaptionRequest) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*request.own_hashtags, *request.trending)))


_TITLES: Final = (
    "{scene}", "wait for it: {scene}", "{scene}, first try", "day {topic} paid off: {scene}", "how I got {scene}",
    "nobody talks about {scene}", "{scene} in under a minute", "pov: {scene}", "this is why I love {topic}",
    "{scene} and I am not sorry", "you asked for {scene}", "{topic} people will know",
)  # fmt: skip
_DESCRIPTIONS: Final = (
    "Took me all week to get {scene} right.",
    "Save this for your next {topic} day.",
    "Tell me in the comments what you would change.",
    "Part two if enough of you want it.",
    "Filmed in one go, no cuts.",
    "Send it to the friend who needs {topic} in their life.",
    "Everything you see was done on a small budget.",
    "Follow for more {topic}.",
    "I did not expect {scene} to end like this.",
    "Still learning, be kind.",
)
_ANY_SCENE: Final = (
    "a small thing",
    "the best bit",
    "my new favourite",
    "a quick one",
    "the moment it clicked",
)
_SCENES: Final[dict[str, tuple[str, ...]]] = {
    "dance": ("the new routine", "eight counts at full speed", "the duet with my sister", "the spin that worked"),
    "comedy": ("my boss on a Monday", "explaining the joke to dad", "the worst waiter", "two roommates, one key"),
    "educational": ("why the sky is blue", "fractions in one picture", "how maps lie", "a trick for vocabulary"),
    "gaming": ("the last-second win", "a speedrun that failed", "the secret room", "my cheapest build yet"),
    "lifestyle": ("my slow morning", "ten minutes of tidying", "a walk at six", "what I eat on a quiet day"),
    "music": ("the chorus, unplugged", "three chords, one song", "the bridge I rewrote", "street piano at noon"),
    "pets": ("the cat and the box", "first bath, no regrets", "a very good boy", "the parrot answers back"),
    "diy_crafts": ("a shelf from scrap", "fixing the old lamp", "paper boats that float", "paint that hides it all"),
    "tech": ("the setting nobody uses", "a laptop from 2012", "this cable matters", "what the update broke"),
    "beauty": ("the five-minute look", "a brush I misjudged", "skin after a week", "one lipstick, three ways"),
    "fitness": ("the last set", "stretching for stiff people", "a plank a day", "how I fixed my squat"),
    "news": ("the vote, explained", "what changed today", "the number behind the headline", "a street after the storm"),
}  # fmt: skip
"""What a video of an archetype may show; categories of other worlds use what fits any."""
