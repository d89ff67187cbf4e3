"""Categories, hashtags and sounds of a catalogue, from the tags and sound ids of a log's video table."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feedtwin.datasets.adaptor import I4, I8, U2, LogVideos
from feedtwin.datasets.constants import Constants
from feedtwin.errors import DataError

HASHTAGS = 3
UNKNOWN = "unknown"
_MOST_NAMES = 65_535


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of V catalogue videos.

    Attributes:
        categories: K names; "unknown" comes last, where a video has no tag.
        category: (V,) category number.
        log_category: (M,) category number of every video of the log's table, -1 where the catalogue lacks the category.
        hashtags: (V, 3) hashtag number, 0 = none.
        hashtag_names: names by number; entry 0 is the empty name.
        sound: (V,) dense sound number in order of the source's id, 0 = none.
    """

    categories: tuple[str, ...]
    category: U2
    log_category: I4
    hashtags: U2
    hashtag_names: tuple[str, ...]
    sound: npt.NDArray[np.uint32]


def label_videos(videos: LogVideos, rows: I8, constants: Constants) -> Labels:
    """Labels the videos at the given rows of the log's video table.

    The first tag is the category. The hashtags are the tags in their order, then the sound, when there is room and at
    least `catalogue.sound_min_videos` videos use it.

    Args:
        videos: the log's video table.
        rows: (V,) rows of the catalogue's videos.
        constants: the fit's constants.

    Returns:
        The labels.

    Raises:
        DataError: There are more hashtags than a 16-bit number can name.
    """
    first = np.where(videos.tags[:, 0] >= 0, videos.tags[:, 0], len(videos.tag_names))
    used = np.unique(first[rows])
    names = (*videos.tag_names, UNKNOWN)
    place = np.full(len(names), -1, dtype=np.int32)
    place[used] = np.arange(len(used))
    log_category = place[first]
    sounds, sound, frequency = np.unique(
        videos.sound[rows], return_inverse=True, return_counts=True
    )
    sound = sound.reshape(-1)
    none = int(np.count_nonzero(sounds <= 0))
    shared = (frequency >= constants["catalogue.sound_min_videos"]) & (sounds > 0)
    hashtag_names = ("", *videos.tag_names, *(f"sound {s}" for s in sounds[shared].tolist()))
    if len(hashtag_names) > _MOST_NAMES:
        raise DataError(
            f"{len(hashtag_names)} hashtags; at most {_MOST_NAMES} are expected. Raise catalogue.sound_min_videos."
        )
    sound_hashtag = np.where(shared, len(videos.tag_names) + np.cumsum(shared), 0)[sound]
    return Labels(
        categories=tuple(names[i] for i in used.tolist()),
        category=log_category[rows].astype(np.uint16),
        log_category=log_category,
        hashtags=_hashtags(videos.tags[rows], sound_hashtag),
        hashtag_names=hashtag_names,
        sound=np.maximum(sound - none + 1, 0).astype(np.uint32),
    )


def _hashtags(tags: I4, sound_hashtag: I8) -> U2:
    table = np.zeros((len(tags), HASHTAGS), dtype=np.uint16)
    width = min(tags.shape[1], HASHTAGS)
    table[:, :width] = np.maximum(tags[:, :width] + 1, 0)
    for place in range(HASHTAGS):
        before = table[:, place - 1] if place else np.ones(len(tags), np.uint16)
        empty = (table[:, place] == 0) & (before > 0)
        placed = np.any(table == sound_hashtag[:, None], axis=1)
        fill = empty & ~placed & (sound_hashtag > 0)
        table[fill, place] = sound_hashtag[fill]
    return table
