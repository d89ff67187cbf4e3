"""How strongly a recommender matched people and videos, as far as who met what shows it. No outcome is read here.

A platform shows a person what it believes the person likes. What it believed is not in a log, but its choices are: people
who were shown the same videos before are shown the same videos next. The score of a pair is the log of how much likelier
the pair is among the exposures than among videos of the same days given to anybody:

    score = log P(video | person, exposed) / P(video | exposed on that day)

fitted by logistic regression on five numbers of the pair, all from meetings of other pairs: closeness of
person and video in the leading singular vectors of the table of meetings (and its square), the person's share of the video's
category (and its square), and earlier meetings with the author. By the propensity theorem (Rosenbaum and Rubin, 1983), a person's outcome
does not depend on exposure beyond the *true* score of the pair; this one is what can be seen of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import svds

from feedtwin.calibration.design import folds_of
from feedtwin.calibration.effects import logistic_fit
from feedtwin.datasets.adaptor import F8, I8
from feedtwin.datasets.encounters import EncounterLog
from feedtwin.datasets.hashing import uniforms

Constants = Mapping[str, Any]
_TINY: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of a person and a video.

    Attributes:
        user, video: (n,) rows in the log's tables.
        fold: (n,) by a hash of the pair; its score reads the meetings of other folds only, so no pair explains itself, met
            or not.
    """

    user: I8
    video: I8
    fold: I8

    @staticmethod
    def of(log: EncounterLog, user: np.ndarray, video: np.ndarray, folds: int) -> "Pairs":
        """Pairs with their folds."""
        people, films = user.astype(np.int64), video.astype(np.int64)
        key = people * len(log.videos.key) + films
        return Pairs(people, films, folds_of(key, folds, "exposure/fold of pairs"))


@dataclass(frozen=True, slots=True)
class Matching:
    """Scores of pairs.

    Attributes:
        logged: (n,) of the log's impressions.
        random: (n k,) of the pairs of the random arm.
        auc: probability that an exposed pair has a higher score than the same person with a video of the same day that
            somebody else was shown; 0.5 = no matching to be seen.
    """

    logged: F8
    random: F8
    auc: float


def matching(log: EncounterLog, logged: Pairs, random: Pairs, c: Constants) -> Matching:
    """Scores the log's pairs and others.

    Args:
        log: the log; `met` and the categories are read when they are there.
        logged: its impressions.
        random: pairs of the random arm.
        c: constants `exposure.*`.

    Returns:
        The scores.
    """
    folds = int(c["exposure.folds"])
    swapped = Pairs.of(log, logged.user, _same_day(log), folds)
    wholes = [np.empty((len(pairs.user), 5)) for pairs in (logged, random, swapped)]
    meetings = _met(log, logged, folds)
    for fold in range(folds):
        table = _Meetings.of(log, meetings, fold, c)
        for whole, pairs in zip(wholes, (logged, random, swapped), strict=True):
            mine = np.flatnonzero(pairs.fold == fold)
            if len(mine):
                whole[mine] = table.features(pairs.user[mine], pairs.video[mine])
    truth = np.repeat([1.0, 0.0], len(logged.user))
    design = [np.concatenate([np.ones((len(x), 1)), x], axis=1) for x in wholes]
    beta = logistic_fit(truth, np.concatenate([design[0], design[2]]))
    own, other, same_day = (x @ beta for x in design)
    higher = np.mean(own > same_day) + 0.5 * np.mean(own == same_day)
    return Matching(own, other, float(higher))


def _same_day(log: EncounterLog) -> I8:
    """Every row's video exchanged with that of a row of the same day: popularity stays, matching goes."""
    rows = np.arange(len(log.rows))
    shuffled = np.lexsort((uniforms(rows, "exposure/exchange"), log.rows.day))
    in_order = np.lexsort((rows, log.rows.day))
    found = np.empty(len(rows), dtype=np.int64)
    found[in_order] = log.rows.video[shuffled]
    return found


