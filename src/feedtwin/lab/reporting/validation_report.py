"""The validation report of a preset: one page, its numbers as CSV, and everything as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from feedtwin.calibration.report.bands import nulls_inside
from feedtwin.calibration.report.ledger import NOT_SHOWN
from feedtwin.calibration.report.look import bands_in_words, fit_in_words, look_in_words
from feedtwin.errors import RunFolderError
from feedtwin.lab.figures import Basis, Chart
from feedtwin.lab.figures.bands import band_chart
from feedtwin.lab.figures.contrasts import UNITS, signs_chart, sizes_chart
from feedtwin.lab.figures.words import MINUS, listed, plural
from feedtwin.lab.figures.words import contrast as named
from feedtwin.lab.numbers import significant
from feedtwin.lab.reporting import limits
from feedtwin.lab.reporting.document import Note, Report, Section, Tile
from feedtwin.lab.reporting.page import html_of
from feedtwin.lab.reporting.validation_encounter import encounter_charts, encounter_tables
from feedtwin.lab.reporting.validation_tables import (
    claims_table,
    nulls_table,
    patterns_table,
    protocol_tables,
    recovery_table,
)
from feedtwin.lab.study.tables import as_json
from feedtwin.record.durable import replace_bytes

PAGE: Final = "report.html"
NUMBERS: Final = "report.json"
Results = Mapping[str, Any]


def write_validation(results: Results, folder: Path) -> Path:
    """Write report.html, report.json and one CSV per figure and table into a folder, and return the page.

    Args:
        results: Of `lab.validating.validating.whole`.
        folder: Made if it is not there; files of an earlier report are replaced.

    Raises:
        RunFolderError: The folder cannot be written.
    """
    report = report_of_validation(results)
    page = folder / PAGE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for chart in report.charts:
            replace_bytes(folder / f"{chart.name}.csv", chart.csv())
        for section in report.sections:
            for one in section.tables:
                replace_bytes(folder / f"{one.name}.csv", one.csv)
        replace_bytes(folder / NUMBERS, as_json(results))
        replace_bytes(page, html_of(report).encode())
    except OSError as error:
        raise RunFolderError(
            f"{folder}: cannot be written: {error.strerror}; expected a place for the report. Give another with --out"
        ) from None
    return page


def report_of_validation(results: Results) -> Report:
    """Return the report; what failed comes first in it."""
    worlds, state = "patterns" in results, str(results["state"])
    counts = {
        state: sum(one["state"] == state for one in results["claims"])
        for state in ("shown", "inferred", NOT_SHOWN)
    }
    return Report(
        kind="validation",
        title=str(results["preset"]),
        calibration=state,
        asked=[
            "Does the twin predict what it was not fitted to, can the same test reject worlds that are wrong on purpose, and which "
            "conclusions about a policy survive what the data leave open?"
        ],
        found=[*_failures_in_words(results), *_contrast_in_words(results)],
        caution=(
            "No intervention was held out: whatever is said of a policy's effect is inferred from these mechanisms, not shown."
        ),
        tiles=[
            Tile(state, str(count), "", (f"of {plural(len(results['claims']), 'claim')}",)) for state, count in counts.items()
        ],
        sections=[
            Section("Claims", look_in_words(results), tables=[claims_table(results["claims"])]),
            *(_world_sections(results) if worlds else ()),
            Section(
                "Encounter", charts=encounter_charts(results["encounter"], state), tables=encounter_tables(results["encounter"], state)
            ),
            *([Section("Recovery", fit_in_words(results), tables=[recovery_table(results["recovery"], state)])] if results["recovery"] else ()),
            *(_contrast_sections(results) if worlds else ()),
            *(Section(one.title, tables=[one]) for one in protocol_tables(results)),
        ],
        warnings=_warnings(results),
        limits=[limits.of_calibration(state), *limits.OF_VALIDATION, limits.NO_MODEL],
        absent=_absent(results),
        audit=None,
        provenance=[
            ("Preset (SHA-256)", str(results["sha256"])),
            ("Data (SHA-256)", str(results["data"]["source_hash"])),
            ("Simulation (SHA-256)", str(results["code_hash"])),
            ("Worlds", f"{results['runs']:,}" if worlds else "none"),
            ("Fit of the ecosystem", fit_in_words(results)),
        ],
        basis=str(_bands_basis(results)) if worlds else state,
    )  # fmt: skip


def _failed(results: Results) -> list[Mapping[str, Any]]:
    return [row for row in results.get("patterns", ()) if not row["twin"]["inside"]]


def _failures_in_words(results: Results) -> list[str]:
    of_encounter = _encounter_in_words(results["encounter"]["verdicts"])
    if "patterns" not in results:
        return [of_encounter, f"No worlds were run: {results['no_worlds']}."]
    failed, of = _failed(results), len(results["patterns"])
    names = ", ".join(row["name"] for row in failed)
    said = (
        f"{len(failed)} of {of} patterns lie outside their bands: {names}."
        if failed
        else f"All {of} patterns lie inside their bands."
    )
    better = [
        f"{row['name']} ({', '.join(nulls_inside(row))})" for row in failed if nulls_inside(row)
    ]
    kept = [name for name, one in results["nulls"].items() if not one["rejected"]]
    return [
        said,
        *([f"Null worlds do hold {listed(better)}."] if better else ()),
        f"Null worlds that are not rejected: {', '.join(kept)}."
        if kept
        else "All null worlds are rejected.",
        of_encounter,
    ]


def _encounter_in_words(promises: Sequence[Mapping[str, Any]]) -> str:
    broken = [
        f"{one['promise']} ({one['holds']} of {one['of']})"
        for one in promises
        if one["holds"] < one["of"] or not one["of"]
    ]
    if broken:
        return f"{len(broken)} of {len(promises)} promises about the encounter do not hold in every part: {'; '.join(broken)}."
    return f"The encounter's promises hold in every part ({len(promises)} of {len(promises)})."


def _absent(results: Results) -> list[Note]:
    found = []
    if "patterns" not in results:
        why = f"no worlds were run: {results['no_worlds']}"
        found.append(Note("Bands, null worlds and contrast", why))
    if not results["recovery"]:
        found.append(Note("Recovery of the parameters", "no ecosystem was fitted"))
    if not results["encounter"]["curves"]:
        found.append(Note("Calibration curves", "no impressions were held out"))
    return found


def _contrast_in_words(results: Results) -> list[str]:
    if "contrast" not in results:
        return []
    contrast = results["contrast"]
    main = contrast["main"]
    one = contrast["posterior"][main]
    flips = ", ".join(contrast["flips"]) or "none"
    return [
        f"{named(contrast['name'])} changes {main} by {_n(one['estimate'])} {UNITS[main]} (95\u202f% interval {_n(one['low'])} to {_n(one['high'])}, "
        f"{plural(one['n'], 'pair')} of worlds): {contrast['robustness'][main]}. Conclusions whose sign flips in some draw: {flips}."
    ]


def _n(value: float) -> str:
    return significant(value).replace("-", MINUS)


def _warnings(results: Results) -> list[Note]:
    few = look_in_words(results)
    return [
        *([Note("few worlds", few)] if few else ()),
        *(
            Note("not shown", f"{one['claim']}.")
            for one in results["claims"]
            if one["state"] == NOT_SHOWN
        ),
    ]


def basis_of(results: Results, runs: int) -> Basis:
    """What a figure of the report rests on."""
    return Basis(
        plural(runs, "world"), f"root seed {results['world']['seed']}", str(results["state"])
    )


def _bands_basis(results: Results) -> Basis:
    """What rests on bands: the twin's worlds and those of each null, and how many were stated where there are fewer."""
    return replace(basis_of(results, 0), n=bands_in_words(results))


