"""Claims tables as files of a study's folder: CSV and JSON for machines, Markdown for people."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np

from feedtwin.lab.claims.answerers import answer_source
from feedtwin.lab.claims.judging import Judged, judge, on_paper
from feedtwin.lab.claims.printed import printed
from feedtwin.lab.claims.sheet import Row, Sheet, read_sheet, sheets
from feedtwin.lab.numbers import decimals, fixed, interval, p_value, significant
from feedtwin.lab.study.result import StudyResult
from feedtwin.lab.study.tables import as_csv, as_json
from feedtwin.record.durable import replace_bytes
from feedtwin.schema.settings import resolve
from feedtwin.world.manifest import calibration_of

LIVE = "-live"
"""What the name of a study that asks a language model ends in."""


@dataclass(frozen=True)
class Beside:
    """A cell of the paper's table beside ours: mean and standard deviation over runs of each."""

    row: str
    metric: str
    title: str
    paper_mean: float | None
    paper_sd: float | None
    our_mean: float | None
    our_sd: float | None
    our_n: int
    our_unit: str
    remark: str


def write_claims(result: StudyResult) -> Sheet | None:
    """Write claims and layout into the folder of a study that has a sheet; return the sheet, or None.

    The bytes depend on the study's tables, the sheet and, where models were asked, on which ones cells name.
    """
    name = result.provenance.study.removesuffix(LIVE)
    if name not in sheets():
        return None
    sheet = read_sheet(name)
    rows, cells = judge(sheet, result), layout(sheet, result)
    folder = result.path
    for name, kind, values in (("claims", Judged, rows), ("layout", Beside, cells)):
        plain = [asdict(one) for one in values]
        replace_bytes(folder / f"{name}.csv", as_csv([one.name for one in fields(kind)], plain))
        replace_bytes(folder / f"{name}.json", as_json(plain))
    replace_bytes(folder / "claims.md", as_markdown(sheet, result).encode())
    return sheet


def layout(sheet: Sheet, result: StudyResult) -> list[Beside]:
    """Return the paper's table with our numbers: per replicate the mean over a row's arms, then mean and sd."""
    units = {one.metric: one.unit for one in result.levels}
    out = []
    for row in sheet.table.rows:
        for column in sheet.table.columns:
            mean, sd = row.values.get(column.metric, (None, None))
            ours = _replicates(result, row, column.metric)
            out.append(
                Beside(
                    row.name,
                    column.metric,
                    column.title,
                    mean,
                    sd,
                    float(ours.mean()) if len(ours) else None,
                    float(ours.std(ddof=1)) if len(ours) > 1 else None,
                    len(ours),
                    units.get(column.metric, ""),
                    column.ours,
                )
            )
    return out


def _replicates(result: StudyResult, row: Row, metric: str) -> np.ndarray:
    """Return one value per replicate: the mean over the row's arms over the whole horizon."""
    horizon = result.provenance.horizon
    found: dict[int, dict[str, float]] = {}
    for one in result.readings:
        whole = (one.first_step, one.last_step) == (0, horizon) and one.cohort == "everyone"
        if one.metric == metric and whole and one.arm in row.arms and one.value is not None:
            found.setdefault(one.replicate, {})[one.arm] = one.value
    whole_rows = [values for values in found.values() if len(values) == len(set(row.arms))]
    return np.array([sum(values.values()) / len(values) for values in whole_rows])


def as_markdown(sheet: Sheet, result: StudyResult) -> str:
    """Return claims and layout as a page, without its heading."""
    about = result.provenance
    settings = resolve(about.world, users=about.users)
    quick = (
        " **A quick look: it shows that the study runs, not what comes out.**"
        if about.quick
        else ""
    )
    lines = [
        f"{sheet.paper}.{quick}",
        "",
        f"World `{about.world}`, {settings.users:,} users, {about.horizon} steps, {about.replicates} paired replicates, seed "
        f"{about.seed}. {about.calibration}. {about.population}.",
        "",
        *_stated_since(about.calibration, calibration_of(settings, about.draws)),
        f"Who answers: {answer_source(sheet, result)}.",
        "",
        f"## {sheet.table.title}, beside ours",
        "",
        f"Printed: mean ± sd over {sheet.table.n} runs from {sheet.table.seeds} seeds. Ours: mean ± sd over replicates of the "
        "mean of the row's arms.",
        "",
        *_layout_lines(sheet, layout(sheet, result)),
        "",
        "## Claims",
        "",
        _corrected(result),
        "",
        *_claim_lines(judge(sheet, result)),
        "",
        "## What the study warns of",
        "",
        *([f"- {one.kind}: {one.message}" for one in result.warnings] or ["- nothing"]),
        "",
    ]
    return "\n".join(lines)


