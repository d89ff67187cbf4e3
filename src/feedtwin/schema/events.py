"""The 23 events: what one twin tells the others, one row each.

An event travels as a batch of rows of one type, and a batch is the only thing that crosses a border
between twins. Consumers are listed in the order in which the bus delivers. Where the producer itself
is listed, that is because its own columns change only in its `on_<event>` handler.

Outcomes are exclusive: an impression that was reached gives either VIDEO_WATCHED or VIDEO_SKIPPED.
Text never travels in an event, only its id. Money is in micro-dollars, so sums are integers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from feedtwin.errors import SchemaError
from feedtwin.schema import codes
from feedtwin.schema.fields import Field, check_unique
from feedtwin.schema.nearest import suggest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import IntEnum

    import pyarrow as pa

TWINS: Final = ("user", "content", "interaction", "platform")


@dataclass(frozen=True)
class Event:
    """One event type: who says it, who listens in which order, and what a row holds."""

    number: int
    name: str
    producer: str
    consumers: tuple[str, ...]
    fields: tuple[Field, ...]
    origin: str
    meaning: str
    dtype: np.dtype = field(init=False, repr=False, compare=False)
    reports: Mapping[str, int] = field(init=False, repr=False, compare=False)
    """Fields that say who answered, with the value that digests take for them."""

    def __post_init__(self) -> None:
        check_unique(f"event {self.name}", self.fields)
        named = {f.name: f.digested_as for f in self.fields if f.digested_as is not None}
        object.__setattr__(self, "reports", named)
        for twin in (self.producer, *self.consumers):
            if twin not in TWINS:
                raise SchemaError(f"event {self.name}: no twin is called {twin!r}")
        packed = np.dtype([(item.name, item.numpy_dtype) for item in self.fields])
        object.__setattr__(self, "dtype", packed)

    @property
    def handler(self) -> str:
        """Return the method name by which a twin handles this event."""
        return f"on_{self.name.lower()}"

    @property
    def numpy_dtypes(self) -> dict[str, np.dtype]:
        """Return the NumPy type of each field, in field order."""
        return {item.name: item.numpy_dtype for item in self.fields}

    @property
    def arrow(self) -> pa.Schema:
        """Return the Arrow schema, with the event's name and meaning as metadata."""
        import pyarrow as pa  # imported late: `--help` must not pay for Arrow

        metadata = {"event": self.name, "meaning": self.meaning}
        return pa.schema([item.arrow() for item in self.fields], metadata=metadata)

    def as_row(self) -> dict[str, object]:
        """Return a plain mapping for listings and JSON."""
        return {
            "number": self.number,
            "name": self.name,
            "origin": self.origin,
            "producer": self.producer,
            "consumers": list(self.consumers),
            "fields": [item.as_row() for item in self.fields],
            "meaning": self.meaning,
        }


def _id(name: str, dtype: str, meaning: str) -> Field:
    return Field(name, dtype, "id", meaning)


def _code(name: str, meaning: str, values: type[IntEnum] | None = None) -> Field:
    return Field(name, "u1", "code", meaning, values)


def _source(name: str, meaning: str) -> Field:
    """Who answered: a report, for which digests take what worlds without language models have."""
    by_rule = int(codes.AnswerSource.SURROGATE)
    return Field(name, "u1", "code", meaning, codes.AnswerSource, by_rule)


_STEP = Field("step", "u4", "step", "Step (hour of simulated time) in which it happened, from 0.")
_USER = _id("user", "u4", "The user.")
_CREATOR = _id("user", "u4", "The creator.")
_ITEM = _id("item", "u8", "Item: creator id << 32 | the creator's upload ordinal.")
_REQUEST = _id("request", "u4", "Ordinal of the feed request of this user, from 0.")
_SLOT = Field("slot", "u1", "position", "Place in the slate, from 0.")
_WATCH = Field("watch_ms", "u4", "ms", "Time on the video in this impression.")
_IMPRESSION = (_STEP, _USER, _REQUEST, _SLOT)

