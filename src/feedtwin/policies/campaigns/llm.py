"""A language model as planner: profile, last videos and trends in, three days out. Spec CREATOR_CAMPAIGN."""

from typing import TYPE_CHECKING, Any

import numpy as np

from feedtwin.policies.campaigns.settings import CampaignSettings
from feedtwin.policies.campaigns.template import usual_hashtags
from feedtwin.policies.consulting import Consultant, consulted
from feedtwin.policies.interface import PLAN_DAYS, Plans, View, policy

if TYPE_CHECKING:
    from feedtwin.llm.task import Answer
    from feedtwin.llm.tasks.campaign import CampaignRequest, Day

HASHTAG = 1
"""Code of `TrendKind`."""
PHASES = {1: "emergence", 2: "peak", 3: "decline"}
TIERS = ("elite", "active", "casual", "consumer")
CALLS = {"follow": 1, "comment": 2, "join_live": 3, "buy": 4}
CHANNELS = {"gift": "SEND_GIFT", "live": "START_LIVE", "shop": "PURCHASE_PRODUCT"}
GROWTH_MAX = 100_000
NO_HASHTAG = "video"
"""What a request offers where a category has no hashtag yet; it is the code of none."""


@policy("campaigns", "llm", section="campaigns")
class Consulting:
    """Asks a language model (llm.campaign); its stand-in rides trends and returns to what worked."""

    def __init__(self, settings: CampaignSettings) -> None:
        from feedtwin.llm.task import task  # a world without this policy loads nothing of it

        self.settings = settings
        self._task = task("CREATOR_CAMPAIGN")
        self._consultant: Consultant | None = None

    def consult(self, consultant: Consultant) -> None:
        """Take whom to ask."""
        self._consultant = consultant

    def plan(self, view: View, creators: np.ndarray) -> Plans:
        """Ask once per creator and day of planning."""
        from feedtwin.llm.task import Ask

        someone = consulted(self._consultant, "campaigns", "campaign")
        day = view.step // someone.steps_per_day
        may = someone.in_cohort(self._task.code, creators).tolist()
        requests = _Requests(view, someone, self.settings)
        asks = [
            Ask(
                self._task, (creator, day), requests.of(creator),
                is_privileged=int(view.users.tier[creator]) == 0, in_cohort=live,
            )
            for creator, live in zip(creators.tolist(), may, strict=True)
        ]  # fmt: skip
        return self._plans(someone, someone.ask(asks))

    def _plans(self, someone: Consultant, answers: "list[Answer[Any]]") -> Plans:
        names = ("category", "hashtag", "uploads", "text", "hour", "live", "call")
        columns = {name: np.zeros((len(answers), PLAN_DAYS), np.int64) for name in names}
        for row, answer in enumerate(answers):
            for day in answer.response.days:
                for name, value in self._day(someone, answer, day).items():
                    columns[name][row, day.day_offset] = value
        source = np.asarray([int(answer.source) for answer in answers], np.uint8)
        return Plans(sound=np.zeros_like(columns["hour"]), source=source, **columns)

    def _day(self, someone: Consultant, answer: "Answer[Any]", day: "Day") -> dict[str, int]:
        """Return one day as codes; unknown hashtags are none."""
        names, s = someone.names, self.settings
        category = names.category(day.category)
        assert category is not None, "a response names categories that its request offered"
        has_live = day.live_slot >= 0
        return {
            "category": category,
            "hashtag": names.hashtag(day.hashtags[0]),
            "uploads": s.uploads[day.day_offset],
            "text": someone.caption(answer, day.theme, day.short_caption, day.hashtags),
            "hour": day.live_slot if has_live else s.hours[day.day_offset],
            "live": int(has_live),
            "call": CALLS.get(day.cta, 0),
        }


class _Requests:
    """Requests of one step: what is the same for all is made once."""

    def __init__(self, view: View, someone: Consultant, settings: CampaignSettings) -> None:
        self._view, self._someone, self._settings = view, someone, settings
        self._usual = usual_hashtags(view)
        items = view.items
        order = np.lexsort((items.ordinal, items.creator))
        self._rows = order[items.is_public[order] == 1]
        self._creator = items.creator[self._rows]
        self._trends = self._trending()
        self._channels = tuple(name for name, does in CHANNELS.items() if someone.executes(does))

    def of(self, creator: int) -> "CampaignRequest":
        """Return the request about a creator."""
        from feedtwin.llm.tasks.campaign import CampaignRequest

        names, field = self._someone.names, int(self._view.users.expertise[creator])
        own = names.tags(self._usual[field])
        return CampaignRequest(
            tier=TIERS[int(self._view.users.tier[creator])],  # type: ignore[arg-type]
            niche=names.categories[field],
            history=tuple(self._history(creator)),
            trends=self._trends,
            categories=names.offered(field),
            hashtags=own or (NO_HASHTAG,),
            channels=self._channels,  # type: ignore[arg-type]
        )

    def _history(self, creator: int) -> list[Any]:
        """Return how the creator's last videos did, the latest last."""
        from feedtwin.llm.tasks.campaign import PastVideo

        low, high = np.searchsorted(self._creator, [creator, creator + 1])
        rows = self._rows[low:high][-min(self._settings.history, 5) :]
        items, names = self._view.items, self._someone.names
        return [
            PastVideo(
                category=names.categories[int(items.category[row])],
                title=title,
                views=int(items.impressions[row]) - int(items.skips[row]),
                likes=int(items.likes[row]),
                retention_percent=_percent(
                    int(items.completions[row]), int(items.impressions[row])
                ),
            )
            for row, title in zip(rows.tolist(), self._someone.titles(rows), strict=True)
        ]

    def _trending(self) -> tuple[Any, ...]:
        """Return the hashtags that trend, the fastest first, with the home of each."""
        from feedtwin.llm.tasks.campaign import Trend

        trends, names = self._view.trends, self._someone.names
        assert trends is not None
        rows = np.nonzero((trends.kind == HASHTAG) & (trends.lifecycle > 0))[0]
        order = np.lexsort((trends.key[rows], -trends.velocity[rows, 0]))
        home = self._homes()
        return tuple(
            Trend(
                hashtag=names.hashtags[int(trends.key[row])],
                category=names.categories[home.get(int(trends.key[row]), 0)],
                posts_per_hour=int(np.rint(trends.velocity[row, 0])),
                growth_percent=_growth(trends.velocity[row]),
                phase=PHASES[int(trends.lifecycle[row])],  # type: ignore[arg-type]
            )
            for row in rows[order[: min(self._settings.trends_read, 3)]].tolist()
        )

    def _homes(self) -> dict[int, int]:
        """Return the category in which each hashtag stands first most often, by code."""
        items = self._view.items
        first = items.hashtags[:, 0].astype(np.int64)
        pairs, count = np.unique((first << 16) | items.category, return_counts=True)
        order = np.lexsort(
            (-pairs, count)
        )  # the most frequent last, and of equals the lowest category
        return {int(pair) >> 16: int(pair) & 0xFFFF for pair in pairs[order]}


def _percent(part: int, whole: int) -> int:
    return min(100 * part // whole, 100) if whole else 0


def _growth(velocity: np.ndarray) -> int:
    """Return how much a velocity grew over the last four points, in percent."""
    now, then = float(velocity[0]), float(velocity[-1])
    growth = GROWTH_MAX if then <= 0 < now else 0 if then <= 0 else round(100 * (now - then) / then)
    return max(-100, min(growth, GROWTH_MAX))