def _stated_since(stored: str, now: str) -> list[str]:
    """Say why a stored result calls a world uncalibrated that says by now what it was matched to."""
    if not stored.startswith("uncalibrated") or now.startswith("uncalibrated"):
        return []
    return [
        f"This result was stored before the world stated what its values were matched to, hence *uncalibrated*. The world now states: {now}.",
        "",
    ]


def unrun_markdown(sheet: Sheet) -> str:
    """Return what the paper's own numbers say of its claims, as a page without heading and without a study."""
    lines = [
        f"{sheet.paper}.",
        "",
        "**No result of this study is stored yet**: below is what the paper's own numbers say, and what the study estimates.",
        "",
        f"Who would answer: {sheet.stand_in}.",
        "",
        "| # | the paper says | on its own numbers | our estimands |",
        "|---|---|---|---|",
    ]
    for claim in sheet.claims:
        found = printed(sheet, claim) if claim.test is not None else None
        verdict, why = on_paper(sheet, claim, found)
        ours = "<br>".join(_code(name) for name in claim.ours)
        lines.append(
            f"| {claim.id} | {claim.says} ({claim.where}) | **{verdict}**: {why} | {ours} |"
        )
    return "\n".join([*lines, ""])


def _layout_lines(sheet: Sheet, cells: Sequence[Beside]) -> Iterable[str]:
    columns = sheet.table.columns
    yield "| | " + " | ".join(f"{one.title}: paper | ours" for one in columns) + " |"
    yield "|---|" + "---:|---:|" * len(columns)
    for row in sheet.table.rows:
        own = [one for one in cells if one.row == row.name]
        yield f"| {row.name} | " + " | ".join(
            f"{_plus_minus(one.paper_mean, one.paper_sd)} | {_plus_minus(one.our_mean, one.our_sd)}" for one in own
        ) + " |"  # fmt: skip
    remarks = [f"{one.title}: {one.ours}." for one in columns if one.ours]
    note = f"**{sheet.table.note}.**" if sheet.table.note else ""
    for text in (note, " ".join(remarks)):
        if text:
            yield ""
            yield text


def _corrected(result: StudyResult) -> str:
    """What p and intervals of the claims table are corrected for."""
    said = "; ".join(
        f"{one}{' per metric' if 'dunnett' in one else ''} over {_tests(size)}" if one != "none" else "not corrected"
        for one, size in dict.fromkeys(
            (e.correction, e.family_size) for e in result.effects if e.p is not None and (e.family_size or e.correction == "none")
        )
    )  # fmt: skip
    return (
        f"p: two-sided, of no difference, corrected for all that the study tests ({said or 'nothing was tested'}). Intervals hold "
        "one by one, so one that leaves out 0 can stand beside \u201cnot distinguishable after correction\u201d. Detects: true "
        "difference that the pairs find with 80 % power in one uncorrected test."
    )


def _tests(count: int) -> str:
    return f"{count} test" if count == 1 else f"{count} tests"


def _claim_lines(rows: Sequence[Judged]) -> Iterable[str]:
    yield "| # | the paper says | on its own numbers | our estimand | effect, interval | p, corrected | n | detects (80 %) | power at the printed effect | our twin |"
    yield "|---|---|---|---|---|---:|---:|---|---:|---|"
    for one in rows:
        first = bool(one.verdict)
        says = f"{one.claim} ({one.where})" if first else ""
        paper = f"**{one.verdict}**: {one.why}" if first else ""
        note = f". {one.note}" if one.note and first else ""
        effect = _number(one.effect)
        if one.low is not None and one.high is not None:
            digits = decimals(one.low, one.high, one.effect)
            effect = f"{fixed(one.effect, digits, sign=True)} {interval(one.low, one.high, digits)}{_unit(one.unit)}"
        if one.relative is not None:
            effect += f" ({one.relative:+.1%})"
        wins = "" if one.power_at_printed is None else f"{one.power_at_printed:.2f}"
        yield (
            f"| {one.id if first else ''} | {says} | {paper} | {_code(one.estimand)} | {effect} | "
            f"{'' if one.p is None else p_value(one.p)} | {one.n or ''} | "
            f"{'' if one.mde is None else significant(one.mde, 2)} | {wins} | {one.twin}{note} |"
        )  # fmt: skip


def _unit(unit: str) -> str:
    return "" if unit in ("1", "share", "count") else f" {unit}"


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|") if text else ""


def _number(value: float | None) -> str:
    return "" if value is None else significant(value, sign=True)


def _plus_minus(mean: float | None, sd: float | None) -> str:
    if mean is None:
        return "-"
    digits = 0 if abs(mean) >= 1000 else 1 if abs(mean) >= 100 else 3
    return fixed(mean, digits) + ("" if sd is None else f" ± {fixed(sd, digits)}")
