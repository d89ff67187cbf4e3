"""The report of the study of random exposure: one page, its numbers as JSON and CSV."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from feedtwin.errors import RunFolderError
from feedtwin.lab.figures import Basis
from feedtwin.lab.figures.ratios import ratios_chart
from feedtwin.lab.figures.words import MINUS
from feedtwin.lab.reporting.document import MORE, RIGHT, Column, Report, Section, Table, Tile
from feedtwin.lab.reporting.page import html_of
from feedtwin.lab.reporting.text import unbroken
from feedtwin.lab.study.tables import as_csv, as_json
from feedtwin.record.durable import replace_bytes

RESULT_FILE: Final = "random-exposure.json"
CSV_FILE: Final = "ratios.csv"
PAGE_FILE: Final = "report.html"
_CSV: Final = (
    "kind", "group", "users", "impressions", "metric", "estimate", "low", "high", "parameter_low", "parameter_high",
    "matching_low", "matching_high", "additive", "visible", "rate_recommender", "rate_random", "rate_logged",
)  # fmt: skip
_INTERVAL: Final = (
    "Intervals: 95\u202f% over people, at every strength of matching within the stated band."
)
_TILES: Final = ("valid_view", "long_view", "watch_s", "like")


def write_exposure_report(found: Mapping[str, Any], folder: Path) -> Path:
    """Writes the result as JSON, CSV and a page.

    Args:
        found: what the study gave.
        folder: made if missing; the three files in it are replaced.

    Returns:
        The page.

    Raises:
        RunFolderError: The folder cannot be written.
    """
    page = folder / PAGE_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_bytes(folder / RESULT_FILE, as_json(found))
        replace_bytes(folder / CSV_FILE, as_csv(_CSV, records(found)))
        replace_bytes(page, html_of(exposure_report(found)).encode())
    except OSError as error:
        raise RunFolderError(
            f"{folder}: cannot be written: {error.strerror}; expected a place for the report. Give another with --out"
        ) from None
    return page


def records(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every ratio as a row: of all people first, then of the segments and surfaces."""
    whole = {
        "users": found["users"],
        "impressions": found["impressions"],
        "ratios": found["ratios"],
    }
    rows = []
    for kind, groups in (
        ("all", {"all": whole}),
        ("segment", found["segments"]),
        ("surface", found["surfaces"]),
    ):
        for group, one in groups.items():
            for metric, ratio in one["ratios"].items():
                flat = {
                    f"{part}_{end}": ratio[part][end]
                    for part in ("parameter", "matching")
                    for end in ("low", "high")
                }
                plain = {k: v for k, v in ratio.items() if k not in ("parameter", "matching")}
                rows.append({
                    "kind": kind, "group": group, "users": one["users"], "impressions": one["impressions"],
                    "metric": metric, **plain, **flat,
                })  # fmt: skip
    return rows


def exposure_report(found: Mapping[str, Any]) -> Report:
    """The study's page as a document."""
    every = records(found)
    whole = [row for row in every if row["kind"] == "all"]
    by_name = {row["metric"]: row for row in whole}
    seen = found["matching"]
    basis = _basis(found)
    return Report(
        kind="study",
        title=found["study"],
        calibration=found["state"],
        asked=[
            found["description"],
            "For each metric: the mean over people of the rate under random exposure, over the mean over the same people of the rate under "
            "the recommender. Below 1, the recommender brings more of it.",
        ],
        found=[
            "Ratios, with 95\u202f% intervals:",
            *(f"{row['metric'].replace('_', ' ')}: {ratio_text(row)}" for row in whole),
            *_disagreements(found),
        ],
        caution=(
            "The log holds no random exposure, so nothing in it can contradict the assumption about matching that cannot be seen; the interval "
            "holds if that matching is within the stated band."
        ),
        tiles=[
            Tile(
                name.replace("_", " "),
                f"{by_name[name]['estimate']:.2f}",
                "times",
                (
                    "random over recommender",
                    f"95\u202f% interval {unbroken('[' + _span(by_name[name]) + ']')}",
                    f"n = {found['users']:,} people",
                ),
            )
            for name in _TILES
            if name in by_name
        ],
        sections=[
            Section(
                "Ratios",
                "Additive: columns of people and videos only. Visible: with the matching that shows in who met what. Estimate: with "
                f"{seen['nats_estimate']:.1f} nats of matching, half-way (geometric mean) between the visible {seen['nats_visible']:.1f} and the strongest "
                f"{seen['nats_most']:.1f}. Matching alone: from none to the strongest. Parameter alone: people resampled.",
                charts=[ratios_chart(whole, basis, "ratios-figure")],
                tables=[_parts(whole, basis)],
            ),
            Section("Segments", tables=[_groups(every, "segment", basis)]),
            *(
                [Section("Surfaces", tables=[_groups(every, "surface", basis)])]
                if found["surfaces"]
                else []
            ),
            Section(
                "Matching and overlap",
                f"Of an exposed video and one of the same day that somebody else was shown, the score prefers the exposed one with "
                f"probability {seen['auc']:.3f} (0.5: no matching to be seen). {found['pool_seen']:,} of {found['pool']:,} videos of the pool "
                f"were shown at all. {found['overlap']['random_pairs_below_exposed']:.0%} of random pairs have a lower score than 99 % of "
                f"exposed ones. Weighted towards random exposure, the {found['impressions']:,} impressions are worth "
                f"{found['overlap']['effective_impressions']:,.0f}.",
                tables=[_robust(found, basis)],
            ),
        ],
        warnings=(),
        limits=[f"{name}: {text}" for name, text in found["assumes"].items()],
        absent=(),
        audit=None,
        provenance=[
            ("Preset", found["preset"]["name"]),
            ("Preset (SHA-256)", found["preset"]["sha256"]),
            ("Data", f"{found['data']['name']} ({found['data']['state']})"),
            ("Licence", found["data"]["licence"]),
            ("Cite", found["data"]["citation"]),
            ("Exposure", found["exposure"]),
            ("Data (SHA-256)", found["data"]["source_hash"]),
        ],
        basis=f"{_INTERVAL} {basis}",
    )


