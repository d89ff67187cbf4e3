"""Every kind of decision that draws, and what identifies a draw of it.

A stream is one of the four words of one generator block. Blocks are handed out by area, so that two
mechanisms never meet: 1 to 19 the consumption loop, 20 to 29 users beyond it, 30 to 34 content, 35 to 44
live rooms and communities, 45 to 54 money, 55 to 64 governance and promotion, 65 to 69 campaigns.
"""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """What identifies a stream and what it is for."""

    block: int
    """Number of the generator block, 1 .. 4095. Frozen: a changed number is another world."""
    word: int
    """Which of the block's four output words, 0 .. 3."""
    key: tuple[str, ...]
    """Names of the entity words, at most four, in counter order."""
    decides: str
    """What the draw decides."""
    where: str
    """The module that draws it."""


_ENCOUNTER = ("user", "creator", "ordinal", "meeting")
_USER = "twins.user"
_CONTENT = "twins.content"
_FEED = "twins.platform"
_MEET = "twins.interaction"


class Stream(Enum):
    """Every kind of decision that draws. One member per decision; two decisions never share one."""

    USER_ATTRIBUTE = StreamSpec(
        1,
        0,
        ("user", "attribute"),
        "a user's fixed traits, one attribute number each (tier, persona, span, ...)",
        _USER,
    )
    USER_TASTE = StreamSpec(2, 0, ("user", "dim"), "a user's long-term taste, one dimension", _USER)
    USER_TIE = StreamSpec(3, 0, ("user", "tie"), "whom a user follows at the start", _USER)
    SESSION_START = StreamSpec(4, 0, ("user", "step"), "whether a session starts", _USER)
    SESSION_CONTEXT = StreamSpec(5, 0, ("user", "session"), "a session's energy and mood", _USER)
    UPLOAD_COUNT = StreamSpec(6, 0, ("creator", "day"), "how many videos a creator posts", _USER)
    UPLOAD_HOUR = StreamSpec(6, 1, ("creator", "day"), "the hour of the day's uploads", _USER)
    VIDEO_ATTRIBUTE = StreamSpec(
        7,
        0,
        ("creator", "ordinal", "attribute"),
        "a video's traits, one attribute number each (duration, hook, quality, ...)",
        _CONTENT,
    )
    VIDEO_CATEGORY = StreamSpec(
        8, 0, ("creator", "ordinal", "category"), "a video's category (Gumbel race)", _CONTENT
    )
    VIDEO_NOISE = StreamSpec(
        9, 0, ("creator", "ordinal", "dim"), "a video's idiosyncratic dimensions (40-49)", _CONTENT
    )
    VIDEO_KEYWORD = StreamSpec(
        10, 0, ("creator", "ordinal", "k"), "a video's k-th hashtag or sound", _CONTENT
    )
    RETRIEVAL_RING = StreamSpec(
        11, 0, ("creator", "ordinal", "epoch", "pool"), "a video's place on a pool's ring", _FEED
    )
    RETRIEVAL_START = StreamSpec(
        12, 0, ("user", "request", "pool"), "where a request enters a pool's ring", _FEED
    )
    CLUSTER_CHOICE = StreamSpec(
        13, 0, ("user", "request", "category"), "which categories a request explores", _FEED
    )
    RANKING = StreamSpec(
        14, 0, ("user", "creator", "ordinal", "request"), "a candidate's Gumbel number", _FEED
    )
    HOOK = StreamSpec(15, 0, _ENCOUNTER, "whether the hook holds the user", _MEET)
    HOOK_NOISE = StreamSpec(15, 1, _ENCOUNTER, "noise of the skip's log-odds", _MEET)
    SKIP_TIME = StreamSpec(15, 2, _ENCOUNTER, "watch time of a skipped video", _MEET)
    WATCH_TIME = StreamSpec(15, 3, _ENCOUNTER, "watch time of a video not skipped", _MEET)
    LIKE = StreamSpec(16, 0, _ENCOUNTER, "whether the user likes the video", _MEET)
    SHARE = StreamSpec(16, 1, _ENCOUNTER, "whether the user shares the video", _MEET)
    COMMENT = StreamSpec(16, 2, _ENCOUNTER, "whether the user comments", _MEET)
    FOLLOW = StreamSpec(16, 3, _ENCOUNTER, "whether the user follows the creator", _MEET)
    PEOPLE_RESAMPLE = StreamSpec(17, 0, ("user",), "which real person a user copies", "world.real")
    PEOPLE_JITTER = StreamSpec(17, 1, ("user", "attribute"), "a copy's difference", "world.real")
    ASSIGNMENT = StreamSpec(
        18, 0, ("experiment", "unit"), "an experiment's arm (reserved, not drawn yet)", "lab"
    )
    EMBEDDING = StreamSpec(
        19, 0, ("hash_low", "hash_high", "kind", "dim"), "a keyword's vector", _CONTENT
    )
    PERSONA_TEXT = StreamSpec(
        70, 0, ("user", "k"), "a persona written without a language model", "llm.tasks.persona"
    )
    CAPTION_TEXT = StreamSpec(
        71, 0, ("creator", "ordinal"), "a caption written without one", "llm.tasks.caption"
    )
    COMMENT_TEXT = StreamSpec(
        72, 0, _ENCOUNTER, "a comment written without one", "llm.tasks.comment"
    )
    CAMPAIGN_TEXT = StreamSpec(
        73, 0, ("creator", "day", "k"), "wording of a plan made without one", "llm.tasks.campaign"
    )
    DECISION_RULE = StreamSpec(
        75, 0, ("user", "step", "k"), "an action chosen without one", "llm.tasks.decision"
    )

    @property
    def block(self) -> int:
        """Number of the generator block."""
        return self.value.block

    @property
    def word(self) -> int:
        """Which of the block's four output words."""
        return self.value.word

    @property
    def key(self) -> tuple[str, ...]:
        """Names of the entity words."""
        return self.value.key

    @property
    def decides(self) -> str:
        """What the draw decides."""
        return self.value.decides

    @property
    def where(self) -> str:
        """The module that draws it."""
        return self.value.where


STREAMS: tuple[Stream, ...] = tuple(Stream)
"""Every stream in the order of (block, word), for ``feedtwin list streams``."""
