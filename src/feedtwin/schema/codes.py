"""Enumerations that travel in `code` fields of events and actions.

The numbers are part of the log format: add at the end, never renumber.
"""

from __future__ import annotations

from enum import IntEnum


class SessionEnd(IntEnum):
    """Why a session ended."""

    BOREDOM = 1
    ENERGY = 2
    CAP = 3
    FEED_EXHAUSTED = 4


class FeedKind(IntEnum):
    """What kind of list a user asked for."""

    FEED = 0
    SEARCH = 1
    TREND = 2


class Engagement(IntEnum):
    """Kind of engagement with a video."""

    LIKE = 1
    SHARE = 2
    COMMENT = 3


class EdgeKind(IntEnum):
    """Kind of a social edge."""

    FOLLOW = 1
    MUTE = 2


class PreferenceCause(IntEnum):
    """What moved a user's interests."""

    FEEDBACK = 1
    RECALL = 2
    CONSOLIDATION = 3
    RESULTS = 4
    NICHE = 5
    PERSONA_TASTE = 6
    PERSONA_ATTENTION = 7
    PERSONA_ENGAGEMENT = 8


class SocialActivityKind(IntEnum):
    """Social primitive of a post, a comment or a group."""

    POST_CREATED = 1
    POST_LIKED = 2
    POST_UNLIKED = 3
    POST_DISLIKED = 4
    POST_DISLIKE_UNDONE = 5
    POST_REPOSTED = 6
    POST_QUOTED = 7
    COMMENT_CREATED = 8
    COMMENT_LIKED = 9
    COMMENT_UNLIKED = 10
    COMMENT_DISLIKED = 11
    COMMENT_DISLIKE_UNDONE = 12
    GROUP_CREATED = 13
    GROUP_JOINED = 14
    GROUP_LEFT = 15
    GROUP_MESSAGE_SENT = 16
    GROUP_MESSAGES_READ = 17
    VIDEO_UNLIKED = 18
    VIDEO_SAVED = 19
    VIDEO_NOT_INTERESTED = 20
    SIGNED_UP = 21
    INTERVIEWED = 22
    SEARCHED_USERS = 23
    VIDEO_SHARED = 24
    LEFT_PLATFORM = 25


class TransactionKind(IntEnum):
    """Kind of a money transfer."""

    GIFT = 1
    PURCHASE = 2
    AD = 3
    LIVE = 4
    SUBSCRIPTION = 5
    CREATOR_FUND = 6
    PAYOUT = 7


class ReportReason(IntEnum):
    """Why a user reported an item."""

    TOXICITY = 1
    SPAM = 2
    OTHER = 3


class LiveState(IntEnum):
    """What happened to a live room."""

    STARTED = 1
    ENDED = 2
    JOINED = 3
    LEFT = 4


class TrendKind(IntEnum):
    """What a trend is about."""

    HASHTAG = 1
    SOUND = 2
    CATEGORY = 3


class TrendLifecycle(IntEnum):
    """Where a trend is in its life; NONE means that it is not tracked."""

    NONE = 0
    EMERGENCE = 1
    PEAK = 2
    DECLINE = 3


class Stage(IntEnum):
    """Stages of promotion; LIMITED_EXPOSURE is the extra traffic of items that missed a gate."""

    INITIAL_EXPOSURE = 0
    EXPANDED_EXPOSURE = 1
    VIRAL_STAGE = 2
    LIMITED_EXPOSURE = 3


class AnswerSource(IntEnum):
    """Where a decision that a language model may take came from."""

    LIVE = 1
    CACHED = 2
    SURROGATE = 3


class ItemKind(IntEnum):
    """What an item is; only videos and ads have a row among the items."""

    VIDEO = 0
    AD = 1
    LIVE = 2
    PRODUCT = 3
    POST = 4


class VideoOrigin(IntEnum):
    """How a video came to be."""

    ORIGINAL = 0
    DUET = 1
    STITCH = 2


class GovernanceAction(IntEnum):
    """What governance did to its target."""

    BOOST = 1
    SUPPRESS = 2
    RESTORE = 3
    LABEL = 4
    AGE_GATE = 5
    SLOW_DOWN = 6
    REMOVE = 7
    DISMISS = 8


class GuardResult(IntEnum):
    """What the guard rails made of a governance action."""

    PASSED = 1
    CLIPPED = 2
    BLOCKED = 3


class TargetKind(IntEnum):
    """What a governance action aims at."""

    ITEM = 1
    CREATOR = 2
    HASHTAG = 3
    SOUND = 4
    CATEGORY = 5


class LlmTask(IntEnum):
    """Tasks that a language model may take; ALL stands for the whole budget."""

    ALL = 0
    PERSONA_GENERATION = 1
    CAPTION_GENERATION = 2
    COMMENT_GENERATION = 3
    CREATOR_CAMPAIGN = 4
    TREND_PREDICTION = 5
    ACTION_SELECTION = 6
