"""Every kind of decision that draws, and what identifies a draw of it.

A stream is one of the four words of one generator block. Blocks are handed out by area, so that two
mechanisms never meet: 1 to 19 the consumption loop, 20 to 29 users beyond it, 30 to 34 content, 35 to 44
live rooms and communities, 45 to 54 money, 55 to 64 governance and promotion, 65 to 69 campaigns,
70 to 74 measuring.
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
_GOVERNANCE = "twins.platform.governance"
_MARKET = "world.market"


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
    PAYER = StreamSpec(45, 0, ("user",), "whether a user ever pays", _MARKET)
    SPENDING_POWER = StreamSpec(45, 1, ("user",), "how much a payer spends", _MARKET)
    GIFT = StreamSpec(46, 0, _ENCOUNTER, "whether a video earns a gift", _USER)
    GIFT_SIZE = StreamSpec(46, 1, _ENCOUNTER, "which gift it is", _USER)
    SUBSCRIPTION = StreamSpec(46, 2, _ENCOUNTER, "whether a user subscribes to the creator", _USER)
    PRODUCT_CLICK = StreamSpec(46, 3, _ENCOUNTER, "whether a user looks at the product", _USER)
    PURCHASE = StreamSpec(47, 0, _ENCOUNTER, "whether a user buys the product", _USER)
    RENEWAL = StreamSpec(
        48, 0, ("user", "creator", "step"), "whether a subscription is renewed", _USER
    )
    AD_ATTRIBUTE = StreamSpec(
        49,
        0,
        ("advertiser", "creative", "attribute"),
        "an ad's traits, one attribute number each (category, bid, duration, place, ...)",
        _MARKET,
    )
    PURCHASE_QUEUE = StreamSpec(
        50, 0, ("user", "creator", "product", "step"), "who is first where stock is short", _FEED
    )
    AD_WINDOW = StreamSpec(51, 0, ("user",), "where on the ring of ads a user begins", _FEED)
    AD_AUCTION = StreamSpec(
        52, 0, ("user", "request", "advertiser", "creative"), "an ad's number in the race", _FEED
    )
    SHOP_ATTRIBUTE = StreamSpec(
        53,
        0,
        ("creator", "product", "attribute"),
        "a product's traits, one attribute number each (price, quality; whether there is a shop)",
        _MARKET,
    )
    SHOP_TAG = StreamSpec(54, 0, ("creator", "ordinal"), "whether a video shows a product", _FEED)
    SHOP_TAG_PRODUCT = StreamSpec(54, 1, ("creator", "ordinal"), "which product it shows", _FEED)

    REVIEW_ERROR = StreamSpec(
        55, 0, ("creator", "ordinal", "review"), "whether a review of a report errs", _GOVERNANCE
    )
    CAMPAIGN_ADOPTION = StreamSpec(
        65, 0, ("creator",), "whether a creator follows campaign plans", _GOVERNANCE
    )
    NOT_INTERESTED = StreamSpec(20, 0, _ENCOUNTER, "whether a skip is said out loud", _USER)
    MUTE = StreamSpec(20, 1, _ENCOUNTER, "whether a skip makes the user mute the creator", _USER)
    UNFOLLOW = StreamSpec(20, 2, _ENCOUNTER, "whether a skip ends a follow tie", _USER)
    UNLIKE = StreamSpec(21, 0, _ENCOUNTER, "whether a like is taken back", _USER)
    SAVE = StreamSpec(21, 1, _ENCOUNTER, "whether the user keeps the video", _USER)
    REPORT = StreamSpec(21, 2, _ENCOUNTER, "whether offence is reported", _USER)
    OFFENCE = StreamSpec(21, 3, _ENCOUNTER, "how toxic the video seems to the user", _USER)
    UNMUTE = StreamSpec(22, 0, ("user", "target", "day"), "whether a mute is lifted", _USER)
    AWAY = StreamSpec(23, 0, ("user", "day"), "whether the user stays away for a day", _USER)
    LEAVE = StreamSpec(23, 1, ("user", "day"), "whether the user leaves for good", _USER)
    SIGNUP = StreamSpec(24, 0, ("user", "step"), "whether a prospect signs up", _USER)
    NICHE = StreamSpec(25, 0, ("creator", "day"), "whether a creator turns to what works", _USER)
    SOCIAL_WISH = StreamSpec(
        35, 0, ("user", "session", "action"), "whether a visitor wants a rare action", _USER
    )
    POST_CHOICE = StreamSpec(
        36, 0, ("user", "occasion", "creator", "ordinal"), "which post a user acts on", _USER
    )
    BOARD_ENTRY = StreamSpec(
        37, 0, ("user", "occasion"), "where a user enters the board of popular posts", _USER
    )
    FOLLOWEE_ENTRY = StreamSpec(
        37, 1, ("user", "occasion"), "whose posts among all followees a user looks at", _USER
    )
    GROUP_ENTRY = StreamSpec(
        37, 2, ("user", "occasion"), "where a user enters the board of groups", _USER
    )
    FOUND_FOLLOW = StreamSpec(
        37, 3, ("user", "occasion"), "whether a user follows somebody found by a search", _USER
    )
    FOUND_FAMOUS = StreamSpec(
        39, 3, ("user", "occasion"), "whether a search for users is for the famous", _USER
    )
    BOARD_PLACE = StreamSpec(
        38, 0, ("creator", "ordinal", "step"), "a post's place on the board of the hour", _FEED
    )
    GROUP_PLACE = StreamSpec(
        38, 1, ("group", "step"), "a group's place on the board of the hour", _FEED
    )
    GROUP_CHOICE = StreamSpec(
        39, 0, ("user", "occasion", "group"), "which of their groups a user acts in", _USER
    )
    QUERY_CHOICE = StreamSpec(
        39, 1, ("user", "occasion"), "which category a user searches for", _USER
    )
    FOUND_CHOICE = StreamSpec(
        39, 2, ("user", "occasion", "found"), "whom of those found a user looks at", _USER
    )
    LIVE_START = StreamSpec(40, 0, ("creator", "step"), "whether a creator goes live", _USER)
    LIVE_LENGTH = StreamSpec(40, 1, ("creator", "ordinal"), "how long a live room is open", _USER)
    LIVE_PLACE = StreamSpec(
        40, 2, ("creator", "ordinal"), "a live room's place on the list of rooms", _USER
    )
    LIVE_LOOK = StreamSpec(
        41, 0, ("user", "session"), "whether a visitor looks at live rooms", _USER
    )
    LIVE_ENTRY = StreamSpec(
        41, 1, ("user", "session"), "where a visitor enters the list of live rooms", _USER
    )
    LIVE_DISCOVER = StreamSpec(
        41, 2, ("user", "session"), "whether a visitor joins a stranger's room", _USER
    )
    LIVE_CHOICE = StreamSpec(
        42, 0, ("user", "session", "creator", "ordinal"), "which live room a visitor joins", _USER
    )
    LIVE_STAY = StreamSpec(
        43, 0, ("user", "creator", "ordinal", "step"), "whether a viewer leaves a room", _USER
    )
    LIVE_GIFT = StreamSpec(
        43, 1, ("user", "creator", "ordinal", "step"), "whether a viewer sends a gift", _USER
    )
    LIVE_GIFT_SIZE = StreamSpec(
        43, 2, ("user", "creator", "ordinal", "step"), "the size of a live gift", _USER
    )
    LIVE_DOOR = StreamSpec(
        43, 3, ("user", "creator", "ordinal", "step"), "who gets into a full room", _FEED
    )
    REQUEST_KIND = StreamSpec(
        44, 0, ("user", "request"), "whether a request is for the feed, a search or trends", _USER
    )
    FITTED_VIDEO = StreamSpec(
        29,
        0,
        ("creator", "ordinal"),
        "which video of the log a new one takes its columns of",
        _MEET,
    )
    FITTED_PERSON = StreamSpec(
        29, 1, ("user",), "which person of the log somebody else takes columns of", "world.fitted"
    )
    METRIC_SUBSAMPLE = StreamSpec(
        80, 0, ("creator", "ordinal", "view"), "which views a metric at matched volume keeps", "lab"
    )
    CALIBRATION_USER = StreamSpec(30, 0, ("pair",), "who meets in a calibration's pair", _MEET)
    CALIBRATION_ITEM = StreamSpec(30, 1, ("pair",), "what is met in a calibration's pair", _MEET)
    DUET = StreamSpec(31, 0, _ENCOUNTER, "whether a creator answers a video beside it", _USER)
    STITCH = StreamSpec(31, 1, _ENCOUNTER, "whether a creator continues a video", _USER)
    TREND_ADOPTION = StreamSpec(
        32, 0, ("creator", "ordinal", "kind"), "whether an upload follows a trend", _CONTENT
    )
    TREND_CHOICE = StreamSpec(
        33, 0, ("creator", "ordinal", "kind", "key"), "which trend it follows (Gumbel)", _CONTENT
    )
    CAPTION = StreamSpec(
        34, 0, ("creator", "ordinal", "k"), "a caption's manner and template", _CONTENT
    )
    PROJECTION = StreamSpec(
        34, 1, ("kind", "dim", "entry"), "an embedding's axis for one interest", _CONTENT
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
    LLM_COHORT = StreamSpec(
        74, 0, ("user", "task"), "whether a language model is asked about a user", "world.advising"
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
