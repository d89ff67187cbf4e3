"""Trends and cascades of a run as the tables that files of a platform fill; of a run folder, or of a run that was observed."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from feedtwin.datasets.growth import GrowthCurves
from feedtwin.datasets.series import About, Cascades, CountSeries
from feedtwin.errors import RunFolderError
from feedtwin.lab.cascades import timed_trees
from feedtwin.lab.run_data import HOURS_PER_DAY, Array
from feedtwin.record.reader import Run
from feedtwin.schema.codes import SocialActivityKind
from feedtwin.world.observing import Spreading

_VIEWS: Final = """
    WITH reported AS (
        SELECT item, (step - 1) // 24 AS day,
               impressions::BIGINT - coalesce(lag(impressions) OVER (PARTITION BY item ORDER BY step), 0)::BIGINT AS seen
        FROM content_state_updated),
    carried AS (
        SELECT item, hashtag_1 AS tag FROM items WHERE hashtag_1 > 0
        UNION SELECT item, hashtag_2 FROM items WHERE hashtag_2 > 0
        UNION SELECT item, hashtag_3 FROM items WHERE hashtag_3 > 0)
    SELECT tag::BIGINT AS tag, day::BIGINT AS day, sum(seen)::DOUBLE AS seen
    FROM reported JOIN carried USING (item) GROUP BY ALL ORDER BY tag, day
"""
_REPORTS: Final = """
    SELECT item, step::BIGINT AS step, impressions::DOUBLE AS views FROM content_state_updated ORDER BY item, step
"""
_SHARES: Final = """
    SELECT item, user, parent, step FROM social_activity WHERE kind = {kind} ORDER BY item, step, user, ordinal
