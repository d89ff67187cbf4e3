"""The rows of a fit: impressions of known duration, with people and videos numbered as in the world's tables."""

from dataclasses import dataclass

import numpy as np

from feedtwin.datasets.adaptor import F8, I4, I8, Flags, Impressions, WatchLog
from feedtwin.datasets.constants import Constants
from feedtwin.datasets.labels import Labels, label_videos
from feedtwin.errors import DataError


@dataclass(frozen=True, slots=True)
class FitInput:
    """The rows of the fit, with people and videos numbered as in the tables that come out.

    Attributes:
        rows: (n,) impressions of known duration.
        person: (n,) row in `People`.
        item: (n,) row in `Catalogue`.
        users: (U,) row in `LogUsers` of each person.
        videos: (V,) row in `LogVideos` of each catalogue video.
        skip: (n,) whether the video was left early.
        completion: (n,) watch over duration, capped at 1.
        duration_bin: (V,) bin of each video's duration.
        bins: number of bins.
        labels: categories and hashtags.
    """

    rows: Impressions
    person: I4
    item: I4
    users: I8
    videos: I8
    skip: Flags
    completion: F8
    duration_bin: I4
    bins: int
    labels: Labels

    def factors(self, rows: Flags | slice = slice(None)) -> list[tuple[I4, int]]:
        """Level numbers and level counts of duration bin, category, video and person, for some rows."""
        item, person = self.item[rows], self.person[rows]
        return [
            (self.duration_bin[item], self.bins),
            (self.labels.category[item].astype(np.int32), len(self.labels.categories)),
            (item, len(self.videos)),
            (person, len(self.users)),
        ]


def prepare(log: WatchLog, constants: Constants) -> FitInput:
    """Keeps the impressions of known duration and numbers their people and videos.

    Args:
        log: the log.
        constants: the fit's constants.

    Returns:
        The rows of the fit.

    Raises:
        DataError: No impression has a known duration.
    """
    all_rows = log.impressions
    known = (all_rows.duration_s > 0) & (log.videos.duration_s[all_rows.video] > 0)
    rows = all_rows.take(known)
    if not len(rows):
        raise DataError(
            f"{log.provenance.name}: none of the {len(all_rows)} kept impressions has a known duration, so nothing can be "
            "fitted; expected at least one with duration above 0. Check the duration columns."
        )
    users, person = np.unique(rows.user, return_inverse=True)
    videos = np.flatnonzero(log.videos.duration_s > 0)
    item = np.searchsorted(videos, rows.video).astype(np.int32)
    edges = np.array(constants["effects.duration_edges_s"])
    bins = np.searchsorted(edges, log.videos.duration_s[videos], side="left").astype(np.int32)
    return FitInput(
        rows=rows,
        person=person.reshape(-1).astype(np.int32),
        item=item,
        users=users.astype(np.int64),
        videos=videos.astype(np.int64),
        skip=rows.watch_s < constants["log.skip_below_s"],
        completion=np.minimum(rows.watch_s / rows.duration_s, 1.0),
        duration_bin=bins,
        bins=len(edges) + 1,
        labels=label_videos(log.videos, videos, constants),
    )
