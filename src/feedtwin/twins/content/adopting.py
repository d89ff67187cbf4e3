"""What is in fashion: trending hashtags and sounds, and the uploads that follow them.

With probability `content.trend_adoption` an upload takes a hashtag of its category that trends now, and with
as much a sound that is at home there. Which one is a Gumbel race over keys, so the length and order of
the list of trends do not matter.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from feedtwin.randomness import Draws, Stream
from feedtwin.schema.codes import TrendKind


@dataclass(frozen=True)
class Fashion:
    """Trends as creators see them.

    Attributes:
        trending: Gives the keys of a TrendKind that trend now, u4.
        hashtag_category: Category by hashtag code, u2.
        sound_category: Category by sound, u2.
        adoption: Chance that an upload follows a trend.
        draws: Keyed chance.
    """

    trending: Callable[[int], np.ndarray]
    hashtag_category: np.ndarray
    sound_category: np.ndarray
    adoption: float
    draws: Draws

    def hashtag(self, creator: np.ndarray, ordinal: np.ndarray, category: np.ndarray) -> np.ndarray:
        """Return the trending hashtag that each upload takes, u2 (I,); 0 for none."""
        keys = self._keys(TrendKind.HASHTAG, len(self.hashtag_category))
        home = self.hashtag_category[keys]
        taken = self._taken(TrendKind.HASHTAG, keys, home, creator, ordinal, category)
        return taken.astype(np.uint16)

    def sound(self, creator: np.ndarray, ordinal: np.ndarray, category: np.ndarray) -> np.ndarray:
        """Return the trending sound that each upload takes, u4 (I,); 0 for none."""
        keys = self._keys(TrendKind.SOUND, len(self.sound_category))
        return self._taken(
            TrendKind.SOUND, keys, self.sound_category[keys], creator, ordinal, category
        )

    def is_hot(self, sound: np.ndarray) -> np.ndarray:
        """Whether each sound trends now, bool (I,)."""
        return np.isin(sound, self._keys(TrendKind.SOUND, len(self.sound_category)))

    def _keys(self, kind: int, size: int) -> np.ndarray:
        keys = np.unique(np.asarray(self.trending(kind), np.uint32))
        return keys[(keys > 0) & (keys < size)]

    def _taken(
        self,
        kind: int,
        keys: np.ndarray,
        home: np.ndarray,
        creator: np.ndarray,
        ordinal: np.ndarray,
        category: np.ndarray,
    ) -> np.ndarray:
        if len(keys) == 0 or len(creator) == 0:
            return np.zeros(len(creator), np.uint32)
        follows = self.draws.uniform(Stream.TREND_ADOPTION, creator, ordinal, kind)
        race = self.draws.gumbel(
            Stream.TREND_CHOICE, creator[:, None], ordinal[:, None], kind, keys[None, :]
        )
        fits = home[None, :] == category[:, None]
        pick = np.where(fits, race, np.float32(-np.inf)).argmax(axis=1)
        takes = (follows < np.float32(self.adoption)) & fits.any(axis=1)
        return np.where(takes, keys[pick], 0).astype(np.uint32)
