"""CREATOR_CAMPAIGN: what a creator posts over the next three days.

Two planners need no model. `fixed_plan` is the paper's heuristic: discovery, interaction, conversion, the
same whatever happened. `trend_aware_plan` reads past performance and trends, and is the stand-in of the
live planner. Source: paper 4.1.1 and F.1.2 (exactly three entries, seven fields); the rules are ours.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from feedtwin.llm.decoding import Refused
from feedtwin.llm.json_schema import Schema, restrict
from feedtwin.llm.task import TASKS, Request, Response, Task, refuse_unknown
from feedtwin.llm.tasks.wording import ARCHETYPES, Pick, cut, spoken
from feedtwin.llm.text import Clean, Hashtag, Name, UserText
from feedtwin.randomness import Stream
from feedtwin.schema.codes import LlmTask
from feedtwin.schema.plans import PLAN_DAYS

NO_LIVE: Final = -1
EVENING: Final = 20
"""Hour of the day at which live rooms fill."""

Tier = Literal["elite", "active", "casual", "consumer"]
Channel = Literal["gift", "live", "shop"]
Cta = Literal["follow", "like", "comment", "share", "join_live", "send_gift", "buy"]
Phase = Literal["emergence", "peak", "decline"]
Count = Annotated[int, Field(ge=0, le=10**12)]

_NEEDS: Final[dict[Cta, Channel]] = {"join_live": "live", "send_gift": "gift", "buy": "shop"}


class PastVideo(Request):
    """How one of the last videos did."""

    category: Name
    title: UserText
    views: Count
    likes: Count
    retention_percent: Annotated[int, Field(ge=0, le=100)]


class Trend(Request):
    """A hashtag that is trending."""

    hashtag: Hashtag
    category: Name
    posts_per_hour: Count
    growth_percent: Annotated[int, Field(ge=-100, le=100_000)]
    phase: Phase


class CampaignRequest(Request):
    """The creator, the last five videos, the three top trends, and what can be used."""

    tier: Tier
    niche: Name
    history: Annotated[tuple[PastVideo, ...], Field(max_length=5)]
    trends: Annotated[tuple[Trend, ...], Field(max_length=3)]
    categories: Annotated[tuple[Name, ...], Field(min_length=1, max_length=64)]
    hashtags: Annotated[tuple[Hashtag, ...], Field(min_length=1, max_length=24)]
    channels: Annotated[tuple[Channel, ...], Field(max_length=3)]


class Day(Response):
    """One day of a plan."""

    day_offset: Annotated[int, Field(ge=0, le=PLAN_DAYS - 1)]
    category: Name
    theme: Annotated[str, Field(min_length=1, max_length=80), Clean]
    hashtags: Annotated[tuple[Hashtag, ...], Field(min_length=1, max_length=4)]
    short_caption: Annotated[str, Field(min_length=1, max_length=100), Clean]
    live_slot: Annotated[int, Field(ge=NO_LIVE, le=23)]
    cta: Cta


class Plan(Response):
    """Three days."""

    days: Annotated[tuple[Day, ...], Field(min_length=PLAN_DAYS, max_length=PLAN_DAYS)]


@TASKS.register("CREATOR_CAMPAIGN")
class CampaignTask(Task[CampaignRequest, Plan]):
    """Plan three days for a creator."""

    name = "CREATOR_CAMPAIGN"
    code = LlmTask.CREATOR_CAMPAIGN
    version = 1
    request = CampaignRequest
    response = Plan
    key = ("creator", "day")
    stream = Stream.CAMPAIGN_TEXT
    words = PLAN_DAYS
    instruction = (
        "You plan campaigns for creators of a short-video platform. Analyse the performance history in the data. "
        "Select one trending hashtag to ride and propose a concept that bridges the creator's niche with it. "
        "Answer with exactly three days, day_offset 0 to 2: category, theme, hashtags (from the data only), "
        "short_caption, live_slot (an hour from 0 to 23, or -1 for none) and a call to action. Use live rooms, "
        "gifts and the shop only if they are among the channels."
    )

    def decisions(self, response: Plan) -> dict[str, Any]:
        """Category, first hashtag, live hour and call to action of each day."""
        return {
            str(day.day_offset): {
                "category": day.category, "hashtag": day.hashtags[0], "live": day.live_slot, "cta": day.cta,
            }
            for day in response.days
        }  # fmt: skip

    def example(self) -> CampaignRequest:
        """A dancer with five videos and three trends."""
        video = PastVideo(
            category="dance",
            title="the spin that worked",
            views=1_840,
            likes=211,
            retention_percent=58,
        )
        trend = Trend(
            hashtag="pets_3",
            category="pets",
            posts_per_hour=21,
            growth_percent=140,
            phase="emergence",
        )
        return CampaignRequest(
            tier="elite", niche="dance", history=(video,) * 5, trends=(trend,) * 3, categories=ARCHETYPES,
            hashtags=("dance_1", "dance_2", "dance_3", "dance_4"), channels=("gift", "live"),
        )  # fmt: skip

    def narrow(self, schema: Schema, request: CampaignRequest) -> Schema:
        """Limit categories and hashtags to those offered."""
        schema = restrict(schema, "days.[].category", request.categories)
        return restrict(schema, "days.[].hashtags.[]", _offered(request))

    def normalise(self, request: CampaignRequest, response: Plan) -> Plan:
        """Number the days 0, 1, 2 in the order given, and leave out channels that do not exist."""
        ordered = sorted(response.days, key=lambda day: day.day_offset)
        return Plan(days=tuple(_usable(request, day, k) for k, day in enumerate(ordered)))

    def surrogate(self, request: CampaignRequest, words: Sequence[int]) -> Plan:
        """Plan by rule, with trends and past performance."""
        return self.normalise(request, trend_aware_plan(request, words))


def fixed_plan(request: CampaignRequest) -> Plan:
    """Return the paper's heuristic: launch, follow-up, conversion, without a look at trends or results."""
    niche = _known_niche(request)
    can_live = "live" in request.channels
    closing: Cta = "join_live" if can_live else "buy" if "shop" in request.channels else "share"
    steps: tuple[tuple[str, Cta, int], ...] = (
        ("meet the channel", "follow", NO_LIVE),
        ("your questions answered", "comment", NO_LIVE),
        ("the big finish", closing, EVENING if can_live else NO_LIVE),
    )
    return Plan(
        days=tuple(
            Day(
                day_offset=k,
                category=niche,
                theme=f"{spoken(niche)}: {theme}",
                hashtags=request.hashtags[:2],
                short_caption=f"{theme}, day {k + 1}",
                live_slot=slot,
                cta=cta,
            )
            for k, (theme, cta, slot) in enumerate(steps)
        )
    )