def _world_sections(results: Results) -> list[Section]:
    basis = _bands_basis(results)
    few = look_in_words(results)
    why = "; ".join(f"{name}: {one['why']}" for name, one in results["nulls"].items())

    def charts(inside: bool) -> list[Chart]:
        return [
            band_chart(row, basis, f"pattern-{row['name'].replace('_', '-')}")
            for row in results["patterns"]
            if row["twin"]["inside"] is inside
        ]

    caption = str(basis)
    sections = [
        Section("Patterns outside their bands", few, charts=charts(False)),
        Section("All patterns", few, tables=[patterns_table(results["patterns"], caption)]),
        Section("Null worlds", f"{why}. {few}".rstrip(), tables=[nulls_table(results["nulls"], results["patterns"], caption)]),
        Section("Patterns inside their bands", few, charts=charts(True)),
    ]  # fmt: skip
    return [one for one in sections if one.charts or one.tables]


def _contrast_sections(results: Results) -> list[Section]:
    contrast = results["contrast"]
    basis = basis_of(results, 2 * results["sizes"]["draws"])
    screening, indices = contrast["screening"], contrast["indices"]
    why = "; ".join(f"{name}: {text}" for name, text in contrast["why"].items())
    charts = [
        sizes_chart(
            f"Screening of {screening['of']}: mean size of elementary effects",
            {"mu*": screening["mean_size"]}, UNITS[screening["of"]], basis_of(results, screening["runs"]), "screening",
        )
    ]  # fmt: skip
    if indices["first"]:
        charts.append(
            sizes_chart(
                f"Sobol indices of {indices['of']}",
                {"first order": indices["first"], "total": indices["total"]}, "share of the variance",
                basis_of(results, indices["runs"]), "indices",
            )
        )  # fmt: skip
    return [
        Section(
            "Policy contrast", why,
            charts=[
                signs_chart(contrast, name, basis, f"contrast-{name.replace('_', '-')}")
                for name in contrast["outcomes"]
            ],
        ),
        Section(
            "Sensitivity of the contrast",
            f"Parameters vary within their {contrast['range']}. Both worlds of a pair share their chance; points do not.",
            charts=charts,
        ),
    ]  # fmt: skip
