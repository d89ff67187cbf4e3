"""Captions: a small deterministic grammar, and text ids that can be rendered back (spec CON-2, M-4).

A caption is what a creator writes: a title, a description and the hashtags. Its manner and its template are
drawn per (creator, ordinal); the words come from the archetype and the hashtags. A plain caption says what
the video is about; a teaser names nothing but its hashtags. Events and tables carry only the text's id, a fixed
32-bit hash of the canonical text; whoever needs the text renders it from the video's row.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xxhash

from feedtwin.randomness import Draws, Stream
from feedtwin.schema.plans import NO_CATEGORY

MANNER, TEMPLATE = 0, 1
"""Third key word of CAPTION draws."""

# Title and description; `{topic}` is the archetype, `{tag}` the first hashtag.
PLAIN = (
    ("{topic}: {tag}", "all about {tag}"),
    ("my {topic} of the day", "{tag}, start to finish"),
    ("{tag} for everyone", "a little {topic} for you"),
    ("how I do {topic}", "{tag} step by step"),
    ("{topic} in one minute", "save this for your next {tag}"),
    ("new {topic}", "tell me your favourite {tag}"),
)
TEASERS = (
    ("wait for it", "you will not believe the end"),
    ("nobody talks about this", "part 2 tomorrow"),
    ("I was today years old", "who else"),
    ("watch till the end", "no words"),
)

THEMES = {
    1: ("meet the channel", "a first look, follow for more"),
    2: ("your questions answered", "tell me what to do next"),
    3: ("the big finish", "join me live tonight"),
}
"""Title and description of the fixed campaign plan's three days, by the text ids that the plan gives."""

_WORDS = (
    "challenge", "daily", "tips", "fun", "best", "new", "story", "moments", "hack", "vibes", "pro",
    "beginner", "trend", "live", "classic", "home", "friends", "night", "morning", "secret", "duo",
    "street", "review", "remix",
)  # fmt: skip


@dataclass(frozen=True)
class Caption:
    """What stands under a video: `title`, `description` and hashtags without the sign."""

    title: str
    description: str
    hashtags: tuple[str, ...]

    @property
    def text(self) -> str:
        """The canonical text: one line, hashtags last; its hash is the text id."""
        return " | ".join((self.title, self.description, *(f"#{tag}" for tag in self.hashtags)))


class Words:
    """Names of a world's categories and hashtags."""

    def __init__(
        self, topics: tuple[str, ...], per_category: int, named: Mapping[int, str] | None = None
    ) -> None:
        """Name everything.

        Args:
            topics: Category names.
            per_category: Hashtags in a category's vocabulary; code = 1 + category * per_category + place.
            named: Names of further codes, from a log.
        """
        self.topics = topics
        self._own = 1 + len(topics) * per_category
        self._per_category = per_category
        names = [""]
        for topic in topics:
            names += [_hashtag(topic, place) for place in range(per_category)]
        known = dict(named or {})
        names += ["" for _ in range(max(known, default=0) + 1 - self._own)]
        for code, name in known.items():
            names[code] = name.replace(" ", "_")
        self.hashtags = names
        """Names by code, without the sign; empty for 0 and for codes that mean nothing."""

    def category_of(self, code: np.ndarray) -> np.ndarray:
        """Return the category whose vocabulary each hashtag code belongs to; 65535 for none."""
        wide = code.astype(np.int64)
        known = (wide > 0) & (wide < self._own)
        return np.where(known, (wide - 1) // self._per_category, NO_CATEGORY).astype(np.uint16)


def _hashtag(topic: str, place: int) -> str:
    turn, at = divmod(place, len(_WORDS))
    return f"{topic}_{_WORDS[at]}" + (f"_{turn + 1}" if turn else "")


def sound_name(code: int) -> str:
    """Return the name of a sound; empty for 0."""
    if code == 0:
        return ""
    return f"sound {code:04d} ({_WORDS[(code * 7) % len(_WORDS)]} {_WORDS[code % len(_WORDS)]})"


def is_teaser(creator: np.ndarray, ordinal: np.ndarray, share: float, draws: Draws) -> np.ndarray:
    """Whether each caption teases instead of naming its topic, bool (I,)."""
    return draws.uniform(Stream.CAPTION, creator, ordinal, MANNER) < np.float32(share)


def captions(
    creator: np.ndarray,
    ordinal: np.ndarray,
    category: np.ndarray,
    hashtags: np.ndarray,
    words: Words,
    teaser_share: float,
    draws: Draws,
) -> list[Caption]:
    """Return the captions of videos.

    Args:
        creator: Who uploads, u4 (I,).
        ordinal: The creator's upload ordinal, u4 (I,).
        category: Category of each, (I,).
        hashtags: Codes, (I, 3); 0 leaves a gap.
        words: Names of categories and hashtags.
        teaser_share: Share of captions that tease.
        draws: Keyed chance.
    """
    teases = is_teaser(creator, ordinal, teaser_share, draws).tolist()
    chosen = draws.uniform(Stream.CAPTION, creator, ordinal, TEMPLATE).tolist()
    rows = zip(teases, chosen, category.tolist(), hashtags.tolist(), strict=True)
    return [_caption(words, teaser, draw, topic, tags) for teaser, draw, topic, tags in rows]


def _caption(words: Words, teaser: bool, draw: float, topic: int, codes: list[int]) -> Caption:
    templates = TEASERS if teaser else PLAIN
    title, description = templates[int(draw * len(templates))]
    tags = tuple(words.hashtags[code] for code in codes if code)
    name = words.topics[topic].replace("_", " ")
    first = tags[0].replace("_", " ") if tags else name
    fill = {"topic": name, "tag": first}
    return Caption(title.format(**fill), description.format(**fill), tags)


def text_id(text: str) -> int:
    """Return the id of a text: a fixed 32-bit hash, never 0."""
    return xxhash.xxh32_intdigest(text.encode()) or 1


def text_ids(written: list[Caption]) -> np.ndarray:
    """Return the text ids of captions, u4 (I,)."""
    return np.asarray([text_id(caption.text) for caption in written], np.uint32)
