"""The commands `data compare` and `data score-forecasts`: trends and cascades of the twin beside real series."""

from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feedtwin.cli.calibrating import DataPath, say_source
from feedtwin.cli.going import AsJson, Quiet
from feedtwin.cli.progress import is_shown, working
from feedtwin.cli.terminal import answer, plural, reports, say, table

if TYPE_CHECKING:
    from feedtwin.lab.figures import Chart
    from feedtwin.lab.series.comparing import Pattern
    from feedtwin.lab.series.scoring import Score, Scored

Out = Annotated[
    Path | None,
    typer.Option("--out", help="Folder for the table (CSV) and the figures (PDF, SVG, CSV)."),
]
BASE_RATES = ("base rate", "own base rate")
"""Not drawn: their curve is a point, or nearly one."""
NO_RUN = "no state of calibration: the forecasters read real series, not a world"


@reports
def compare(
    data: DataPath,
    runs: Annotated[
        list[Path],
        typer.Option("--run", help="A finished run with its full log; repeat for replicates."),
    ],
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Print how trends (hashtag series), cascades or growing videos of the data look, and how those of runs do.

    Data have 95 % intervals over hashtags, cascades or channels, the twin over runs. A distance means something where it is above its
    floor: what random halves of the data differ by.
    """
    from feedtwin.lab.series.table import PATTERN_COLUMNS, compare_with, pattern_row

    with working("comparing", is_shown(quiet, as_json)):
        found = compare_with(data, runs)
        rows = [pattern_row(one) for one in found.patterns]
        if out is not None:
            _write(out, "patterns", PATTERN_COLUMNS, rows, _ecdfs(found.patterns, len(runs), found.state))  # fmt: skip
    if as_json:
        answer({"state": found.state, **_source(found.about, found.notes), "patterns": rows})
        return
    say(found.state)
    say_source(found.about)
    for note in found.notes:
        say(f"note    {note}")
    for about in dict.fromkeys(one.about for one in found.patterns):
        say()
        say(about)
        table(
            ["fact", "unit", "data", "twin", "inside", "KS", "floor", "Wasserstein", "floor "],
            [_shown(one) for one in found.patterns if one.about == about],
            keep=("fact", "data", "twin"),
        )
    say()
    _say_misses(found.patterns)


def _shown(one: "Pattern") -> tuple[object, ...]:
    twin = "-" if one.twin is None else _span(one.twin, one.twin_low, one.twin_high)
    return (
        f"{one.name} ({one.summary})", one.unit, _span(one.observed, one.low, one.high), twin, one.inside,
        _short(one.ks), _short(one.ks_floor), _short(one.wasserstein), _short(one.wasserstein_floor),
    )  # fmt: skip


def _say_misses(patterns: "Sequence[Pattern]") -> None:
    asked = [one for one in patterns if one.inside is not None]
    outside = [one for one in asked if not one.inside]
    say(
        f"inside  {len(asked) - len(outside)} of {len(asked)} twin values lie in the data's interval"
    )
    for one in outside:
        ends = (one.twin_low, one.twin_high)
        meet = (
            ends[0] is not None
            and ends[1] is not None
            and ends[0] <= one.high
            and one.low <= ends[1]
        )
        say(
            f"  does not match: {one.about}, {one.name}: data {_short(one.observed)}, twin {_short(one.twin)} {one.unit}"
            f"{' (the intervals meet)' if meet else ''}"
        )
    for one in patterns:
        if one.twin is None:
            say(f"  not compared: {one.about}, {one.name}: the runs have nothing of the kind")


@reports
def score_forecasts(
    data: DataPath,
    policies: Annotated[
        list[str],
        typer.Option("--policy", help="A forecast policy, or MODULE:CLASS; repeatable."),
    ] = ["heuristic", "rules"],  # noqa: B006 - typer reads the default and never changes it
    horizons: Annotated[
        list[int], typer.Option("--horizon", min=1, help="Days ahead; repeatable.")
    ] = [3, 7, 14],  # noqa: B006 - as above
    out: Out = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Score the twin's forecast policies, and naive rules, on real hashtag series.

    A hashtag takes off if its views over the coming days are 1.5 times those of the last four weeks. Every week, of every hashtag that is
    not up already: nothing of a later day is known.
    """
    from feedtwin.lab.series.table import score_forecasts as judged
    from feedtwin.lab.series.table import score_row

    with working("forecasting", is_shown(quiet, as_json)):
        found = judged(data, tuple(dict.fromkeys(policies)), tuple(horizons))
        rows = [score_row(one) for one in found.scores]
        if out is not None:
            _write(out, "forecasts", tuple(rows[0]), rows, _curves(found.scores))
    if as_json:
        curves = [
            {"horizon_days": one.horizon, "forecaster": one.forecaster, "points": [_plain(point) for point in one.curve]}
            for one in found.scores
        ]  # fmt: skip
        answer({"state": NO_RUN, **_source(found.about, found.notes), "scores": rows, "curves": curves})  # fmt: skip
        return
    say(NO_RUN)
    say_source(found.about)
    for note in found.notes:
        say(f"note    {note}")
    for horizon in dict.fromkeys(one.horizon for one in found.scores):
        chosen = [one for one in found.scores if one.horizon == horizon]
        say()
        say(f"Take-offs {plural(horizon, 'day')} ahead; in brackets 95 % intervals over hashtags")
        table(
            ["forecaster", "precision at 1", "at 5", "Brier as said", "recalibrated", "skill", "alarms", "came true", "lead, d", "false/30 d", "missed"],
            [_score(one) for one in chosen],
            keep=("forecaster",),
        )  # fmt: skip
    say()
    say(
        "Against naive rules, on the same pairs: precision of lists of the same lengths, at most 5 (above 0 is better), recalibrated Brier (below 0 is better)"
    )
    table(
        ["days", "forecaster", "rival", "precision at 5", "Brier"],
        [
            (
                one.horizon,
                one.forecaster,
                rival,
                _signed(one.precision_against[rival]),
                _signed(loss),
            )
            for one in found.scores
            if one.forecaster in policies
            for rival, loss in one.against.items()
        ],
        keep=("forecaster", "rival"),
    )


def _score(one: "Score") -> tuple[object, ...]:
    return (
        one.forecaster, *(_in(each, 2) for each in one.precision.values()), _in(one.brier, 3),
        _in(one.recalibrated, 3), _in(one.skill, 3), one.alarms, _in(one.hits, 2), _in(one.lead, 1),
        f"{one.false_per_30_days:.1f}", one.missed,
    )  # fmt: skip


def _in(one: "Scored", digits: int) -> str:
    if not isfinite(one.value):
        return "-"
    return f"{one.value:.{digits}f} [{one.low:.{digits}f}, {one.high:.{digits}f}]"


def _signed(one: "Scored") -> str:
    if not isfinite(one.value):
        return "-"
    return f"{one.value:+.4f} [{one.low:+.4f}, {one.high:+.4f}]"


def _short(value: float | None) -> str:
    return "-" if value is None or not isfinite(value) else f"{value:.3g}"


def _span(value: float, low: float | None, high: float | None) -> str:
    if low is None or high is None or not isfinite(low):
        return f"{_short(value)} (no interval)"
    return f"{_short(value)} [{_short(low)}, {_short(high)}]"


def _plain(point: Any) -> dict[str, float]:
    return {"chance": point.chance, "came_true": point.came, "pairs": point.pairs}


def _source(about: Any, notes: "Sequence[str]") -> dict[str, object]:
    return {
        "name": about.name, "data": about.state, "licence": about.licence, "citation": about.citation,
        "source_hash": about.source_hash, "notes": [*about.notes, *notes],
    }  # fmt: skip


def _ecdfs(patterns: "Sequence[Pattern]", runs: int, state: str) -> "list[Chart]":
    from feedtwin.lab.figures import Basis, pattern_ecdf

    basis = Basis(plural(runs, "run"), "replicates as given", state)
    return [
        pattern_ecdf(one, basis, _file(f"{one.about} {one.name}"))
        for one in patterns
    ]  # fmt: skip


def _curves(found: "Sequence[Score]") -> "list[Chart]":
    from feedtwin.lab.figures import Basis, calibration_of_forecasts

    charts = []
    for horizon in dict.fromkeys(one.horizon for one in found):
        chosen = [one for one in found if one.horizon == horizon]
        pairs = sum(point.pairs for point in chosen[0].curve)
        basis = Basis(f"{pairs:,} pairs of week and hashtag", "no draws", NO_RUN)
        charts.append(
            calibration_of_forecasts(
                [one for one in chosen if one.forecaster not in BASE_RATES],
                basis,
                f"forecasts-{horizon}-days",
            )
        )
    return [one for one in charts if one is not None]


def _file(words: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in words).split())


def _write(
    out: Path,
    name: str,
    columns: "Sequence[str]",
    rows: list[dict[str, Any]],
    charts: "list[Chart]",
) -> None:
    from feedtwin.lab.study.tables import as_csv
    from feedtwin.record.durable import replace_bytes

    out.mkdir(parents=True, exist_ok=True)
    replace_bytes(out / f"{name}.csv", as_csv(columns, rows))
    for chart in charts:
        chart.save(out)
