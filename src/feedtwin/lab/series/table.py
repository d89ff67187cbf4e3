"""Both comparisons as one call from paths, and their rows as tables: printed, JSON and CSV say the same."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any, Final

from feedtwin.calibration.series.facts import (
    FIRST_H,
    GROWTH_H,
    HORIZON_H,
    Fact,
    growth_facts,
    tree_facts,
    window_facts,
)
from feedtwin.calibration.series.forecasters import NAIVE
from feedtwin.calibration.series.rolling import roll
from feedtwin.calibration.series.windows import windows
from feedtwin.datasets.growth import GrowthCurves
from feedtwin.datasets.series import CASCADES, GROWTH, HASHTAGS, About, Cascades, CountSeries
from feedtwin.errors import DataError
from feedtwin.lab.run_data import HOURS_PER_DAY
from feedtwin.lab.series.comparing import Pattern, compare
from feedtwin.lab.series.scoring import KS, Score, Scored, scores
from feedtwin.lab.series.twin import hashtag_views, share_cascades, video_growth
from feedtwin.record.reader import Run

HORIZONS: Final = (3, 7, 14)
"""Days ahead; two weeks is near the twin's own 12 steps, with one step a day here."""
DAYS_MAX: Final = 28
WARM_UP_DAYS: Final = 7
"""First days of a run that are left out: a catalogue that nobody has seen yet is shown all at once."""
PATTERN_COLUMNS: Final = (
    "about", "name", "unit", "summary", "observed", "low", "high", "units", "clusters", "twin", "twin_low",
    "twin_high", "runs", "twin_units", "inside", "ks", "ks_floor", "wasserstein", "wasserstein_floor",
)  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """Patterns of one folder of data beside runs.

    Attributes:
        about: Provenance of the data.
        state: Calibration of the runs' worlds.
        patterns: One per fact.
        notes: What a reader must know: what was cut how, and how many units were left out.
    """

    about: About
    state: str
    patterns: tuple[Pattern, ...]
    notes: tuple[str, ...]


def compare_with(data: Path, runs: Sequence[Path]) -> Compared:
    """Return the patterns of hashtag series, of cascades or of growing videos beside those of runs.

    Args:
        data: A folder with the files of `hashtag-views`, `cascades` or `video-growth`.
        runs: Finished runs with their full logs: replicates of one world, at least one.

    Raises:
        DataError: The folder has none of them, or a file breaks a rule.
        RunFolderError: A run cannot be read.
    """
    state = _one_state(runs)
    if all((data / name).is_file() for name in HASHTAGS.files):
        return _hashtags(HASHTAGS.read(data), runs, state)
    if all((data / name).is_file() for name in CASCADES.files):
        return _cascades(CASCADES.read(data), runs, state)
    if all((data / name).is_file() for name in GROWTH.files):
        return _growth(GROWTH.read(data), runs, state)
    raise DataError(
        f"{data}: neither {', '.join(HASHTAGS.files)} nor {', '.join(CASCADES.files)} nor {', '.join(GROWTH.files)} is there; expected a "
        "folder of hashtag series, of cascades or of growing videos. `feedtwin data describe` reads other data"
    )


def _one_state(runs: Sequence[Path]) -> str:
    states = {str(Run.open(path).manifest["calibration"]) for path in runs}
    if len(states) > 1:
        raise DataError(
            f"{len(runs)} runs of {len(states)} states of calibration; expected replicates of one world. Compare each world by itself"
        )
    return states.pop()