@dataclass(frozen=True, slots=True)
class _Meetings:
    """What the meetings outside a fold say of people and videos."""

    person: F8
    film: F8
    share: F8
    category: I8
    authors: sparse.csr_matrix
    author: I8

    @staticmethod
    def of(log: EncounterLog, meetings: Pairs, fold: int, c: Constants) -> "_Meetings":
        outside = meetings.fold != fold
        user, video = meetings.user[outside], meetings.video[outside]
        people, films = len(log.users.key), len(log.videos.key)
        seen = sparse.csr_matrix((np.ones(len(user)), (user, video)), shape=(people, films))
        seen.data[:] = 1.0
        person, film = _factors(seen, int(c["exposure.factors"]))
        names, author = np.unique(log.videos.author, return_inverse=True)
        author = author.reshape(-1)
        by_author = sparse.csr_matrix(
            (np.ones(len(user)), (user, author[video])), shape=(people, len(names))
        )
        category = log.videos.tags[:, 0].astype(np.int64) + 1
        kinds = int(category.max(initial=0)) + 1
        counts = np.bincount(user * kinds + category[video], minlength=people * kinds)
        counts = counts.reshape(people, kinds).astype(np.float64)
        rows, middle = float(c["past.rows"]), (counts.sum(axis=0) + 1.0) / (len(user) + kinds)
        shares = (counts + rows * middle) / (counts.sum(axis=1, keepdims=True) + rows)
        return _Meetings(person, film, np.log(shares / middle), category, by_author, author)

    def features(self, user: I8, video: I8) -> F8:
        """The five numbers of pairs, (n, 5)."""
        close = np.einsum("nk,nk->n", self.person[user], self.film[video])
        share = self.share[user, self.category[video]]
        met = np.log1p(np.asarray(self.authors[user, self.author[video]]).reshape(-1))
        return np.stack([close, close**2, share, share**2, met], axis=1)


def _met(log: EncounterLog, logged: Pairs, folds: int) -> Pairs:
    """Meetings before and in the log."""
    user, video = logged.user, logged.video
    if log.met is not None:
        user = np.concatenate([user, log.met[0]])
        video = np.concatenate([video, log.met[1]])
    return Pairs.of(log, user, video, folds)


def _factors(seen: sparse.csr_matrix, count: int) -> tuple[F8, F8]:
    """Directions of people and videos in the leading singular vectors of the scaled table, each of length 1 or 0.

    The first vector is how often anybody is met, and is left out.
    """
    scaled = [1.0 / np.sqrt(np.asarray(seen.sum(axis=axis)).reshape(-1) + 1.0) for axis in (1, 0)]
    table = sparse.diags_array(scaled[0]) @ seen @ sparse.diags_array(scaled[1])
    rank = min(count + 1, min(table.shape) - 1)
    left, size, right = svds(table, k=rank, v0=np.ones(min(table.shape)), which="LM")
    order = np.argsort(-size)[1:]
    return _unit(left[:, order] * size[order]), _unit(right[order].T)


def _unit(rows: F8) -> F8:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.where(length > _TINY, rows / np.maximum(length, _TINY), 0.0)


def random_pairs(log: EncounterLog, draws: int, folds: int) -> tuple[Pairs, EncounterLog]:
    """Every impression with videos of the pool in equal chance, instead of the one that was shown.

    Person, surface and time stay. The k videos of a row lie k equal steps apart in the pool, so that the pool is covered evenly.

    Args:
        log: the log; the pool is its video table.
        draws: videos per impression.
        folds: folds of pairs.

    Returns:
        The pairs, row by row, and a log of them without outcomes.
    """
    rows, films = np.arange(len(log.rows)), len(log.videos.key)
    start = uniforms(rows, "exposure/random video")[:, None]
    place = (start + np.arange(draws)[None, :] / draws) % 1.0
    video = np.minimum((place * films).astype(np.int64), films - 1).reshape(-1)
    every = log.rows.take(np.repeat(rows, draws))
    unseen = np.full(len(video), np.nan)
    seconds = _durations(log)[video]
    impressions = replace(every, video=video.astype(np.int32), watch_s=unseen, duration_s=seconds)
    return Pairs.of(log, every.user, video, folds), replace(log, rows=impressions)


def _durations(log: EncounterLog) -> F8:
    """Duration of every video in seconds, as the log's rows have it, else as the table has it; 0 = unknown."""
    found = np.array(log.videos.duration_s, dtype=np.float64)
    known = log.rows.duration_s > 0
    found[log.rows.video[known]] = log.rows.duration_s[known]
    return found