def trend_aware_plan(request: CampaignRequest, words: Sequence[int]) -> Plan:
    """Return a plan that rides one trend, returns to what worked, and asks for what is missing."""
    trend = ride(request)
    strongest = best_category(request)
    days = []
    for k in range(PLAN_DAYS):
        pick = Pick(int(words[k]))
        riding = trend is not None and k < 2
        category = trend.category if riding and trend and _fits(request, trend) else strongest
        tag = trend.hashtag if riding and trend else request.hashtags[0]
        own = tuple(one for one in request.hashtags if one != tag)[:2]
        theme = pick.one(_BRIDGES if riding else _RETURNS)
        caption = pick.one(_CAPTIONS).format(tag=spoken(tag), topic=spoken(category))
        cta, slot = _ask_for(request, k)
        days.append(
            Day(
                day_offset=k,
                category=category,
                theme=cut(theme.format(tag=spoken(tag), niche=spoken(request.niche)), 80),
                hashtags=(tag, *own),
                short_caption=cut(caption, 100),
                live_slot=slot,
                cta=cta,
            )
        )
    return Plan(days=tuple(days))


def ride(request: CampaignRequest) -> Trend | None:
    """Return the trend to ride: growing, near the creator's field, not past its peak; None if none is."""

    def worth(trend: Trend) -> tuple[int, int, int, str]:
        near = trend.category in (request.niche, best_category(request))
        return (trend.phase == "emergence", int(near), trend.growth_percent, trend.hashtag)

    open_ones = [one for one in request.trends if one.phase != "decline" and one.growth_percent > 0]
    return max(open_ones, key=worth) if open_ones else None


