"""The contract of a data adaptor: what it reads, what it returns, what it promises.

An adaptor maps a folder of files to a `WatchLog` (the neutral form of an impression log) and, through the fit of
`feedtwin.datasets.fit`, to a `RealWorld` (the tables from which a world is built). Reading prints nothing, downloads
nothing and draws nothing from the world's chance: the same files give the same tables.

Shape letters: n impressions, U people, A accounts, V videos, K categories.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

F4 = npt.NDArray[np.float32]
F8 = npt.NDArray[np.float64]
U1 = npt.NDArray[np.uint8]
U2 = npt.NDArray[np.uint16]
I4 = npt.NDArray[np.int32]
I8 = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

SIGNALS = ("long_view", "like", "comment", "share", "follow", "not_interested", "profile")
"""What an impression can carry besides the time watched."""
REAL_LOG = "real log"
GENERATED_SAMPLE = "generated sample"


@dataclass(frozen=True, slots=True)
class Impressions:
    """One row per impression, in the source's order; a world's log holds the swipe feed without exact duplicates.

    Attributes:
        user: (n,) row in `LogUsers`.
        video: (n,) row in `LogVideos`.
        time_s: (n,) seconds since local midnight of the log's first day.
        surface: (n,) the source's code of the interface; 0 where it has only one.
        random: (n,) whether the impression was exposed at random, not by a recommender.
        day: (n,) days since the log's first day, 0 and up.
        hour: (n,) local hour of the day, 0..23.
        watch_s: (n,) view time in seconds; may exceed the duration when a video loops.
        duration_s: (n,) duration of the video in seconds; 0 where the source does not know it.
        long_view, like, comment, share, follow, not_interested, profile: (n,) whether it happened.
    """

    user: I4
    video: I4
    time_s: F8
    surface: U1
    random: Flags
    day: I4
    hour: U1
    watch_s: F8
    duration_s: F8
    long_view: Flags
    like: Flags
    comment: Flags
    share: Flags
    follow: Flags
    not_interested: Flags
    profile: Flags

    def __len__(self) -> int:
        """Number of impressions."""
        return len(self.user)

    def take(self, rows: Flags | I8) -> "Impressions":
        """The impressions named by a mask or by row numbers."""
        return Impressions(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@dataclass(frozen=True, slots=True)
class LogUsers:
    """Everybody the source's user table names, in its order.

    Attributes:
        key: (N,) the source's user id.
        follow_count: (N,) accounts followed.
        is_creator: (N,) whether the person ever uploaded a video.
    """

    key: I8
    follow_count: I4
    is_creator: Flags


@dataclass(frozen=True, slots=True)
class LogVideos:
    """Every video the source's video table names, in its order.

    Attributes:
        key: (M,) the source's video id.
        author: (M,) the source's author id.
        duration_s: (M,) seconds; 0 where unknown.
        upload_day: (M,) upload day relative to the log's first day (negative: before it).
        tags: (M, T) index into `tag_names`, -1 = none; the first is the category.
        tag_names: names of the tags.
        sound: (M,) the source's sound id, 0 = none.
    """

    key: I8
    author: I8
    duration_s: F8
    upload_day: I4
    tags: I4
    tag_names: tuple[str, ...]
    sound: I8


@dataclass(frozen=True, slots=True)
class EarlierWatches:
    """Videos met before the log starts, without times; all arrays are empty when the source has none.

    Attributes:
        user: (h,) row in `LogUsers`.
        video: (h,) row in `LogVideos`.
        long_view, like: (h,) whether it happened.
    """

    user: I4
    video: I4
    long_view: Flags
    like: Flags


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a log comes from and what was done to it.

    Attributes:
        name: the adaptor's name.
        state: "real log" or "generated sample".
        licence: licence of the data (not of the code).
        citation: how to cite the data.
        source_hash: SHA-256 over the files read, and over the column map where one says how, hexadecimal.
        first_day: first day of the log, YYYY-MM-DD; the world starts at its midnight, local time.
        days: number of days from the first to the last, both included.
        notes: what was dropped (with counts), what is fitted and what is generated.
    """

    name: str
    state: str
    licence: str
    citation: str
    source_hash: str
    first_day: str
    days: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WatchLog:
    """An impression log in neutral form: what every adaptor of watch logs produces.

    Attributes:
        impressions, users, videos, earlier, provenance: the tables.
        recorded: those of `SIGNALS` that the source records; the columns of the others are false everywhere and say
            nothing.
    """

    impressions: Impressions
    users: LogUsers
    videos: LogVideos
    earlier: EarlierWatches
    provenance: Provenance
    recorded: tuple[str, ...] = SIGNALS


@dataclass(frozen=True, slots=True)
class Categories:
    """The categories of the catalogue.

    Attributes:
        names: K names.
        duration_log_mean: (K,) mean of ln(duration in s) over the category's videos.
        duration_log_sd: (K,) standard deviation of the same, at least 0.05.
        completion_prior: (K,) expected completion, capped at 1, of a watch that was not skipped; 0..1.
        share_of_uploads: (K,) share of the catalogue's videos; sums to 1.
    """

    names: tuple[str, ...]
    duration_log_mean: F4
    duration_log_sd: F4
    completion_prior: F4
    share_of_uploads: F4

    def __len__(self) -> int:
        """Number of categories, K."""
        return len(self.names)


