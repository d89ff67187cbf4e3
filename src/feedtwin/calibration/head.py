"""One outcome of an encounter as columns: a person's number, a video's number and a time's number, on the link's scale.

The numbers are a boosted part (what features say, from a model that never saw the person) plus an effect (what the
person's, video's or author's own rows add). Only these columns act later; the trees are kept to give columns to people
and videos that the log does not have.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from feedtwin.calibration.boosting import fit_forest
from feedtwin.calibration.design import TIME, USER, VIDEO
from feedtwin.calibration.effects import Effects, fit_effects, logistic_fit
from feedtwin.calibration.forest import Forest
from feedtwin.calibration.material import Material
from feedtwin.calibration.past import Past, pasts, remembered
from feedtwin.datasets.adaptor import F8, I8, Flags
from feedtwin.datasets.encounters import EncounterLog
from feedtwin.datasets.parquet import rows_of

Constants = Mapping[str, Any]
FACTORS = ("user", "video", "author")


@dataclass(frozen=True, slots=True)
class Head:
    """A fitted outcome.

    Attributes:
        forests: one per fold of people; empty where there were too few events, then only `base` acts.
        user_key: (U,) people of the fit, ascending; the other `*_key` likewise.
        user_column: (U,) their boosted part.
        user_effect, video_effect, author_effect: posterior means.
        user_sd, video_sd, author_sd: posterior standard deviations.
        video_past, author_past: (., r) their past as the trees read it (`feedtwin.calibration.past`).
        variances: (3,) variance of the effects of `FACTORS`.
        line: (2,) intercept and slope that bring the sum onto the outcome's own scale.
        base: (1,) the effects' intercept.
        noise: (1,) residual variance of a continuous outcome.
        events: (1,) rows in which it happened (rows, for a continuous outcome).
    """

    forests: tuple[Forest, ...]
    user_key: I8
    video_key: I8
    author_key: I8
    user_column: F8
    user_effect: F8
    video_effect: F8
    author_effect: F8
    user_sd: F8
    video_sd: F8
    author_sd: F8
    video_past: F8
    author_past: F8
    variances: F8
    line: F8
    base: F8
    noise: F8
    events: F8

    def linear(self, material: Material) -> F8:
        """The outcome's number on the link's scale for every row, (n,).

        People and videos of the fit have their own columns; others have what their features say.
        """
        total = self._parts(material)
        for factor, keys in zip(FACTORS, self._keys(material), strict=True):
            row, known = rows_of(getattr(self, f"{factor}_key"), keys)
            total = total + np.where(known, getattr(self, f"{factor}_effect")[row], 0.0)
        return self.line[0] + self.line[1] * (total + self.base[0])

    def uncertainty(self, material: Material) -> F8:
        """Posterior variance of every row's number from the effects, (n,)."""
        total = np.zeros(len(material.log.rows))
        for place, (factor, keys) in enumerate(zip(FACTORS, self._keys(material), strict=True)):
            row, known = rows_of(getattr(self, f"{factor}_key"), keys)
            total += np.where(known, getattr(self, f"{factor}_sd")[row] ** 2, self.variances[place])
        return total * self.line[1] ** 2

    def _keys(self, material: Material) -> tuple[I8, I8, I8]:
        log = material.log
        return (
            log.users.key[log.rows.user],
            log.videos.key[log.rows.video],
            log.videos.author[log.rows.video],
        )

    def _parts(self, material: Material) -> F8:
        log = material.log
        if not self.forests:
            return np.zeros(len(log.rows))
        past = self.past(log)
        total: F8 = self.people(material, past)[log.rows.user]
        total = total + shared_part(self.forests, material, past)
        return total

    def past(self, log: EncounterLog) -> Past:
        """What the fit remembers of the videos and authors of a log."""
        return remembered(
            log,
            self.video_past.shape[1],
            (self.video_key, self.video_past),
            (self.author_key, self.author_past),
        )

    def people(self, material: Material, past: Past) -> F8:
        """What the trees say of each person of a log, (U,): kept for those of the fit, computed for strangers."""
        row, known = rows_of(self.user_key, material.log.users.key)
        part: F8 = np.where(known, self.user_column[row], 0.0)
        strangers = np.flatnonzero(~known)
        if len(strangers):
            features = material.people_features(past, strangers)
            part[strangers] = np.mean([f.of_group(USER, features) for f in self.forests], axis=0)
        return part

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as named arrays."""
        found = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "forests"}
        for number, forest in enumerate(self.forests):
            found |= {f"forest{number}.{f.name}": getattr(forest, f.name) for f in fields(forest)}
        return found

    @staticmethod
    def from_arrays(arrays: Mapping[str, np.ndarray]) -> "Head":
        """The head that `arrays` wrote."""
        count = len({name.partition(".")[0] for name in arrays if name.startswith("forest")})
        forests = tuple(
            Forest(**{f.name: arrays[f"forest{i}.{f.name}"] for f in fields(Forest)})
            for i in range(count)
        )
        rest = {f.name: arrays[f.name] for f in fields(Head) if f.name != "forests"}
        return Head(forests=forests, **rest)


def shared_part(forests: tuple[Forest, ...], material: Material, past: Past) -> F8:
    """What video, surface and time say, averaged over the folds' models, (n,)."""
    pairs, pair = material.pairs
    times, time = material.times
    at_pair, at_time = material.pair_features(pairs, past), material.time_features(times, past)
    video = np.mean([f.of_group(VIDEO, at_pair) + f.constant() for f in forests], axis=0)
    hour = np.mean([f.of_group(TIME, at_time) for f in forests], axis=0)
    result: F8 = video[pair] + hour[time]
    return result


