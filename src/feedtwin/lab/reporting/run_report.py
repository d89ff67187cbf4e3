"""The report of one run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from feedtwin.errors import RunFolderError
from feedtwin.lab import figures
from feedtwin.lab.auditing.keeping import kept_audit
from feedtwin.lab.figures import Basis, Chart, basis_of_run
from feedtwin.lab.figures.words import plural, quantity, span
from feedtwin.lab.metrics import Reading, measure, warnings_of
from feedtwin.lab.metrics.metric import FAMILIES
from feedtwin.lab.reporting import limits
from feedtwin.lab.reporting.audited import audit_part
from feedtwin.lab.reporting.document import RIGHT, Column, Note, Report, Section, Table, Tile
from feedtwin.lab.run_data import RunData, read_run
from feedtwin.lab.study.tables import as_csv
from feedtwin.record.reader import Run

_TILES: Final = (
    "watch_s", "skip_rate", "session_length", "view_gini_videos", "uploads", "harm_share_attribute_v1",
)  # fmt: skip


def report_of_run(path: str | Path) -> Report:
    """Return the report of a run that has committed at least one step.

    Raises:
        RunFolderError: There is no run, or nothing was committed.
        IntegrityError: A file of it was altered.
    """
    run, data = Run.open(path), read_run(path)
    if run.last_step < 0:
        raise RunFolderError(f"{path}: no step was committed; expected a run that has begun")
    manifest = run.manifest
    readings = measure(data)
    basis = basis_of_run(run)
    charts, absent = _charts(run, data, basis)
    return Report(
        kind="run",
        title=str(manifest["world"]),
        calibration=str(manifest["calibration"]),
        asked=_asked(manifest, data),
        found=_found(data, readings),
        caution=(
            "This is one run: its numbers have no interval, and are those of a twin whose parameters "
            f"{limits.fitted(str(manifest['calibration']))}."
        ),
        tiles=_tiles(readings),
        sections=[
            Section("Figures", charts=charts),
            Section("All metrics", tables=_tables(readings, basis)),
        ],
        warnings=[Note("run", text) for text in (*data.notes, *warnings_of(readings))],
        limits=[
            *limits.OF_RUN,
            limits.of_calibration(str(manifest["calibration"])),
            *limits.ALWAYS,
            *_model_limits(run),
        ],
        absent=absent,
        audit=audit_part(kept_audit(Path(path))),
        provenance=_provenance(run, manifest),
        basis=str(basis),
    )


def _asked(manifest: Mapping[str, Any], data: RunData) -> list[str]:
    policies = manifest["settings"]["policies"]
    chosen = ", ".join(f"{lever} {name}" for lever, name in policies.items() if name != "none")
    begin = f" from hour {data.first_step} on" if data.first_step else ""
    return [
        f"What happens in the world \u201c{manifest['world']}\u201d when {plural(manifest['people'], 'person', 'people')} and "
        f"{plural(manifest['videos_at_start'], 'video')} live through {span(data.steps)}{begin}?",
        f"The platform's policies: {chosen}.",
    ]


def _found(data: RunData, readings: Mapping[str, Reading]) -> list[str]:
    def said(name: str) -> str | None:
        one = readings.get(name)
        return None if one is None or one.value is None else quantity(one.value, one.metric.unit)

    out = [
        f"People met videos {data['impressions']:,} times in {plural(data['sessions'], 'session')}."
    ]
    watch, skip = said("watch_s"), said("skip_rate")
    if watch and skip:
        out.append(f"They stayed {watch} on average and swiped {skip} away at once.")
    gini = said("view_gini_videos")
    if gini:
        out.append(
            f"Views were shared out with a Gini of {gini} over videos (0: all get the same, 1: one gets everything)."
        )
    uploads, viral = data["uploads"], data["viral"]
    out.append(f"{plural(uploads, 'video')} came in; {viral:,} went viral.")
    return out


def _tiles(readings: Mapping[str, Reading]) -> list[Tile]:
    found = [readings[name] for name in _TILES if name in readings]
    return [
        Tile(
            one.metric.label, *quantity(one.value, one.metric.unit).partition("\u202f")[::2],
            ("1 run, no interval",),
        )
        for one in found
        if one.value is not None
    ]  # fmt: skip


def _charts(run: Run, data: RunData, basis: Basis) -> tuple[list[Chart], list[Note]]:
    events = "the run keeps no events (--log digest)" if not run.has_events else ""
    open_ = "" if data.is_closed else "the run is not finished"
    made: list[tuple[Chart | None, str, str]] = [
        (figures.hours(run, basis), "Hour by hour", "no hour was committed"),
        (_lorenz(data, basis), "Who gets the views", open_ or "nothing was viewed"),
        (_earnings(data, basis), "What creators earn", open_ or "nobody earned anything"),
        (figures.exposure_stages(run, basis), "How far uploads get", events or "nothing was uploaded"),
        (figures.trend_lifecycle(run, basis), "Life of a trend",
         events or "no trend peaked, or trends are not tracked in this world"),
        (_adoption(run, basis), "Adoption of campaign plans", events or "no plan was issued"),
        (figures.budget_burn_down(run, basis), "Budget of language models", "no language model was asked"),
    ]  # fmt: skip
    return (
        [chart for chart, _, _ in made if chart is not None],
        [Note(title, why) for chart, title, why in made if chart is None],
    )


def _lorenz(data: RunData, basis: Basis) -> Chart | None:
    if not data.is_closed:
        return None
    public = data.items["is_public"] == 1
    views = (data.items["impressions"].astype(np.int64) - data.items["skips"].astype(np.int64))[
        public
    ]
    _, who = np.unique(data.items["creator"][public], return_inverse=True)
    creators = np.bincount(who, weights=views).astype(np.int64)
    found = {
        f"videos ({len(views):,} public)": views,
        f"creators ({len(creators):,} with a public video)": creators,
    }
    return figures.lorenz_of_run(found, basis)


def _earnings(data: RunData, basis: Basis) -> Chart | None:
    if not data.is_closed or "earned_microusd" not in data.users:
        return None
    creators = np.unique(data.items["creator"][data.items["is_public"] == 1])
    return figures.earnings_of_run(
        data.of_users("earned_microusd", creators).astype(np.int64), basis
    )


def _adoption(run: Run, basis: Basis) -> Chart | None:
    found = figures.adoption_of(run)
    return None if found is None else figures.adoption({"this run": [found]}, basis)


def _tables(readings: Mapping[str, Reading], basis: Basis) -> list[Table]:
    tables = []
    for family in FAMILIES:
        mine = [one for one in readings.values() if one.metric.family == family]
        known = [one for one in mine if one.value is not None]
        if not known:
            continue
        columns = [Column("metric"), Column("value", RIGHT), Column("what it is", "more")]
        rows = [
            [one.metric.label, quantity(one.value, one.metric.unit), one.metric.formula]
            for one in known
        ]
        undefined = [one for one in mine if one.value is None]
        missing = "; ".join(f"{one.metric.label} ({one.why})" for one in undefined)
        caption = f"{f'Undefined here: {missing}. ' if missing else ''}{basis}"
        title = family.capitalize()
        tables.append(
            Table(f"metrics-{family}", title, caption, columns, rows, _csv(mine), "metrics")
        )
    return tables


def _csv(readings: list[Reading]) -> bytes:
    rows = [
        {
            "metric": one.metric.name, "label": one.metric.label, "unit": one.metric.unit,
            "direction": one.metric.direction, "value": one.value, "why_undefined": one.why,
            "formula": one.metric.formula,
        }
        for one in readings
    ]  # fmt: skip
    return as_csv(list(rows[0]), rows)


def _model_limits(run: Run) -> list[str]:
    asked = "llm_ledger" in run.table_names and run.table("llm_ledger").num_rows
    return [] if asked else [limits.NO_MODEL]


def _provenance(run: Run, manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    settings = manifest["settings"]
    closing = run.closing
    return [
        ("World", str(manifest["world"])),
        ("Seed, replicate", f"{manifest['seed']}, {manifest['replicate']}"),
        ("Hours", f"{run.last_step + 1} of {manifest['steps']}"),
        ("State", str(manifest["state"])),
        ("Policies", ", ".join(f"{lever}={name}" for lever, name in settings["policies"].items())),
        ("Notes on the data", " \u00b7 ".join(manifest["notes"]) or "none"),
        ("Final digest", str(closing["digest"]) if closing else "the run is not finished"),
        ("Settings (SHA-256)", str(manifest["settings_hash"])),
        ("Code (SHA-256)", str(manifest["code_hash"])),
        ("Versions", ", ".join(f"{name} {one}" for name, one in manifest["versions"].items())),
        ("Check it", f"feedtwin replay {run.path.name}; feedtwin audit {run.path.name}"),
    ]