def best_category(request: CampaignRequest) -> str:
    """Return the category in which the last videos held and pleased viewers best; the niche if none did.

    Likes per view and retention, shrunk toward their mean; a field needs a tenth of all views, for one
    lucky video does not make one.
    """
    niche = _known_niche(request)
    views: dict[str, int] = {niche: 0}
    merit: dict[str, int] = {niche: 0}
    for video in request.history:
        if video.category in request.categories:
            seen = min(video.views, 1_000_000)
            views[video.category] = views.get(video.category, 0) + seen
            gain = 5 * min(video.likes, seen) * 100 + video.retention_percent * seen
            merit[video.category] = merit.get(video.category, 0) + gain
    shrink = 200
    usual = sum(merit.values()) // max(sum(views.values()), 1)

    def score(name: str) -> tuple[int, bool, str]:
        mean = (merit[name] + shrink * usual) // (views[name] + shrink)
        return mean, name == niche, name

    fields = [name for name in views if name == niche or 10 * views[name] >= sum(views.values())]
    return max(fields, key=score)


def _fits(request: CampaignRequest, trend: Trend) -> bool:
    """Whether to post in the trend's own category: it is the creator's, or a field that went well."""
    return trend.category in (request.niche, best_category(request))


def _ask_for(request: CampaignRequest, day: int) -> tuple[Cta, int]:
    """Return call to action and live hour: reach first, then what viewers withheld, then money."""
    views = sum(video.views for video in request.history)
    likes = sum(min(video.likes, video.views) for video in request.history)
    if day == 0:
        return ("share" if views < 500 else "follow"), NO_LIVE
    if day == 1:
        return ("comment" if likes * 20 >= views else "like"), NO_LIVE
    if "shop" in request.channels and request.tier in ("elite", "active"):
        return "buy", EVENING if "live" in request.channels else NO_LIVE
    if "live" in request.channels:
        return "join_live", EVENING
    return ("send_gift" if "gift" in request.channels else "follow"), NO_LIVE


def _usable(request: CampaignRequest, day: Day, offset: int) -> Day:
    refuse_unknown(day.category, request.categories, "a category")
    offered = _offered(request)
    tags = tuple(dict.fromkeys(tag for tag in day.hashtags if tag in offered))
    if not tags:
        raise Refused("hashtags that were not offered")
    cta: Cta = day.cta
    if cta in _NEEDS and _NEEDS[cta] not in request.channels:
        cta = "follow"
    slot = day.live_slot if "live" in request.channels else NO_LIVE
    return day.model_copy(
        update={"day_offset": offset, "hashtags": tags, "cta": cta, "live_slot": slot}
    )


def _offered(request: CampaignRequest) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*(one.hashtag for one in request.trends), *request.hashtags)))


def _known_niche(request: CampaignRequest) -> str:
    return request.niche if request.niche in request.categories else request.categories[0]


_BRIDGES: Final = (
    "{niche} meets {tag}", "my {niche} take on {tag}", "{tag}, but make it {niche}", "what {tag} gets wrong about {niche}",
)  # fmt: skip
_RETURNS: Final = (
    "back to {niche}, by request", "the {niche} you came for", "one {niche} idea, done well", "{niche}: the long answer",
)  # fmt: skip
_CAPTIONS: Final = (
    "tried {tag}, kept {topic}", "{topic} people, this one is yours", "had to do {tag} once", "tell me if {topic} needs this",
)  # fmt: skip