def user_columns(forests: tuple[Forest, ...], material: Material, past: Past) -> F8:
    """Every person's boosted part, from the model that never saw the person, (N,)."""
    column = np.zeros(len(material.log.users.key))
    person_fold = material.user_fold(len(forests))
    for number, forest in enumerate(forests):
        mine = np.flatnonzero(person_fold == number)
        column[mine] = forest.of_group(USER, material.people_features(past, mine))
    return column


@dataclass(frozen=True, slots=True)
class FittedHead:
    """A head with what it would have said of rows it did not see: (n,) NaN outside the fit's rows."""

    head: Head
    unseen: F8


def fit_head(
    material: Material, outcome: F8, rows: Flags, binary: bool, others: Sequence[F8], c: Constants
) -> FittedHead:
    """Fits one outcome.

    Args:
        material: the log as matrices.
        outcome: (n,) 0/1 when `binary`.
        rows: (n,) rows of the fit.
        binary: logit link, else identity.
        others: (n,) outcomes whose past is shown to the trees beside this one's.
        c: constants `boosting.*`, `effects.*` and `past.*`.

    Returns:
        The head.
    """
    at = np.flatnonzero(rows)
    events = float(outcome[at].sum()) if binary else float(len(at))
    enough = (min(events, len(at) - events) if binary else len(at)) >= c["boosting.events_min"]
    folds = int(c["effects.folds"])
    row_fold = material.row_fold(folds)
    versions, whole_past = pasts(material.log, [outcome, *others], rows, row_fold, folds, c)
    forests: tuple[Forest, ...] = ()
    column = np.zeros(len(material.log.users.key))
    offset = np.zeros(len(outcome))
    if enough:
        forests = _forests(material, outcome, at, binary, (versions, row_fold), c)
        column = user_columns(forests, material, whole_past)
        for number, past in enumerate(versions):
            mine = row_fold == number
            part = user_columns(forests, material, past)[material.log.rows.user]
            offset[mine] = (part + shared_part(forests, material, past))[mine]
    factors = material.factors()
    y = outcome[at].astype(np.float64)

    def effects(kept: np.ndarray) -> Effects:
        chosen = [(level[at][kept], count) for level, count in factors]
        return fit_effects(y[kept], offset[at][kept], chosen if enough else [], binary, c)

    every = np.ones(len(at), dtype=np.bool_)
    final = effects(every)
    unseen = offset[at].copy()
    for number in range(folds):
        out = row_fold[at] == number
        rest = effects(~out) if out.any() and not out.all() else final
        levels = [level[at][out] for level, _ in factors] if enough else []
        unseen[out] += rest.of(levels) if levels else rest.base
    line = np.array([0.0, 1.0])
    if binary and enough:
        line = logistic_fit(y, np.stack([np.ones(len(y)), unseen], axis=1))
    whole = np.full(len(outcome), np.nan)
    whole[at] = line[0] + line[1] * unseen
    return FittedHead(_head(material, forests, column, whole_past, (final, line, events)), whole)


def _forests(
    material: Material,
    outcome: F8,
    at: I8,
    binary: bool,
    pasts_of: tuple[list[Past], I8],
    c: Constants,
) -> tuple[Forest, ...]:
    versions, row_fold = pasts_of
    groups = material.encoding.groups(versions[0].width)
    matrix = material.training_matrix(at, versions, row_fold)
    folds = int(c["boosting.folds"])
    fold = material.user_fold(folds)[material.log.rows.user[at]]
    truth = outcome[at].astype(np.float64)
    found, losses = [], []
    for number in range(folds):
        out = fold == number
        forest, loss = fit_forest(
            matrix[~out], truth[~out], binary, groups, (matrix[out], truth[out]), c
        )
        found.append(forest)
        losses.append(loss)
    kept = int(np.argmin(np.sum(losses, axis=0))) + 1
    return tuple(forest.cut(kept) for forest in found)


def _head(
    material: Material,
    forests: tuple[Forest, ...],
    column: F8,
    past: Past,
    fitted: tuple[Effects, F8, float],
) -> Head:
    final, line, events = fitted
    keys = (material.log.users.key, material.log.videos.key, np.unique(material.log.videos.author))
    _, first = np.unique(material.log.videos.author, return_index=True)
    means = final.means or tuple(np.zeros(len(k)) for k in keys)
    sds = final.sds or tuple(np.zeros(len(k)) for k in keys)
    orders = [np.argsort(k, kind="stable") for k in keys]
    named: dict[str, np.ndarray] = {}
    for factor, key, mean, sd, order in zip(FACTORS, keys, means, sds, orders, strict=True):
        named |= {
            f"{factor}_key": key[order],
            f"{factor}_effect": mean[order],
            f"{factor}_sd": sd[order],
        }
    return Head(
        forests=forests,
        user_column=column[orders[0]],
        video_past=past.video[orders[1]],
        author_past=past.author[first],
        variances=np.array(final.variances or (0.0, 0.0, 0.0)),
        line=line,
        base=np.array([final.base]),
        noise=np.array([final.noise]),
        events=np.array([events]),
        **named,
    )
