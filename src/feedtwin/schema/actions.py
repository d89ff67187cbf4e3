"""The 48 actions: what an actor may ask of the platform, one row each.

Actions are requests, events are facts: an action names the event types that executing it may emit.
Origins: P named in the seed paper, O in OASIS, + our completion. An action without a handler is
declared all the same and says so (`handled` is False).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from feedtwin.errors import SchemaError
from feedtwin.schema import codes
from feedtwin.schema.events import EVENTS, TWINS
from feedtwin.schema.fields import Field, check_unique
from feedtwin.schema.nearest import suggest

if TYPE_CHECKING:
    from collections.abc import Mapping

ACTORS: Final = ("user", "creator", "platform", "researcher")


@dataclass(frozen=True)
class Action:
    """One action type: who may ask, what the request holds, who executes it, what may follow."""

    number: int
    name: str
    group: str
    origin: str
    actor: str
    payload: tuple[Field, ...]
    executor: str
    emits: tuple[str, ...]
    handled: bool
    meaning: str
    aliases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_unique(f"action {self.name}", self.payload)
        if self.actor not in ACTORS or self.executor not in TWINS:
            raise SchemaError(f"action {self.name}: unknown actor or executor")
        for name in self.emits:
            if name not in EVENTS:
                raise SchemaError(f"action {self.name} emits {name!r}{suggest(name, EVENTS)}")

    def as_row(self) -> dict[str, object]:
        """Return a plain mapping for listings and JSON."""
        return {
            "number": self.number,
            "name": self.name,
            "group": self.group,
            "origin": self.origin,
            "actor": self.actor,
            "payload": [item.as_row() for item in self.payload],
            "executor": self.executor,
            "emits": list(self.emits),
            "handled": self.handled,
            "meaning": self.meaning,
            "aliases": list(self.aliases),
        }


def _id(name: str, dtype: str, meaning: str) -> Field:
    return Field(name, dtype, "id", meaning)


_STEP = Field("step", "u4", "step", "Step in which the action is asked for, from 0.")
_USER = _id("user", "u4", "Who asks.")
_TARGET = _id("target", "u4", "The user acted on.")
_VIDEO = _id("item", "u8", "The video: creator id << 32 | upload ordinal.")
_ITEM = _id("item", "u8", "The post, or the video, acted on.")
_COMMENT = _id("item", "u8", "The comment acted on.")
_LIVE = _id("item", "u8", "The live room, an item of its host.")
_GROUP = _id("group", "u4", "The group.")
_TEXT = _id("text", "u4", "Text; 0 for none.")
_QUERY = _id("query", "u4", "What is searched for; 0 for none.")
_REQUEST = _id("request", "u4", "Ordinal of the feed request of this user.")
_SLOT = Field("slot", "u1", "position", "Place in the slate, from 0.")
_WATCH = Field("watch_ms", "u4", "ms", "Time on the video.")
_AMOUNT = Field("amount_microusd", "u8", "micro-USD", "Amount to pay.")
_SESSION = _id("session", "u4", "Ordinal of the session of this user.")
_CAUSE = Field("cause", "u1", "code", "Why the user leaves.", codes.SessionEnd)
_REASON = Field("reason", "u1", "code", "Why it is reported.", codes.ReportReason)
_TOXICITY = Field("toxicity", "f4", "1", "Toxicity that the user perceived, in [0, 1].")
_QUESTION = _id("text", "u4", "The question asked.")
_CATEGORY = _id("category", "u2", "Category (archetype) of the upload.")
_PLAN = _id("plan", "u4", "Campaign plan followed; 0 for none.")
_SOURCE = _id("source", "u8", "The video that the new one answers.")
_PRODUCT = _id("item", "u8", "The product.")
_UNITS = Field("units", "u2", "count", "Units bought.")
_SLATE = (_VIDEO, _REQUEST, _SLOT)

_HANDLED: Final = frozenset(
    "EXIT REFRESH FOLLOW DO_NOTHING CREATE_VIDEO WATCH_VIDEO SKIP_VIDEO LIKE_VIDEO SHARE_VIDEO "
    "COMMENT_VIDEO UPDATE_REC_TABLE REPORT_POST SEND_GIFT PURCHASE_PRODUCT DUET_VIDEO STITCH_VIDEO "
    "UNLIKE_VIDEO SAVE_VIDEO NOT_INTERESTED UNFOLLOW MUTE UNMUTE SIGNUP "
    "CREATE_POST LIKE_POST UNLIKE_POST DISLIKE_POST UNDO_DISLIKE_POST REPOST QUOTE_POST "
    "CREATE_COMMENT LIKE_COMMENT UNLIKE_COMMENT DISLIKE_COMMENT UNDO_DISLIKE_COMMENT "
    "CREATE_GROUP JOIN_GROUP LEAVE_GROUP SEND_TO_GROUP LISTEN_FROM_GROUP "
    "SEARCH_USER SEARCH_POSTS TREND INTERVIEW START_LIVE END_LIVE JOIN_LIVE LEAVE_LIVE".split()
)

# Rows: name, group, origin, actor, executor, emits, payload after (step, user), meaning.
_Row = tuple[str, str, str, str, str, str, tuple[Field, ...], str]
# fmt: off
_ROWS: Final[tuple[_Row, ...]] = (
    ("EXIT", "navigation", "PO", "user", "user", "SESSION_ENDED",
     (_SESSION, _CAUSE), "Leave the app."),
    ("REFRESH", "consumption", "PO", "user", "platform", "FEED_REQUESTED IMPRESSION_SERVED",
     (_REQUEST,), "Ask for the next slate of the feed."),
    ("SEARCH_USER", "navigation", "PO", "user", "platform", "SOCIAL_ACTIVITY",
     (_QUERY,), "Look for users."),
    ("SEARCH_POSTS", "navigation", "PO", "user", "platform", "FEED_REQUESTED IMPRESSION_SERVED",
     (_REQUEST, _QUERY), "Look for items."),
    ("CREATE_POST", "posting", "O", "user", "platform", "SOCIAL_ACTIVITY",
     (_TEXT,), "Publish a text post."),
    ("LIKE_POST", "posting", "O", "user", "platform", "SOCIAL_ACTIVITY",
     (_ITEM,), "Like a post."),
    ("UNLIKE_POST", "posting", "O", "user", "platform", "SOCIAL_ACTIVITY",
     (_ITEM,), "Take back the like of a post."),
    ("DISLIKE_POST", "posting", "O", "user", "platform", "SOCIAL_ACTIVITY",
     (_ITEM,), "Dislike a post."),
    ("UNDO_DISLIKE_POST", "posting", "O", "user", "platform", "SOCIAL_ACTIVITY",
     (_ITEM,), "Take back the dislike of a post."),
    ("REPORT_POST", "governance", "O", "user", "platform", "CONTENT_REPORTED",
     (_ITEM, _REQUEST, _SLOT, _TOXICITY, _REASON), "Report a post or a video."),
    ("FOLLOW", "social graph", "PO", "user", "user", "SOCIAL_GRAPH_UPDATED",
     (_TARGET, _REQUEST, _SLOT), "Follow a user."),
    ("UNFOLLOW", "social graph", "PO", "user", "user", "SOCIAL_GRAPH_UPDATED",
     (_TARGET,), "Stop following a user."),
    ("MUTE", "social graph", "O", "user", "user", "SOCIAL_GRAPH_UPDATED",
     (_TARGET,), "Stop seeing a user."),
    ("UNMUTE", "social graph", "O", "user", "user", "SOCIAL_GRAPH_UPDATED",
     (_TARGET,), "See a muted user again."),
    ("TREND", "discovery", "O", "user", "platform", "FEED_REQUESTED IMPRESSION_SERVED",
     (_REQUEST, _QUERY), "Ask for what is trending."),
    ("SIGNUP", "lifecycle", "O", "user", "user", "SOCIAL_ACTIVITY",
     (), "Join the platform."),
    ("REPOST", "posting", "O", "user", "platform", "SOCIAL_ACTIVITY",
     (_ITEM,), "Repost a post."),
    ("QUOTE_POST", "posting", "O", "user", "platform", "SOCIAL_ACTIVITY",
     (_ITEM, _TEXT), "Repost a post with a comment of one's own."),
    ("UPDATE_REC_TABLE", "platform", "O", "platform", "platform", "EXPOSURE_STAGE_CHANGED VIDEO_GOES_VIRAL",
     (), "Recompute what recommendation reads: item statistics, stages, pools."),
    ("CREATE_COMMENT", "commenting", "O", "user", "platform", "SOCIAL_ACTIVITY",
     (_ITEM, _TEXT), "Comment on a post."),
    ("LIKE_COMMENT", "commenting", "O", "user", "platform", "SOCIAL_ACTIVITY",
     (_COMMENT,), "Like a comment."),
    ("UNLIKE_COMMENT", "commenting", "O", "user", "platform", "SOCIAL_ACTIVITY",
     (_COMMENT,), "Take back the like of a comment."),
    ("DISLIKE_COMMENT", "commenting", "O", "user", "platform", "SOCIAL_ACTIVITY",
     (_COMMENT,), "Dislike a comment."),
    ("UNDO_DISLIKE_COMMENT", "commenting", "O", "user", "platform", "SOCIAL_ACTIVITY",
     (_COMMENT,), "Take back the dislike of a comment."),
    ("DO_NOTHING", "navigation", "O", "user", "user", "",
     (), "Stay away from the app in this step."),
    ("PURCHASE_PRODUCT", "commerce", "O", "user", "platform", "TRANSACTION_COMPLETED",
     (_PRODUCT, _UNITS, _AMOUNT), "Buy a product."),
    ("INTERVIEW", "instrumentation", "O", "researcher", "user", "SOCIAL_ACTIVITY",
     (_QUESTION,), "Ask a user a question; never sampled by a user."),
    ("JOIN_GROUP", "community", "O", "user", "platform", "SOCIAL_ACTIVITY",
     (_GROUP,), "Join a group."),
    ("LEAVE_GROUP", "community", "O", "user", "platform", "SOCIAL_ACTIVITY",
     (_GROUP,), "Leave a group."),
    ("SEND_TO_GROUP", "community", "O", "user", "platform", "SOCIAL_ACTIVITY",
     (_GROUP, _TEXT), "Send a message to a group."),
    ("CREATE_GROUP", "community", "O", "user", "platform", "SOCIAL_ACTIVITY",
     (_TEXT,), "Open a group."),
    ("LISTEN_FROM_GROUP", "community", "O", "user", "platform", "SOCIAL_ACTIVITY",
     (_GROUP,), "Read the messages of a group."),
    ("CREATE_VIDEO", "video", "P", "creator", "content", "VIDEO_CREATED",
     (_CATEGORY, _PLAN), "Upload a video."),
    ("WATCH_VIDEO", "consumption", "P", "user", "interaction", "VIDEO_WATCHED",
     (*_SLATE, _WATCH), "Watch a video past its hook."),
    ("SKIP_VIDEO", "consumption", "P", "user", "interaction", "VIDEO_SKIPPED",
     (*_SLATE, _WATCH), "Swipe a video away within the hook window."),
    ("LIKE_VIDEO", "engagement", "P", "user", "interaction", "VIDEO_ENGAGED",
     _SLATE, "Like a video."),
    ("SHARE_VIDEO", "engagement", "P", "user", "platform", "VIDEO_ENGAGED SOCIAL_ACTIVITY",
     _SLATE, "Share a video, which puts it before one's followers."),
    ("COMMENT_VIDEO", "engagement", "P", "user", "interaction", "VIDEO_ENGAGED",
     (*_SLATE, _TEXT), "Comment on a video."),
    ("DUET_VIDEO", "engagement", "P", "creator", "content", "VIDEO_CREATED",
     (_SOURCE, _CATEGORY), "Upload a video beside another."),
    ("STITCH_VIDEO", "engagement", "P", "creator", "content", "VIDEO_CREATED",
     (_SOURCE, _CATEGORY), "Upload a video that continues another."),
    ("SEND_GIFT", "monetary", "P", "user", "platform", "TRANSACTION_COMPLETED",
     (_TARGET, _ITEM, _AMOUNT), "Give money to a creator."),
    ("START_LIVE", "live", "+", "creator", "platform", "LIVE_STATE_CHANGED",
     (_LIVE, _CATEGORY), "Open a live room."),
    ("END_LIVE", "live", "+", "creator", "platform", "LIVE_STATE_CHANGED",
     (_LIVE,), "Close a live room."),
    ("JOIN_LIVE", "live", "+", "user", "platform", "LIVE_STATE_CHANGED",
     (_LIVE,), "Enter a live room."),
    ("LEAVE_LIVE", "live", "+", "user", "platform", "LIVE_STATE_CHANGED",
     (_LIVE,), "Leave a live room."),
    ("UNLIKE_VIDEO", "engagement", "+", "user", "platform", "SOCIAL_ACTIVITY",
     (_VIDEO,), "Take back the like of a video."),
    ("SAVE_VIDEO", "engagement", "+", "user", "platform", "SOCIAL_ACTIVITY",
     (_VIDEO,), "Keep a video among the favourites."),
    ("NOT_INTERESTED", "consumption", "+", "user", "platform", "SOCIAL_ACTIVITY",
     _SLATE, "Ask to see less of this."),
)
# fmt: on

# All 32 members of OASIS `ActionType`, by value.
OASIS_ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        oasis: {"sign_up": "SIGNUP"}.get(oasis, oasis.upper())
        for oasis in (
            "exit refresh search_user search_posts create_post like_post unlike_post dislike_post "
            "undo_dislike_post report_post follow unfollow mute unmute trend sign_up repost "
            "quote_post update_rec_table create_comment like_comment unlike_comment "
            "dislike_comment undo_dislike_comment do_nothing purchase_product interview join_group "
            "leave_group send_to_group create_group listen_from_group"
        ).split()
    }
)

# Short names in the seed paper's appendix.
PAPER_ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "LIKE": "LIKE_VIDEO",
        "SHARE": "SHARE_VIDEO",
        "COMMENT": "COMMENT_VIDEO",
        "DUET": "DUET_VIDEO",
        "STITCH": "STITCH_VIDEO",
    }
)

ALIASES: Final[Mapping[str, str]] = MappingProxyType({**OASIS_ALIASES, **PAPER_ALIASES})


def _build() -> dict[str, Action]:
    actions = {}
    for number, row in enumerate(_ROWS, 1):
        name, group, origin, actor, executor, emits, payload, meaning = row
        actions[name] = Action(
            number=number,
            name=name,
            group=group,
            origin=origin,
            actor=actor,
            payload=(_STEP, *payload) if actor == "platform" else (_STEP, _USER, *payload),
            executor=executor,
            emits=tuple(emits.split()),
            handled=name in _HANDLED,
            meaning=meaning,
            aliases=tuple(alias for alias, target in ALIASES.items() if target == name),
        )
    return actions


ACTIONS: Final[Mapping[str, Action]] = MappingProxyType(_build())


def action(name: str) -> Action:
    """Return the action called `name`, or known by it in OASIS or in the seed paper.

    Raises:
        SchemaError: No action has that name or alias; the nearest one is suggested.
    """
    try:
        return ACTIONS[ALIASES.get(name, name)]
    except KeyError:
        known = [*ACTIONS, *ALIASES]
        raise SchemaError(f"no action is called {name!r}{suggest(name, known)}") from None


def to_oasis(name: str) -> str | None:
    """Return the OASIS name of an action, or None where OASIS has none."""
    for oasis, ours in OASIS_ALIASES.items():
        if ours == name:
            return oasis
    return None