"""


def hashtag_views(path: str | Path) -> CountSeries:
    """Views of each hashtag of a run by whole day, cumulated: impressions of the videos that carry it, as platforms count views.

    Raises:
        RunFolderError: The run is open, keeps no log, begins later than step 0, or has no whole day.
    """
    run = _whole(path)
    found = run.sql(_VIEWS)
    tag, day = found.column("tag").to_numpy(), found.column("day").to_numpy()
    days = (run.last_step + 1) // HOURS_PER_DAY
    inside = day < days
    known, row = np.unique(tag[inside], return_inverse=True)
    views = np.zeros((len(known), days))
    views[row.reshape(-1), day[inside]] = found.column("seen").to_numpy()[inside]
    return _series(known, views, _about(run))


def observed_hashtags(seen: Spreading, about: About) -> CountSeries:
    """What `hashtag_views` says of a run, from a run that was only observed."""
    videos, place = np.nonzero(seen.hashtags)
    carried = np.unique(np.stack([seen.hashtags[videos, place], videos]), axis=1)  # each tag once
    known, row = np.unique(carried[0], return_inverse=True)
    views = np.zeros((len(known), seen.views.shape[1]))
    np.add.at(views, row.reshape(-1), seen.views[carried[1]])
    met = views.any(axis=1)
    return _series(known[met], views[met], about)


def _series(known: Array, views: Array, about: About) -> CountSeries:
    """Cumulated views of the tags (N,) on each day (N, days), from 0 before the first."""
    days = views.shape[1]
    views = np.concatenate([np.zeros((len(known), 1)), views], axis=1)
    return CountSeries(
        np.array([str(one) for one in known.tolist()], object),
        np.repeat(np.arange(len(known), dtype=np.int32), days + 1),
        np.tile(np.arange(days + 1, dtype=np.int32), len(known)),
        np.cumsum(views, axis=1).reshape(-1),
        -1,  # a twin's week has no weekend
        about,
    )


def share_cascades(path: str | Path, horizon_h: float) -> Cascades:
    """Share trees of the videos of a run that were uploaded in it and followed for at least `horizon_h` hours.

    No label: the twin has no rumours. Delays are whole hours.

    Raises:
        RunFolderError: As for `hashtag_views`.
    """
    run = _whole(path)
    found = run.sql(_SHARES.format(kind=int(SocialActivityKind.VIDEO_SHARED)))
    columns = {name: found.column(name).to_numpy() for name in found.column_names}
    items = run.table("items")
    born = dict(
        zip(*(items.column(one).to_pylist() for one in ("item", "created_step")), strict=True)
    )
    return _trees(timed_trees(**columns), born, run.last_step - horizon_h, _about(run))


def observed_cascades(seen: Spreading, steps: int, horizon_h: float, about: About) -> Cascades:
    """What `share_cascades` says of a run, from a run of so many steps that was only observed."""
    born = dict(zip(seen.item.tolist(), seen.created_step.tolist(), strict=True))
    trees = timed_trees(seen.shared, seen.user, seen.parent, seen.step)
    return _trees(trees, born, steps - 1 - horizon_h, about)


def _trees(
    found: Iterable[tuple[int, Array, Array]], born: Mapping[int, int], latest: float, about: About
) -> Cascades:
    """The trees of videos that were uploaded from step 0 to the latest."""
    keys: list[str] = []
    parts: list[Array] = []
    for video, tree, step in found:
        if 0 <= born[video] <= latest:
            events = np.arange(len(step))
            parts.append(
                np.stack([np.full(len(step), len(keys)), events, tree[1:] - 1, step - born[video]])
            )
            keys.append(str(video))
    joined = np.concatenate(parts, axis=1) if parts else np.zeros((4, 0), np.int64)
    return Cascades(
        np.array(keys, object),
        np.zeros(len(keys), np.bool_),
        joined[0].astype(np.int32),
        joined[1],
        joined[2],
        joined[3] * 3600.0,
        about,
    )


def video_growth(path: str | Path, horizon_h: float) -> GrowthCurves:
    """Views by age of the videos of a run that were uploaded in it and followed for at least `horizon_h` hours.

    One reading an hour: what was counted before the hour began.

    Raises:
        RunFolderError: As for `hashtag_views`.
    """
    run = _whole(path)
    found, items = run.sql(_REPORTS), run.table("items")
    reports = [found.column(one).to_numpy() for one in ("item", "step", "views")]
    videos = [items.column(one).to_numpy() for one in ("item", "created_step", "creator")]
    return _curves(reports, videos, run.last_step, horizon_h, _about(run))


def observed_growth(seen: Spreading, steps: int, horizon_h: float, about: About) -> GrowthCurves:
    """What `video_growth` says of a run, from a run of so many steps that was only observed."""
    reports = (seen.reported, seen.report_step, seen.report_views)
    videos = (seen.item, seen.created_step, seen.creator)
    return _curves(reports, videos, steps - 1, horizon_h, about)


def _curves(
    reports: Sequence[Array], videos: Sequence[Array], last: int, horizon_h: float, about: About
) -> GrowthCurves:
    """Curves from reports (item, step, views) of videos (item, step of upload, creator) of a run up to a step."""
    (name, step, views), (ids, made, owner) = reports, videos
    chosen = np.flatnonzero((made >= 0) & (made <= last - horizon_h))
    hours = int(horizon_h) + 1
    table = np.zeros((len(chosen), hours))
    row = {int(item): k for k, item in enumerate(ids[chosen].tolist())}
    at = np.array([row.get(int(one), -1) for one in name.tolist()], np.int64)
    age = step.astype(np.int64) - np.where(
        at >= 0, made[chosen].astype(np.int64)[at] if len(chosen) else 0, 0
    )
    inside = (at >= 0) & (age < hours)
    table[at[inside], age[inside]] = views[inside]
    return GrowthCurves(
        ids[chosen].astype(str).astype(object),
        owner[chosen].astype(np.int64),
        np.repeat(np.arange(len(chosen), dtype=np.int32), hours),
        np.tile(np.arange(hours, dtype=np.float64), len(chosen)),
        np.maximum.accumulate(table, axis=1).reshape(-1),
        about,
    )


def _whole(path: str | Path) -> Run:
    run = Run.open(path)
    if not run.has_events or "items" not in run.table_names:
        raise RunFolderError(
            f"{path}: the run has no {'closing tables' if run.has_events else 'events'}; expected a finished run with its full log. "
            "Resume it, or run it again with --log full"
        )
    start = int(run.frames[0].payload["start_step"])
    if start or run.last_step + 1 < HOURS_PER_DAY:
        raise RunFolderError(
            f"{path}: steps {start} to {run.last_step}; expected a run from step 0 with at least one whole day. Give the run that "
            "was not forked"
        )
    return run


def _about(run: Run) -> About:
    manifest = run.manifest
    return About(
        str(run.path), str(manifest["calibration"]), "your own run", "feedtwin",
        f"{manifest['seed']}/{manifest['replicate']}", (),
    )  # fmt: skip