# Rows: name, origin, producer, consumers in order, fields, meaning. Numbers follow the order of rows.
# fmt: off
_ROWS: Final[tuple[tuple[str, str, str, str, tuple[Field, ...], str], ...]] = (
    ("SESSION_STARTED", "+", "user", "user interaction platform", (
        _STEP, _USER,
        _id("session", "u4", "Ordinal of the session of this user, from 0."),
        Field("energy", "f4", "1", "Energy at the start of the session, in [0, 1]."),
    ), "A user opened the app."),
    ("SESSION_ENDED", "+", "user", "user platform", (
        _STEP, _USER,
        _id("session", "u4", "Ordinal of the session of this user, from 0."),
        _code("cause", "Why the session ended.", codes.SessionEnd),
        Field("impressions", "u2", "count", "Impressions of the session."),
        Field("watch_ms", "u4", "ms", "Time on videos in the session."),
    ), "A user left the app."),
    ("FEED_REQUESTED", "+", "user", "user platform", (
        _STEP, _USER, _REQUEST,
        _code("kind", "What kind of list was asked for.", codes.FeedKind),
        _id("query", "u4", "Search query or trend; 0 for none."),
    ), "A user asked for a list of items."),
    ("IMPRESSION_SERVED", "+", "platform", "platform interaction content", (
        *_IMPRESSION, _ITEM,
        _code("pool", "Retrieval pool that offered the item; a number of the policy's list."),
        Field("score", "f4", "1", "Ranking score before the sampling noise."),
        Field(
            "propensity",
            "f4",
            "probability",
            "Probability of this item in this slot, given the candidate set and the slots before.",
        ),
        Field(
            "inserted", "u1", "flag", "1 when a rule placed the item (propensity 1), else 0."
        ),
        _code("stage", "Promotion stage of the item when it was served.", codes.Stage),
        Field(
            "meeting",
            "u2",
            "count",
            "How often this user had met this item before, within the seen-store.",
        ),
        _code("policy", "Recommendation policy; a number of the run's policy list."),
    ), "A slot of a slate was filled with an item."),
    ("VIDEO_WATCHED", "P", "interaction", "user content platform", (
        *_IMPRESSION, _ITEM, _WATCH,
        Field(
            "completion", "f4", "1", "Time on the video over its duration; above 1 on replays."
        ),
        Field("is_skipped", "u1", "flag", "0; 1 only where skips are logged twice (interaction.skip_events)."),
    ), "A user watched a video past the hook."),
    ("VIDEO_SKIPPED", "P", "interaction", "user content platform", (
        *_IMPRESSION, _ITEM, _WATCH,
    ), "A user swiped a video away within the hook window."),
    ("VIDEO_ENGAGED", "P", "interaction", "user content platform", (
        *_IMPRESSION, _ITEM,
        _code("engagement", "Like, share or comment.", codes.Engagement),
        _id("text", "u4", "Text of a comment; 0 for none."),
    ), "A user liked, shared or commented on a video."),
    ("PREFERENCE_UPDATED", "+", "user", "user platform", (
        _STEP, _USER, _REQUEST,
        Field("change", "f4", "interest", "L1 norm of the move of the interests, or of the drive."),
        _code("cause", "What moved them.", codes.PreferenceCause),
        _id("topic", "u2", "Category that a creator turns to; 65535 for none."),
    ), "A user's interests, or a creator's drive, moved."),
    ("SOCIAL_GRAPH_UPDATED", "+", "user", "user platform", (
        _STEP, _USER,
        _id("target", "u4", "The user at the other end of the edge."),
        _code("edge", "Kind of the edge.", codes.EdgeKind),
        Field("added", "u1", "flag", "1 when the edge was added, 0 when it was removed."),
        _REQUEST, _SLOT,
    ), "A follow or mute edge was added or removed."),
    ("SOCIAL_ACTIVITY", "+", "user", "user content platform", (
        _STEP, _USER,
        _id("ordinal", "u4", "Ordinal of the social activity of this user, from 0."),
        _code("kind", "The social primitive.", codes.SocialActivityKind),
        _id("item", "u8", "Post, comment or video acted on or created; 0 for none."),
        _id("parent", "u8", "What a post quotes or a comment answers; 0 for none."),
        _id("group", "u4", "Group; 0 for none."),
        _id("text", "u4", "Text; 0 for none."),
    ), "A user shared or saved a video, or acted on a post, a comment or a group."),
    ("TRANSACTION_COMPLETED", "+", "platform", "platform user", (
        _STEP,
        Field("user", "u4", "id", "Who pays; for ads who saw the ad, for fund and payouts the creator."),
        _id("ordinal", "u4", "Ordinal of the transaction of this user, from 0."),
        _code("kind", "Kind of the transfer.", codes.TransactionKind),
        _id("recipient", "u4", "Creator or merchant who gets the share; 4294967295 for nobody."),
        _id("item", "u8", "Video, live room, product or ad; 0 for none."),
        Field("amount_microusd", "u8", "micro-USD", "Amount paid."),
        Field(
            "share_microusd", "u8", "micro-USD", "Part of the amount that reaches the creator."
        ),
    ), "Money moved."),
    ("CONTENT_REPORTED", "+", "user", "platform content", (
        _STEP, _USER, _REQUEST, _SLOT, _ITEM,
        Field("toxicity", "f4", "1", "Toxicity that the user perceived, in [0, 1]."),
        _code("reason", "Why it was reported.", codes.ReportReason),
    ), "A user reported an item."),
    ("VIDEO_CREATED", "+", "content", "content platform user", (
        _STEP, _CREATOR, _ITEM,
        _id("category", "u2", "Category (archetype) of the world's category table."),
        _id("hashtag_1", "u2", "First hashtag; 0 for none."),
        _id("hashtag_2", "u2", "Second hashtag; 0 for none."),
        _id("hashtag_3", "u2", "Third hashtag; 0 for none."),
        _id("sound", "u4", "Sound; 0 for none."),
        Field("duration_s", "f4", "s", "Length of the video."),
        Field("hook_strength", "f4", "1", "How well the start holds viewers, in (0, 1)."),
        Field("quality", "f4", "1", "Watch quality, in (0, 1)."),
        Field("virality", "f4", "1", "Viral potential, in (0, 1)."),
        Field("completion_prior", "f4", "1", "Base completion given that the hook held."),
        Field("toxicity", "f4", "1", "How offensive it is, in [0, 1]."),
        _code("origin", "Whether it answers another video.", codes.VideoOrigin),
        _id("parent", "u8", "The video that it answers; 0 for none."),
        _id("plan", "u4", "Campaign plan behind the upload; 0 for none."),
        _id("text", "u4", "Caption; 0 for none."),
    ), "A creator uploaded a video."),
    ("CONTENT_STATE_UPDATED", "+", "content", "platform", (
        _STEP, _ITEM,
        Field("impressions", "u4", "count", "Impressions so far."),
        Field("skips", "u4", "count", "Skips so far."),
        Field("likes", "u4", "count", "Likes so far."),
        Field("shares", "u4", "count", "Shares so far."),
        Field("comments", "u4", "count", "Comments so far."),
        Field(
            "completions", "u4", "count", "Views that reached the completion threshold so far."
        ),
        Field("watch_ms", "u8", "ms", "Time of all users on the item so far."),
    ), "Running totals of an item that was touched in the step."),
    ("LIVE_STATE_CHANGED", "+", "platform", "platform user content", (
        _STEP,
        Field("user", "u4", "id", "Who started, ended, joined or left."),
        _id("item", "u8", "The live room, an item of its host."),
        _code("change", "What happened.", codes.LiveState),
        Field("viewers", "u4", "count", "Viewers in the room after the change."),
        _id("category", "u2", "What the room is about, a category of the world's table."),
    ), "A live room started or ended, or a user joined or left it."),
    ("EXPOSURE_STAGE_CHANGED", "+", "platform", "platform content", (
        _STEP, _ITEM,
        _code("from_stage", "Promotion stage before.", codes.Stage),
        _code("to_stage", "Promotion stage after.", codes.Stage),
        Field("impressions", "u4", "count", "Impressions at the gate."),
        Field("engagement_rate", "f4", "1", "Engagements per impression at the gate."),
        Field("velocity", "f4", "events/hour", "Engagement velocity at the gate."),
        Field("completion", "f4", "1", "Mean completion at the gate."),
    ), "An item passed or missed a promotion gate."),
    ("VIDEO_GOES_VIRAL", "P", "platform", "platform content user", (
        _STEP, _ITEM,
        Field("velocity", "f4", "events/hour", "Engagement velocity that opened the gate."),
        Field("amplification", "f4", "1", "Factor on exposure from now on."),
    ), "A video reached the viral stage."),
    ("TREND_STATE_CHANGED", "+", "platform", "platform content user", (
        _STEP,
        _code("kind", "What the trend is about.", codes.TrendKind),
        _id("key", "u4", "Hashtag, sound or category."),
        _code("from_lifecycle", "Lifecycle before.", codes.TrendLifecycle),
        _code("to_lifecycle", "Lifecycle after.", codes.TrendLifecycle),
        Field("velocity", "f4", "1/hour", "Engagements (or uploads: trends.signal) with the key per hour."),
        Field("volume", "u4", "count", "Engagements (or uploads) with the key in the window."),
    ), "A trend entered another part of its life."),
    ("TREND_FORECAST_ISSUED", "+", "platform", "platform", (
        _STEP,
        _id("forecast", "u4", "Ordinal of the forecast; its rows share it."),
        Field("rank", "u1", "position", "Place in the forecast's list, from 0."),
        _code("kind", "What the trend is about.", codes.TrendKind),
        _id("key", "u4", "Hashtag, sound or category."),
        Field("confidence", "f4", "probability", "Confidence that the key will trend."),
        _source("source", "Where the forecast came from."),
    ), "One entry of a list of trends that are expected."),
    ("GOVERNANCE_ACTION_APPLIED", "+", "platform", "platform content interaction", (
        _STEP,
        _id("ordinal", "u4", "Ordinal of the governance action, from 0."),
        _code("action", "What was done.", codes.GovernanceAction),
        _code("target_kind", "Kind of the target.", codes.TargetKind),
        _id("target", "u8", "Item, creator, hashtag, sound or category."),
        Field("size", "f4", "1", "Factor on the target's exposure after the guard rails."),
        Field("duration_steps", "u4", "step", "For how many steps it holds."),
        _code("guard", "What the guard rails made of it.", codes.GuardResult),
    ), "Governance tried to do something to a target, or a reviewer decided on a report."),
    ("CAMPAIGN_PLAN_ISSUED", "+", "platform", "user content", (
        _STEP, _CREATOR,
        _id("plan", "u4", "The plan; uploads that follow it carry it."),
        Field("day", "u1", "day", "Day of the plan that the row describes, from 0."),
        _id("category", "u2", "Category to post in."),
        _id("hashtag", "u2", "Hashtag to use; 0 for none."),
        _id("sound", "u4", "Sound to use; 0 for none."),
        Field("uploads", "u1", "count", "Uploads planned for the day."),
        _id("text", "u4", "Theme of the day; 0 for none."),
        Field("hour", "u1", "hour", "Hour of the day at which to post, from 0."),
        _code("live", "1 where a live room is planned for the day."),
        _code("call", "Call to action; a number of the planner's list, 0 for none."),
        _source("source", "Where the plan came from."),
    ), "One day of a creator's campaign plan."),
    ("LLM_TIER_CHANGED", "+", "platform", "user content interaction platform", (
        _STEP,
        _code("task", "Task whose answer source changed.", codes.LlmTask),
        _source("from_source", "Answer source before."),
        _source("to_source", "Answer source after."),
        Field("utilisation", "f4", "1", "Spend over budget when it changed."),
    ), "A task moved to another answer source."),
    ("BUDGET_EXCEEDED", "P", "platform", "user content interaction platform", (
        _STEP,
        _code("task", "Task whose own limit it is; 0 for the whole.", codes.LlmTask),
        Field("budget_microusd", "u8", "micro-USD", "The limit; of the whole with its reserve or without."),
        Field("spend_microusd", "u8", "micro-USD", "Spend of the task, or of the whole, so far."),
    ), "A limit of the budget kept an ask from a model; one row per limit, once."),
)
# fmt: on

EVENTS: Final[Mapping[str, Event]] = MappingProxyType(
    {
        name: Event(number, name, producer, tuple(consumers.split()), fields, origin, meaning)
        for number, (name, origin, producer, consumers, fields, meaning) in enumerate(_ROWS, 1)
    }
)


def event(name: str) -> Event:
    """Return the event called `name`; raise SchemaError, suggesting the nearest, if there is none."""
    try:
        return EVENTS[name]
    except KeyError:
        raise SchemaError(f"no event is called {name!r}{suggest(name, EVENTS)}") from None
