"""A fitted encounter as columns: one number per outcome of every person, every video on one surface, and every hour of a week.

This is all of a fit that acts in a world (docs/decisions/0051). The numbers are on the link's scale and add up to what the
model predicts for a pair; those of a signal carry its slope and intercept already.

Draw 0 are posterior means: best for a person, but people are then more alike than they are. Draw K from 1 on takes the
effects of persons, videos and authors from their posterior, keyed by whose they are, and shifts each outcome so that its
mean over the log stays that of draw 0, which is the log's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from feedtwin.calibration.design import TIME, VIDEO, time_matrix
from feedtwin.calibration.effects import logistic
from feedtwin.calibration.head import FACTORS, Head
from feedtwin.calibration.material import Material
from feedtwin.calibration.model import EncounterModel
from feedtwin.calibration.tables import progress
from feedtwin.datasets.adaptor import F8, I8
from feedtwin.datasets.encounters import EncounterLog
from feedtwin.datasets.hashing import normals
from feedtwin.datasets.parquet import rows_of
from feedtwin.errors import DataError

OUTCOMES = ("skip", "watch", "like", "share", "comment", "follow")
"""Outcomes of an encounter in a world; "watch" is the index of the watch tables."""
_STEPS = 50
"""Newton steps of the shift that keeps a level: many more than it ever takes."""


@dataclass(frozen=True, slots=True)
class LoopColumns:
    """Columns of an outcome or, stacked, of all.

    Attributes:
        person: (N,) or (N, outcomes) for the log's people.
        video: (M,) or (M, outcomes) for the log's videos on the surface.
        moment: (168,) or (168, outcomes) for the hours of a week from Sunday 0:00.
    """

    person: F8
    video: F8
    moment: F8


def loop_columns(model: EncounterModel, log: EncounterLog, surface: int, draw: int) -> LoopColumns:
    """Columns of a log's people and videos.

    Args:
        model: the fitted encounter.
        log: the log that it was fitted to.
        surface: code of the surface that the world shows.
        draw: 0 for posterior means, K from 1 on for draw K.

    Returns:
        (., 6) columns in the order of `OUTCOMES`.

    Raises:
        DataError: The log did not record an outcome, or has no row of the surface.
    """
    missing = [name for name in OUTCOMES if name not in model.heads]
    if missing:
        raise DataError(
            f"{log.provenance.name}: the preset has no fit of {', '.join(missing)}, which its log did not record; a world needs "
            f"{', '.join(OUTCOMES)}."
        )
    rows = np.flatnonzero(log.rows.surface == surface)
    if not len(rows):
        raise DataError(
            f"{log.provenance.name}: no row is of surface {surface}, the one that a world shows; expected some."
        )
    material = model.material(log)
    fates = _fate_numbers(log, material, float(model.constants["watch.half_way"]))
    found = []
    for name in OUTCOMES:
        column = _of_head(model.heads[name], material, surface, {})
        column = _on_signal_scale(model, name, column)
        if draw:
            drawn = _on_signal_scale(
                model,
                name,
                _of_head(
                    model.heads[name], material, surface, _noise(model.heads[name], name, draw)
                ),
            )
            column = _level_kept(model, name, (column, drawn), (log, rows, fates))
        found.append(column)
    return LoopColumns(
        *(np.stack([getattr(one, part) for one in found], axis=1) for part in LoopColumns.__slots__)
    )


def _noise(head: Head, name: str, draw: int) -> dict[str, F8]:
    """What a draw adds to the posterior means of every level of every factor."""
    return {
        factor: getattr(head, f"{factor}_sd")
        * normals(getattr(head, f"{factor}_key"), f"calibration/draw {draw}/{name} {factor}")
        for factor in FACTORS
    }


def _of_head(head: Head, material: Material, surface: int, noise: Mapping[str, F8]) -> LoopColumns:
    log = material.log
    effect = {}
    keys = (log.users.key, log.videos.key, log.videos.author)
    for factor, key in zip(FACTORS, keys, strict=True):
        row, known = rows_of(getattr(head, f"{factor}_key"), key)
        level = getattr(head, f"{factor}_effect") + noise.get(factor, 0.0)
        effect[factor] = np.where(known, level[row], 0.0)
    person, video, moment = _boosted(head, material, surface)
    slope = head.line[1]
    return LoopColumns(
        slope * (person + effect["user"]),
        head.line[0] + slope * (video + effect["video"] + effect["author"] + head.base[0]),
        slope * moment,
    )


def _boosted(head: Head, material: Material, surface: int) -> tuple[F8, F8, F8]:
    """What the trees say of every person, every video on the surface, and every hour of a week."""
    log, weeks = material.log, np.arange(168, dtype=np.int64)
    people, films = len(log.users.key), len(log.videos.key)
    if not head.forests:
        return np.zeros(people), np.zeros(films), np.zeros(len(weeks))
    past = head.past(log)
    pairs = material.pair_features(np.arange(films, dtype=np.int64) * 256 + surface, past)
    times = material.time_features(weeks, past)
    video = np.mean([f.of_group(VIDEO, pairs) + f.constant() for f in head.forests], axis=0)
    moment = np.mean([f.of_group(TIME, times) for f in head.forests], axis=0)
    return head.people(material, past), video, moment


def _on_signal_scale(model: EncounterModel, name: str, column: LoopColumns) -> LoopColumns:
    """A signal's columns with its slope and intercept; others as they are."""
    if name not in model.fate:
        return column
    intercept, slope = (float(value) for value in model.fate[name][:2])
    return LoopColumns(
        slope * column.person, intercept + slope * column.video, slope * column.moment
    )


def _fate_numbers(log: EncounterLog, material: Material, half_way: float) -> I8:
    """What became of each row's watch: 0 skip, 1 begun, 2 far, 3 finish."""
    watch = log.rows.watch_s
    at = progress(watch, material.duration_s)
    fate = np.where(at >= 1.0, 3, np.where(at >= half_way, 2, 1))
    return np.where(watch < 3.0, 0, fate)


def _level_kept(
    model: EncounterModel,
    name: str,
    columns: tuple[LoopColumns, LoopColumns],
    on: tuple[EncounterLog, I8, I8],
) -> LoopColumns:
    """The drawn column, shifted so that its mean over the rows of the surface is that of the means."""
    log, rows, fates = on
    if name == "watch":
        rows = rows[fates[rows] > 0]
    means, drawn = (_of_rows(one, log, rows) for one in columns)
    shift = 0.0
    if name == "watch":
        shift = float(np.mean(means - drawn)) if len(rows) else 0.0
    else:
        if name in model.fate:
            added = np.concatenate([[0.0], model.fate[name][2:]])[fates[rows]]
            means, drawn = means + added, drawn + added
        wanted = float(logistic(means).mean())
        for _ in range(_STEPS):
            p = logistic(drawn + shift)
            step = (wanted - float(p.mean())) / max(float((p * (1.0 - p)).mean()), 1e-12)
            shift += float(np.clip(step, -1.0, 1.0))
    return LoopColumns(columns[1].person, columns[1].video + shift, columns[1].moment)


def _of_rows(column: LoopColumns, log: EncounterLog, rows: I8) -> F8:
    hour, weekday = time_matrix(log)[rows].T
    moment = column.moment[(weekday * 24 + hour).astype(np.int64)]
    total: F8 = column.person[log.rows.user[rows]] + column.video[log.rows.video[rows]] + moment
    return total
