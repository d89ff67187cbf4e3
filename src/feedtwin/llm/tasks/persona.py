"""PERSONA_GENERATION: who a creator is, asked once, when the world starts.

The response maps to a profile: viewing preferences to initial taste, attention and engagement to the
static traits (USR-7, USR-8). Source: paper F.1.1; five adjectives are its wording. Our choices: the
preferences are weights of the world's categories instead of prose, so that they can be used.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import Field

from feedtwin.llm.decoding import Refused
from feedtwin.llm.json_schema import Schema, restrict
from feedtwin.llm.task import TASKS, Request, Response, Task, refuse_unknown
from feedtwin.llm.tasks.wording import ARCHETYPES, Pick, spoken
from feedtwin.llm.text import Clean, Name, Word
from feedtwin.randomness import Stream
from feedtwin.schema.codes import LlmTask

Tier = Literal["elite", "active", "casual", "consumer"]
Attention = Literal["short", "medium", "long"]
Engagement = Literal["quiet", "normal", "lively"]
Style = Literal[
    "tutorial", "storytelling", "humour", "showcase", "reaction", "vlog", "review", "challenge"
]


class PersonaRequest(Request):
    """Tier and field of a creator, and the categories that the world has."""

    tier: Tier
    domain: Name
    categories: Annotated[tuple[Name, ...], Field(min_length=1, max_length=64)]


class Preference(Response):
    """How much a persona likes a category, in percent of the most one can."""

    category: Name
    weight: Annotated[int, Field(ge=1, le=100)]


class Persona(Response):
    """A persona: background, interests and usage style."""

    bio: Annotated[str, Field(min_length=10, max_length=280), Clean]
    core_traits: Annotated[tuple[Word, ...], Field(min_length=5, max_length=5)]
    viewing_preferences: Annotated[tuple[Preference, ...], Field(min_length=1, max_length=8)]
    attention: Attention
    engagement: Engagement
    creation_style: Style


@TASKS.register("PERSONA_GENERATION")
class PersonaTask(Task[PersonaRequest, Persona]):
    """Write a persona for a creator of a tier and a field."""

    name = "PERSONA_GENERATION"
    code = LlmTask.PERSONA_GENERATION
    version = 1
    request = PersonaRequest
    response = Persona
    key = ("user",)
    stream = Stream.PERSONA_TEXT
    words = 3
    instruction = (
        "You are a simulation engine for a short-video platform. Write a detailed persona for a creator of the "
        "tier and the domain in the data: a bio, exactly five adjectives as core_traits, viewing_preferences "
        "as weights of categories from the data, how long the attention lasts, how lively the person engages, "
        "and the creation_style."
    )

    def decisions(self, response: Persona) -> dict[str, Any]:
        """The strongest interest, and the usage style."""
        return {
            "interest": response.viewing_preferences[0].category,
            "attention": response.attention,
            "engagement": response.engagement,
            "style": response.creation_style,
        }

    def example(self) -> PersonaRequest:
        """A creator of the synthetic world."""
        return PersonaRequest(tier="elite", domain="dance", categories=ARCHETYPES)

    def narrow(self, schema: Schema, request: PersonaRequest) -> Schema:
        """Limit categories to those of the world."""
        return restrict(schema, "viewing_preferences.[].category", request.categories)

    def normalise(self, request: PersonaRequest, response: Persona) -> Persona:
        """Keep the first weight of a category, in the order of the world's categories."""
        weights: dict[str, Preference] = {}
        for preference in response.viewing_preferences:
            refuse_unknown(preference.category, request.categories, "a category")
            weights.setdefault(preference.category, preference)
        if len(set(response.core_traits)) < len(response.core_traits):
            raise Refused("a trait twice")
        ordered = tuple(sorted(weights.values(), key=lambda p: (-p.weight, p.category)))
        return response.model_copy(update={"viewing_preferences": ordered})

    def surrogate(self, request: PersonaRequest, words: Sequence[int]) -> Persona:
        """Fill one of the templates; a field that no template is about gets the generalist."""
        who, taste, style = (Pick(int(word)) for word in words)
        kind = who.one(PERSONA_TEMPLATES)
        others = [name for name in request.categories if name != request.domain]
        chosen: dict[str, int] = {request.domain: 80 + taste.below(21)}
        for weight in (40, 25):
            if others:
                name = others.pop(taste.below(len(others)))
                chosen[name] = weight + taste.below(26)
        bio = who.one(_BIOS).format(
            craft=spoken(request.domain), kind=kind.noun, years=1 + who.below(9), tier=request.tier
        )
        known = {n: w for n, w in chosen.items() if n in request.categories}
        return self.normalise(
            request,
            Persona(
                bio=bio,
                core_traits=kind.traits,
                viewing_preferences=tuple(
                    Preference(category=name, weight=weight)
                    for name, weight in (known or {request.categories[0]: 50}).items()
                ),
                attention=kind.attention,
                engagement=kind.engagement,
                creation_style=style.one(kind.styles),
            ),
        )


class Template(NamedTuple):
    """A kind of person."""

    noun: str
    traits: tuple[str, ...]
    attention: Attention
    engagement: Engagement
    styles: tuple[Style, ...]


def _template(
    noun: str, traits: str, attention: Attention, engagement: Engagement, *styles: Style
) -> Template:
    return Template(noun, tuple(traits.split()), attention, engagement, styles)


PERSONA_TEMPLATES: Final = (
    _template("trend spotter", "restless curious loud quick social", "short", "lively", "challenge", "reaction"),
    _template("patient teacher", "calm precise generous careful warm", "long", "quiet", "tutorial", "review"),
    _template("born entertainer", "playful witty bold expressive charming", "short", "lively", "humour", "challenge"),
    _template("maker", "handy focused inventive thorough modest", "long", "normal", "showcase", "tutorial"),
    _template("diarist", "open gentle reflective honest steady", "medium", "normal", "vlog", "storytelling"),
    _template("critic", "sharp sceptical exacting dry fair", "medium", "quiet", "review", "reaction"),
    _template("enthusiast", "eager friendly tireless loyal cheerful", "medium", "lively", "showcase", "vlog"),
    _template("storyteller", "imaginative patient dramatic observant kind", "long", "normal", "storytelling", "humour"),
    _template("competitor", "driven proud disciplined direct ambitious", "medium", "normal", "challenge", "showcase"),
    _template("newcomer", "shy hopeful earnest curious humble", "short", "quiet", "vlog", "reaction"),
)  # fmt: skip
"""The static templates to which personas fall back (paper F.2)."""

_BIOS: Final = (
    "{kind} with {years} years of {craft}; posts what works and says why.",
    "Found {craft} {years} years ago and never stopped. A {kind} at heart.",
    "{craft} before breakfast, {craft} after dark. {kind}, {tier} creator.",
    "A {kind} who turned {craft} into a daily habit {years} years ago.",
    "Here for {craft} and for the people who love it. Mostly a {kind}.",
)
