"""The fitted encounter: what may happen in an impression, as full distributions.

    skip        a coin with log-odds = person + video + time
    watch       if not skipped: a curve of progress, chosen by duration and by the index person + video + time
    signals     a coin with log-odds = intercept + slope (person + video + time) + what became of the watch

Watching comes before the signals, as in the twin: a like is likelier after a video that was finished. The probability of
a signal is the sum over what may become of the watch.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from feedtwin.calibration.design import Encoding
from feedtwin.calibration.effects import logistic
from feedtwin.calibration.head import Head
from feedtwin.calibration.material import Material
from feedtwin.calibration.tables import LEVEL, WatchTables, at_level, below, progress, seconds
from feedtwin.datasets.adaptor import F8, Flags
from feedtwin.datasets.encounters import EncounterLog
from feedtwin.datasets.hashing import uniforms

SIGNALS = ("like", "comment", "share", "follow", "not_interested")
"""Signals that an encounter may carry, besides the watch."""
FATES = ("skip", "begun", "far", "finish")
"""What may become of a watch: left before 3 s; left before half way; left later; watched to the end."""
LONG_S = 18.0
"""A long view lasts 18 s, or to the end of a shorter video (data card)."""
_BLOCK = 20_000
"""Rows that are worked on together."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """Distributions of a block of n impressions.

    Attributes:
        skip: (n,) probability of a skip.
        stay: (n, levels) progress of a watch that is not skipped, at `tables.LEVEL`.
        skip_s: (n, levels) seconds of a skip.
        duration_s: (n,) duration of the video.
        half_way: progress from which an unfinished watch counts as far.
        signal: name -> (n, 4) probability of the signal given each of `FATES`.
    """

    skip: F8
    stay: F8
    skip_s: F8
    duration_s: F8
    half_way: float
    signal: Mapping[str, F8]

    def fates(self) -> F8:
        """Probability of each of `FATES`, (n, 4)."""
        rows = len(self.skip)
        half = below(self.stay, np.full(rows, self.half_way))
        end = below(self.stay, np.full(rows, 1.0))
        stays = 1.0 - self.skip
        return np.stack(
            [self.skip, stays * half, stays * (end - half), stays * (1.0 - end)], axis=1
        )

    def quantile(self, level: F8) -> F8:
        """Seconds watched at a level in 0..1 of each row, (n,)."""
        skipped = level < self.skip
        early = at_level(self.skip_s, np.clip(level / np.maximum(self.skip, 1e-12), 0.0, 1.0))
        rest = np.clip((level - self.skip) / np.maximum(1.0 - self.skip, 1e-12), 0.0, 1.0)
        return np.where(skipped, early, seconds(at_level(self.stay, rest), self.duration_s))

    def mean(self) -> F8:
        """Mean seconds watched, (n,)."""
        inner = slice(1, len(LEVEL) - 1)
        late = seconds(self.stay[:, inner], self.duration_s[:, None]).mean(axis=1)
        early = self.skip_s[:, inner].mean(axis=1)
        result: F8 = self.skip * early + (1.0 - self.skip) * late
        return result

    def watched_at_least(self, second: F8) -> F8:
        """Probability of watching at least so many seconds (3 or more), (n,)."""
        at = progress(second, self.duration_s)
        result: F8 = (1.0 - self.skip) * (1.0 - below(self.stay, at))
        return result


@dataclass(frozen=True)
class EncounterModel:
    """A fitted encounter.

    Attributes:
        encoding: features of the fit.
        constants: the section `calibration`.
        median_s: duration that stands for an unknown one.
        heads: "skip", "watch" and the signals that the log recorded.
        tables: the watch tables.
        fate: signal -> (2 + 3,) intercept, slope, and what "begun", "far" and "finish" add over a skip.
        films: (M, F) features of the fit's videos, ascending by key: a log that knows less of a video, such
            as a sample, gives it the same numbers.
    """

    encoding: Encoding
    constants: Mapping[str, Any] = field(repr=False)
    median_s: float
    heads: Mapping[str, Head] = field(repr=False)
    tables: WatchTables = field(repr=False)
    fate: Mapping[str, F8]
    films: F8 = field(repr=False)

    def material(self, log: EncounterLog) -> Material:
        """A log as the matrices of this model."""
        known = (self.heads["skip"].video_key, self.films)
        return Material(log, self.encoding, self.constants, self.median_s, known)

    def prospects(self, log: EncounterLog) -> Iterator[tuple[slice, Prospect]]:
        """Distributions of all rows of a log, block by block, in its order."""
        material = self.material(log)
        linear = {name: head.linear(material) for name, head in self.heads.items()}
        for start in range(0, len(log.rows), _BLOCK):
            rows = slice(start, min(start + _BLOCK, len(log.rows)))
            yield (
                rows,
                self.prospect(
                    {name: values[rows] for name, values in linear.items()},
                    material.duration_s[rows],
                    log.rows.surface[rows],
                ),
            )

    def prospect(self, linear: Mapping[str, F8], duration_s: F8, surface: np.ndarray) -> Prospect:
        """Distributions of rows with the given numbers.

        Args:
            linear: head -> (n,) number on the link's scale.
            duration_s: (n,) duration of the video.
            surface: (n,) code of the interface.
        """
        skip = logistic(linear["skip"])
        signal = {}
        for name, beta in self.fate.items():
            level = beta[0] + beta[1] * linear[name]
            added = np.concatenate([[0.0], beta[2:]])
            signal[name] = logistic(level[:, None] + added[None, :])
        return Prospect(
            skip=skip,
            stay=self.tables.curves(linear["watch"], duration_s),
            skip_s=self.tables.skips(surface),
            duration_s=duration_s,
            half_way=float(self.constants["watch.half_way"]),
            signal=signal,
        )


def occurrence_keys(log: EncounterLog) -> np.ndarray:
    """A key of every impression: person, video, and the how-many-th of their meetings in the file, (n,) uint64."""
    user, video = log.users.key[log.rows.user], log.videos.key[log.rows.video]
    order = np.lexsort((np.arange(len(user)), video, user))
    same = (user[order][1:] == user[order][:-1]) & (video[order][1:] == video[order][:-1])
    start = np.concatenate([[True], ~same])
    run = np.arange(len(user)) - np.maximum.accumulate(np.where(start, np.arange(len(user)), 0))
    meeting = np.empty(len(user), dtype=np.uint64)
    meeting[order] = run.astype(np.uint64)
    mixed = user.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= video.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
    return mixed + meeting * np.uint64(0x165667B19E3779F9)


@dataclass(frozen=True, slots=True)
class Sampled:
    """One drawn outcome of n impressions: seconds watched, and each signal."""

    watch_s: F8
    signal: Mapping[str, Flags]


def draw(prospect: Prospect, keys: np.ndarray, seed: int, number: int) -> Sampled:
    """Draws one outcome per impression; keyed by impression, seed and the sample's number.

    Args:
        prospect: the distributions of a block.
        keys: (n,) keys of its impressions.
        seed: root seed.
        number: which sample.
    """
    label = f"encounter/{number}"
    watch = prospect.quantile(uniforms(keys, f"{label}/watch", seed))
    at = progress(watch, prospect.duration_s)
    fate = np.where(at >= 1.0, 3, np.where(at >= prospect.half_way, 2, 1))
    fate = np.where(watch < 3.0, 0, fate)
    rows = np.arange(len(watch))
    return Sampled(
        watch,
        {
            name: uniforms(keys, f"{label}/{name}", seed) < chance[rows, fate]
            for name, chance in prospect.signal.items()
        },
    )
