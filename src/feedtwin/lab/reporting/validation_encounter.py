"""The encounter in a validation report: scores beside baselines, calibration curves, distances, and what does not pass."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from feedtwin.calibration.baselines import NAMES
from feedtwin.calibration.judging import RIVALS, TWIN
from feedtwin.lab.figures import Basis, Chart
from feedtwin.lab.figures.curves import calibration_chart
from feedtwin.lab.figures.words import difference, fixed
from feedtwin.lab.reporting.document import MORE, RIGHT, SHORT, Column, Table
from feedtwin.lab.reporting.validation_tables import number
from feedtwin.lab.study.tables import as_csv

_NUMBER: Final = f"{MORE} {RIGHT}"
_SCORES: Final = (
    "where", "outcome", "score", "better", "n", TWIN, *NAMES,
    *(f"against_{rival}{end}" for rival in RIVALS for end in ("", "_low", "_high")),
)  # fmt: skip
_DISTANCES: Final = ("where", "durations", "what", "n", "distance", "allowed", "passes")
_OUTSIDE: Final = ("where", "what", "part", "n", "off_by", "allowed")


def encounter_charts(found: Mapping[str, Any], state: str) -> list[Chart]:
    """The calibration curves; none where nothing was held out."""
    if not found["curves"]:
        return []
    return [
        calibration_chart(found["curves"], _basis(found["curves"], state), "calibration-curves")
    ]


def encounter_tables(found: Mapping[str, Any], state: str) -> list[Table]:
    """Scores beside every baseline, every distance, and the deciles and distances that do not pass."""
    return [_scores(found["scores"], state), _distances(found, state), _outside(found, state)]


def _basis(rows: Sequence[Mapping[str, Any]], state: str) -> Basis:
    """Held-out impressions per part; every outcome is judged on the same."""
    first = rows[0]["outcome"]
    counts: dict[str, int] = {}
    for row in rows:
        if row["outcome"] == first:
            counts[row["where"]] = counts.get(row["where"], 0) + row["n"]
    told = " and ".join(f"{count:,} of {where}" for where, count in counts.items())
    return Basis(f"impressions that the fit never saw: {told}", "no worlds are simulated", state)


def _scores(rows: Sequence[Mapping[str, Any]], state: str) -> Table:
    records = [
        {
            **{name: row[name] for name in ("where", "outcome", "score", "better", "n", TWIN, *NAMES)},
            **{
                f"against_{rival}{end}": value
                for rival in RIVALS
                for end, value in zip(("", "_low", "_high"), row[f"against_{rival}"], strict=True)
            },
        }
        for row in rows
    ]  # fmt: skip
    return Table(
        "scores", "Held-out scores of the encounter, beside baselines",
        f"Differences are twin minus rival, with 95\u202f% intervals over people; {state}.",
        [
            Column("where"), Column("outcome", SHORT), Column("score", SHORT), Column("n", _NUMBER), Column("twin", RIGHT),
            *(Column(name, _NUMBER) for name in reversed(NAMES)), Column("against boosting", RIGHT),
            Column("against additive", _NUMBER),
        ],
        [
            (
                row["where"], row["outcome"], row["score"].replace("_", " "), f"{row['n']:,}", number(row[TWIN]),
                *(number(row[name]) for name in reversed(NAMES)),
                *("\n".join(difference("1", *row[f"against_{rival}"])) for rival in RIVALS),
            )
            for row in rows
        ],
        as_csv(_SCORES, records), "grouped stacked broad",
    )  # fmt: skip


def _distances(found: Mapping[str, Any], state: str) -> Table:
    """A line per part and range of durations: its two distances have the same impressions and the same threshold."""
    rows = found["distances"]
    pairs: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        pairs.setdefault((row["where"], row["durations"]), {})[row["what"]] = row
    measures = list(dict.fromkeys(row["what"] for row in rows))
    lines = []
    for (where, durations), both in pairs.items():
        first = next(iter(both.values()))
        lines.append(
            [
                where, durations, f"{first['n']:,}", *(_distance(both[one]) for one in measures), fixed(first["allowed"], 3),
            ]
        )  # fmt: skip
    return Table(
        "distances", "Distances of watch time and watch ratio, by duration of the video",
        "Kolmogorov distance, 0 to 1, between simulated and observed distributions on the feed's surface, n impressions each. "
        "No interval: what was allowed grows as n falls, and so pays for the chance of a sample (`calibration.judge.distance`, "
        f"`calibration.judge.distance_noise`); {state}.",
        [
            Column("where"), Column("durations", SHORT), Column("n", _NUMBER), *(Column(one, RIGHT) for one in measures),
            Column("allowed", RIGHT),
        ],
        lines, as_csv(_DISTANCES, rows), "grouped", "No duration has enough held-out impressions.",
    )  # fmt: skip


def _distance(row: Mapping[str, Any]) -> str:
    said = fixed(row["distance"], 3)
    return said if row["passes"] else f"{said}\nOUTSIDE"


def _outside(found: Mapping[str, Any], state: str) -> Table:
    records = [
        {
            "where": row["where"], "what": row["outcome"], "part": f"decile {row['decile']}", "n": row["n"],
            "off_by": row["gap"], "allowed": row["allowed"],
        }
        for row in found["curves"] if not row["passes"]
    ]  # fmt: skip
    records += [
        {
            "where": row["where"], "what": row["what"], "part": row["durations"], "n": row["n"],
            "off_by": row["distance"], "allowed": row["allowed"],
        }
        for row in found["distances"] if not row["passes"]
    ]  # fmt: skip
    return Table(
        "outside", "Deciles and distances outside what was stated",
        f"Curves: within two points and two standard errors; distances: as `calibration.judge.distance` says; {state}.",
        [Column("where"), Column("what"), Column("n", _NUMBER), Column("off by", RIGHT), Column("allowed", RIGHT)],
        [
            (one["where"], f"{one['what']}, {one['part']}", f"{one['n']:,}", number(one["off_by"]), number(one["allowed"]))
            for one in records
        ],
        as_csv(_OUTSIDE, records), empty="None: every decile and every distance passes.",
    )  # fmt: skip