def _hashtags(real: CountSeries, runs: Sequence[Path], state: str) -> Compared:
    series = [hashtag_views(path) for path in runs]
    whole = min(int(one.day.max(initial=0)) for one in series)
    days = min((whole - WARM_UP_DAYS) // 7 * 7, DAYS_MAX)
    if days < 2 * 7:
        raise DataError(
            f"the shortest run has {whole} whole days; expected at least {WARM_UP_DAYS + 14}: a first week is left out, and windows have two "
            f"weeks or more. Run the world for {(WARM_UP_DAYS + 14) * HOURS_PER_DAY} steps or longer"
        )
    seen = windows(real, days, is_rounded=True)
    if not len(seen.views):
        raise DataError(
            f"{real.about.name}: no hashtag has {days} consecutive days with views enough to be seen through the rounding; give longer or "
            "larger series"
        )
    own = [windows(one, days, is_rounded=False) for one in series]
    notes = (
        f"windows of {days} days: real days, and 24 hours of the twin each; its first week is left out",
        f"data: {len(seen.views)} windows, {seen.left_out} too small for what rounding hides",
        f"twin: {sum(len(one.views) for one in own)} windows, {sum(one.left_out for one in own)} with fewer than 50 views a day",
        "the data's hashtags are a watch-list (mostly books), the twin's are all that its people use",
    )
    found = compare("hashtags", window_facts(seen), [window_facts(one) for one in own])
    return Compared(real.about, state, tuple(found), notes)


def _cascades(real: Cascades, runs: Sequence[Path], state: str) -> Compared:
    trees = [share_cascades(path, HORIZON_H) for path in runs]
    own = [tree_facts(one, ~one.is_rumour) for one in trees]
    largest = max((float(one[0].values.max(initial=0.0)) for one in own), default=0.0)
    found = []
    for label, inside in (("rumours", real.is_rumour), ("other posts", ~real.is_rumour)):
        if inside.any():
            seen = tree_facts(real, inside)
            found += compare(f"cascades, {label}", seen, own)
            found += compare(
                f"cascades, {label} no larger than the twin's", _up_to(seen, largest), own
            )
    notes = (
        f"events within {HORIZON_H:.0f} hours of the root, of trees with at least 10 of them; hours are hours in both",
        f"twin: {sum(len(one.key) for one in trees)} trees of videos uploaded in the runs, "
        f"{sum(len(one[0].values) for one in own)} with 10 shares or more",
        "the data's trees were chosen for being large and their crawl ends near 1,000 events; they hold reposts and comments, the twin's shares",
        "the twin labels no rumours: the same trees stand beside both labels",
        f"the twin's largest tree has {largest:.0f} shares: the data's trees are shown whole, and those no larger",
    )
    return Compared(real.about, state, tuple(found), notes)


def _growth(real: GrowthCurves, runs: Sequence[Path], state: str) -> Compared:
    own = [video_growth(path, GROWTH_H) for path in runs]
    seen, found = growth_facts(real), [growth_facts(one) for one in own]
    if not len(seen[0].values):
        raise DataError(
            f"{real.about.name}: no video was read within {FIRST_H:.0f} hours of its publication and again after {GROWTH_H:.0f}, with views "
            "enough; expected such videos. Give a file that follows new videos for three days"
        )
    notes = (
        f"first {GROWTH_H:.0f} hours of videos; hours are hours in both; intervals over channels",
        f"data: {len(seen[0].values)} of {len(real.key)} videos were read from their first {FIRST_H:.0f} hours to {GROWTH_H:.0f} and have 50 "
        "views on a mean day",
        f"twin: {sum(len(one[0].values) for one in found)} of {sum(len(one.key) for one in own)} videos uploaded in the runs and followed as "
        "long have as many",
        "the data's channels are a watch-list of one kind, and views count plays; the twin's are impressions",
    )
    return Compared(real.about, state, tuple(compare("videos", seen, found)), notes)


def _up_to(facts: list[Fact], largest: float) -> list[Fact]:
    """The same facts of trees with at most so many events: a tree cannot outgrow its world, and shape depends on size."""
    kept = facts[0].values <= largest
    return [replace(one, values=one.values[kept], cluster=one.cluster[kept]) for one in facts]


def pattern_row(one: Pattern) -> dict[str, Any]:
    """Return a pattern as a row of `PATTERN_COLUMNS`."""
    return {name: _number(getattr(one, name)) for name in PATTERN_COLUMNS}


@dataclass(frozen=True)
class Judged:
    """Scores of forecasters on one folder of hashtag series; `notes` say what was asked and left out."""

    about: About
    scores: tuple[Score, ...]
    notes: tuple[str, ...]


def score_forecasts(
    data: Path, policies: tuple[str, ...], horizons: tuple[int, ...] = HORIZONS
) -> Judged:
    """Score forecast policies and naive rules on hashtag series.

    Args:
        data: A folder with the file of `hashtag-views`.
        policies: Names of forecast policies, or `module:Class`.
        horizons: Days ahead, at least 1 each.

    Raises:
        DataError: The file breaks a rule, or its series are too short.
        SettingsError: No policy has the name.
    """
    series: CountSeries = HASHTAGS.read(data)
    rolled = roll(series, tuple(sorted(set(horizons))), policies)
    found = tuple(one for each in rolled for one in scores(each, NAIVE))
    if not found:
        raise DataError(
            f"{series.about.name}: no take-off could be seen through the rounding after the quarter that is for learning; give longer or larger series"
        )
    notes = tuple(
        f"{one.horizon} days ahead: {len(one.day)} pairs of week and hashtag, {len(set(one.name.tolist()))} hashtags, "
        f"{100 * float(one.came.mean()):.1f} % took off; left out: {one.hidden} that rounding hides, {one.already_up} up already"
        for one in rolled
        if len(one.day)
    )
    return Judged(series.about, found, notes)


def score_row(one: Score) -> dict[str, Any]:
    """Return a score as one flat row: intervals as `_low` and `_high`."""
    row: dict[str, Any] = {"horizon_days": one.horizon, "forecaster": one.forecaster}
    for k in KS:
        row |= _flat(f"precision_at_{k}", one.precision[k])
    row |= _flat("brier", one.brier) | _flat("brier_recalibrated", one.recalibrated)
    row |= _flat("skill", one.skill)
    for name in ("reliability", "resolution", "uncertainty"):
        row[name] = None if one.parts is None else getattr(one.parts, name)
    for rival in RIVALS:
        words = rival.replace(" ", "_")
        row |= _flat(f"precision_minus_{words}", one.precision_against.get(rival))
        row |= _flat(f"brier_minus_{words}", one.against.get(rival))
    row |= {"alarms": one.alarms, **_flat("alarms_true", one.hits), **_flat("lead_days", one.lead)}
    row |= {"false_per_30_days": one.false_per_30_days, "missed": one.missed}
    return row


RIVALS: Final = ("base rate", "own base rate", *NAIVE)


def _flat(name: str, one: Scored | None) -> dict[str, float | None]:
    if one is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    ends = {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
    return {key: _number(value) for key, value in ends.items()}


def _number(value: Any) -> Any:
    """What a table shows of a number that is not defined: nothing."""
    return None if isinstance(value, float) and not isfinite(value) else value