def _basis(found: Mapping[str, Any]) -> Basis:
    return Basis(
        f"{found['users']:,} people and {found['impressions']:,} impressions",
        f"{int(found['constants']['exposure.resamples']):,} resamples of people", found["state"],
    )  # fmt: skip


def ratio_text(row: Mapping[str, Any]) -> str:
    """`0.85 [0.80, 0.90]`."""
    return f"{row['estimate']:.3f} [{_span(row)}]"


def _span(row: Mapping[str, Any]) -> str:
    return f"{row['low']:.3f}, {row['high']:.3f}"


def _parts(rows: Sequence[Mapping[str, Any]], basis: Basis) -> Table:
    heads = (
        "metric", "recommender", "random", "additive", "visible", "estimate", "interval", "parameter alone", "matching alone"
    )  # fmt: skip
    cells = [
        [
            row["metric"].replace("_", " "), f"{row['rate_recommender']:.4g}", f"{row['rate_random']:.4g}", f"{row['additive']:.3f}",
            f"{row['visible']:.3f}", f"{row['estimate']:.3f}", f"{row['low']:.3f} to {row['high']:.3f}",
            f"{row['parameter_low']:.3f} to {row['parameter_high']:.3f}",
            f"{row['matching_low']:.3f} to {row['matching_high']:.3f}",
        ]
        for row in rows
    ]  # fmt: skip
    marks = ["", f"{MORE} {RIGHT}", f"{MORE} {RIGHT}", f"{MORE} {RIGHT}", f"{MORE} {RIGHT}", RIGHT, RIGHT, f"{MORE} {RIGHT}", f"{MORE} {RIGHT}"]  # fmt: skip
    return Table(
        "ratios",
        "How each ratio comes about",
        f"watch s in seconds, the others shares of impressions, each person counting once. {_INTERVAL} {basis}",
        [Column(head, mark) for head, mark in zip(heads, marks, strict=True)],
        cells,
        as_csv(_CSV, rows),
        "broad",
    )


def _groups(every: Sequence[Mapping[str, Any]], kind: str, basis: Basis) -> Table:
    rows = [row for row in every if row["kind"] == kind]
    names = list(dict.fromkeys(row["metric"] for row in rows))
    cells = []
    for group in dict.fromkeys(row["group"] for row in rows):
        own = {row["metric"]: row for row in rows if row["group"] == group}
        first = own[names[0]]
        cells.append([
            f"{group}\nn\u202f=\u202f{first['users']:,}", f"{first['impressions']:,}",
            *(f"{own[name]['estimate']:.2f}\n{own[name]['low']:.2f} to {own[name]['high']:.2f}" for name in names),
        ])  # fmt: skip
    return Table(
        f"ratios-by-{kind}",
        f"Ratios by {kind}",
        f"Estimate, and under it the interval; n: people. The response to matching is the same for all groups. {_INTERVAL} All groups together: "
        f"{basis}",
        [
            Column(kind),
            Column("impressions", f"{MORE} {RIGHT}"),
            *(
                Column(name.replace("_", " "), RIGHT if name in _TILES else f"{MORE} {RIGHT}")
                for name in names
            ),
        ],
        cells,
        as_csv(_CSV, rows),
        "stacked broad",
    )


def _disagreements(found: Mapping[str, Any]) -> list[str]:
    """Which metrics' doubly robust ratio, which asks less of the response's form, leaves out the visible one."""
    names = [
        name
        for name, one in found["overlap"]["doubly_robust"].items()
        if not one["low"] <= found["ratios"][name]["visible"] <= one["high"]
    ]
    if not names:
        return []
    said = ", ".join(name.replace("_", " ") for name in names)
    return [
        f"The doubly robust check does not agree for {said}: the response to matching is not as the fit has it there (table below)."
    ]


def _robust(found: Mapping[str, Any], basis: Basis) -> Table:
    seen = found["matching"]
    rows = [
        {
            "metric": name,
            "per_nat": seen["per_nat"][name],
            "per_nat_low": seen["per_nat_interval"][name][0],
            "per_nat_high": seen["per_nat_interval"][name][1],
            "visible": found["ratios"][name]["visible"],
            "robust": one["ratio"],
            "robust_low": one["low"],
            "robust_high": one["high"],
        }
        for name, one in found["overlap"]["doubly_robust"].items()
    ]
    return Table(
        "doubly-robust",
        "What a nat of matching does, and the visible ratio with reweighted residuals",
        "Per nat: on the link's scale (log-odds; log seconds); where its interval holds 0, the log does not tell what matching does. Doubly robust: the visible ratio plus the mean "
        "residual of exposures weighted towards random ones; it should agree with the visible ratio within its interval. "
        f"Intervals: 95\u202f% over people. {basis}",
        [Column("metric"), Column("per nat", RIGHT), Column("visible ratio", RIGHT), Column("doubly robust", RIGHT)],
        [
            [
                row["metric"].replace("_", " "),
                _signed(row["per_nat"]) + f"\n{_signed(row['per_nat_low'])} to {_signed(row['per_nat_high'])}",
                f"{row['visible']:.3f}",
                f"{row['robust']:.3f}\n{row['robust_low']:.3f} to {row['robust_high']:.3f}",
            ]
            for row in rows
        ],
        as_csv(list(rows[0]), rows), "stacked",
    )  # fmt: skip


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", MINUS)
