"""Generated logs of a recommender that knows how people and videos match, and what random exposure would have given."""

from dataclasses import dataclass

import numpy as np

from feedtwin.datasets.adaptor import F8, I8, Flags, Impressions, LogUsers, LogVideos, Provenance
from feedtwin.datasets.encounters import EncounterLog, Features
from feedtwin.datasets.hashing import normals, uniforms

DIRECTIONS = 4
SIGNALS = ("like", "comment", "share", "follow", "not_interested")


@dataclass(frozen=True)
class Chosen:
    """A log, and the true ratios of random exposure over it."""

    log: EncounterLog
    truth: dict[str, float]


def choosing(
    seed: int,
    people: int = 300,
    films: int = 160,
    each: int = 16,
    strength: float = 2.0,
    effect: float = 0.6,
    unseen: float = 0.0,
) -> Chosen:
    """Draws a world.

    Args:
        seed: changes everything.
        people: how many people.
        films: how many videos, all in the pool.
        each: impressions per person; nobody meets a video twice.
        strength: nats per standard deviation of match, in the recommender's choice; 0 = it does not look at match.
        effect: log-odds of staying per standard deviation of match.
        unseen: share of the match's variance that is of the single pair alone: no meeting of others shows it.
    """
    pairs = np.arange(people * films)
    taste = normals(np.arange(people * DIRECTIONS), "taste", seed).reshape(people, DIRECTIONS)
    kind = normals(np.arange(films * DIRECTIONS), "kind", seed).reshape(films, DIRECTIONS)
    alone = normals(pairs, "alone", seed).reshape(people, films)
    match = np.sqrt(1.0 - unseen) * (taste @ kind.T) / np.sqrt(DIRECTIONS) + np.sqrt(unseen) * alone
    quality = normals(np.arange(films), "quality", seed)
    habit = normals(np.arange(people), "habit", seed)
    duration = np.round(np.exp(3.2 + 0.7 * normals(np.arange(films), "duration", seed)) + 4.0, 1)
    stay = 0.2 + 0.6 * habit[:, None] + 0.4 * quality[None, :] + effect * match
    skips = uniforms(pairs, "skip", seed).reshape(people, films) > 1.0 / (1.0 + np.exp(-stay))
    far = np.exp(0.8 * normals(pairs, "watch", seed).reshape(people, films) + 0.4 * effect * match)
    watch = np.where(
        skips,
        2.9 * uniforms(pairs, "early", seed).reshape(people, films),
        3.0 + 0.4 * duration[None, :] * far,
    )
    likes = ~skips & (
        uniforms(pairs, "like", seed).reshape(people, films) < 0.1 * np.exp(0.5 * effect * match)
    )
    popular = 0.7 * quality + 0.5 * normals(np.arange(films), "popular", seed)
    luck = -np.log(-np.log(uniforms(pairs, "choice", seed).reshape(people, films)))
    chosen = np.argsort(-(popular[None, :] + strength * match + luck), axis=1)[:, :each]
    user = np.repeat(np.arange(people), each)
    video = chosen.reshape(-1)
    views = {
        "valid_view": np.where(duration <= 7.0, watch >= duration, watch > 7.0),
        "long_view": watch >= np.minimum(duration, 18.0),
        "finish": watch >= duration,
        "watch_s": watch,
        "like": likes,
    }
    truth = {name: float(y.mean() / y[user, video].mean()) for name, y in views.items()}
    return Chosen(_log(seed, user, video, watch, likes, duration, people), truth)


def _log(
    seed: int, user: I8, video: I8, watch: F8, likes: Flags, duration: F8, people: int
) -> EncounterLog:
    rows, films = len(user), len(duration)
    hour = (uniforms(np.arange(rows), "hour", seed) * 48).astype(np.int64)
    never = np.zeros(rows, np.bool_)
    impressions = Impressions(
        user=user.astype(np.int32),
        video=video.astype(np.int32),
        time_s=(hour * 3600.0).astype(np.float64),
        surface=np.ones(rows, np.uint8),
        random=never,
        day=(hour // 24).astype(np.int32),
        hour=(hour % 24).astype(np.uint8),
        watch_s=watch[user, video],
        duration_s=duration[video],
        long_view=watch[user, video] >= np.minimum(duration[video], 18.0),
        like=likes[user, video],
        comment=never, share=never, follow=never, not_interested=never, profile=never,
    )  # fmt: skip
    return EncounterLog(
        rows=impressions,
        users=LogUsers(np.arange(people), np.zeros(people, np.int32), np.zeros(people, np.bool_)),
        videos=LogVideos(
            key=np.arange(films),
            author=np.arange(films),
            duration_s=duration,
            upload_day=np.zeros(films, np.int32),
            tags=np.full((films, 1), -1, np.int32),
            tag_names=(),
            sound=np.zeros(films, np.int64),
        ),
        user_features=Features(),
        video_features=Features({"duration_s": duration}, {}),
        recorded=("watch", "long_view", "like"),
        provenance=Provenance(
            "generated", "generated sample", "none", "none", f"{seed}", "2022-04-25", 2, ()
        ),
    )