@dataclass(frozen=True, slots=True)
class People:
    """Viewers: everybody with at least one kept impression, in the order of the source's user table.

    Attributes:
        key: (U,) the source's user id.
        activity: (U,) relative number of sessions per day; mean 1.
        skip_offset: (U,) logit added to the skip logit.
        like_logit, comment_logit, share_logit, follow_logit: (U,) logit of the person's rate given a watch that was not
            skipped; `logit_low` of the fit's constants stands for "never".
        affinity: (U, K) relative interest in each category, 0..1; the baseline (0.1) where nothing is known.
        follow_count: (U,) accounts followed.
        is_creator: (U,) whether the person ever uploaded a video.
    """

    key: I8
    activity: F4
    skip_offset: F4
    like_logit: F4
    comment_logit: F4
    share_logit: F4
    follow_logit: F4
    affinity: F4
    follow_count: I4
    is_creator: Flags

    def __len__(self) -> int:
        """Number of people, U."""
        return len(self.key)

    def take(self, indices: Any) -> "People":
        """The people at the given rows, repeats allowed, in the order given.

        Args:
            indices: (m,) row numbers 0..U-1, any integer array or sequence.

        Returns:
            People with m rows; `activity` is not brought back to mean 1.

        Raises:
            IndexError: A row number is out of range.
        """
        rows = np.asarray(indices, dtype=np.int64)
        return People(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@dataclass(frozen=True, slots=True)
class Accounts:
    """Authors of the catalogue, in order of the source's author id.

    Author ids and user ids of a source may be different spaces; nothing here links an account to a person.

    Attributes:
        key: (A,) the source's author id.
        upload_rate_per_day: (A,) expected uploads per day *into this catalogue*: posterior mean under a gamma prior
            fitted to the number of pool videos per author over the pool's upload days, authors without any being
            unseen (zero-truncated negative binomial). It is not the author's rate on the platform.
        follower_weight: (A,) relative weight when ties are generated; mean 1.
    """

    key: I8
    upload_rate_per_day: F4
    follower_weight: F4

    def __len__(self) -> int:
        """Number of accounts, A."""
        return len(self.key)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Videos with a known duration, in the order of the source's video table.

    Attributes:
        key: (V,) the source's video id.
        account: (V,) row in `Accounts`.
        ordinal: (V,) 0.. within the account, by upload day, then video id.
        category: (V,) row in `Categories`.
        hashtags: (V, 3) index into `RealWorld.hashtags`, 0 = none: the tags in order, then the sound when others use it.
        sound: (V,) dense sound number, 0 = none.
        duration_s: (V,) seconds.
        hook_logit: (V,) logit added to the skip logit (positive: skipped more), duration and category included.
        completion_prior: (V,) expected completion, capped at 1, of a watch that was not skipped.
        quality: (V,) 0..1, rank of the completion that duration and category do not explain.
        virality: (V,) 0..1, rank of the like and share rates relative to those expected from the people who met it.
        age_h: (V,) hours since upload when the world starts.
    """

    key: I8
    account: I4
    ordinal: I4
    category: U2
    hashtags: U2
    sound: npt.NDArray[np.uint32]
    duration_s: F4
    hook_logit: F4
    completion_prior: F4
    quality: F4
    virality: F4
    age_h: F4

    def __len__(self) -> int:
        """Number of videos, V."""
        return len(self.key)


@dataclass(frozen=True, slots=True)
class RealWorld:
    """Everything a world is built from.

    Attributes:
        people, accounts, catalogue, categories: the tables.
        hashtags: names of the hashtag numbers; entry 0 is the empty name.
        diurnal: (24,) activity weight of each local hour; sums to 24.
        skip_rate: share of kept impressions that were skipped.
        skip_logit: logit of skipping for offset 0 and hook 0: P(skip) = logistic(skip_logit + skip_offset + hook_logit).
        rates: stylised facts measured on the log, by name (see `feedtwin.datasets.facts`).
        provenance: licence, citation, state, source hash, notes.
    """

    people: People
    accounts: Accounts
    catalogue: Catalogue
    categories: Categories
    hashtags: tuple[str, ...]
    diurnal: F4
    skip_rate: float
    skip_logit: float
    rates: Mapping[str, float]
    provenance: Provenance

    @property
    def licence(self) -> str:
        """Licence of the data."""
        return self.provenance.licence

    @property
    def notes(self) -> tuple[str, ...]:
        """What was dropped, fitted and generated."""
        return self.provenance.notes

    @property
    def source_hash(self) -> str:
        """SHA-256 over the files read, hexadecimal."""
        return self.provenance.source_hash

    @property
    def citation(self) -> str:
        """How to cite the data."""
        return self.provenance.citation

    @property
    def state(self) -> str:
        """What the files are: "real log" or "generated sample"."""
        return self.provenance.state


class Adaptor(Protocol):
    """What every adaptor of a watch log offers; `feedtwin.datasets.series` has the adaptors of series and cascades.

    `name` is how a setting spells it, `title` one line for people, `licence` and `citation` those of the data, `expects`
    the files and columns it reads, for messages and help.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def title(self) -> str: ...  # noqa: D102
    @property
    def licence(self) -> str: ...  # noqa: D102
    @property
    def citation(self) -> str: ...  # noqa: D102
    @property
    def expects(self) -> str: ...  # noqa: D102

    def read_log(self, path: str | Path) -> WatchLog:
        """Reads and checks the files.

        Raises:
            DataError: A file or column is missing, has a wrong type, or a row breaks a rule (file, row, column named).
        """
        ...

    def read(self, path: str | Path) -> RealWorld:
        """Reads the files and fits the tables of a world.

        Raises:
            DataError: As `read_log`.
        """
        ...

    def write_tiny(
        self, path: str | Path, seed: int = 0, users: int = 60, videos: int = 40
    ) -> Path:
        """Writes a tiny generated file set of the same schema; the same arguments give the same values."""
        ...
