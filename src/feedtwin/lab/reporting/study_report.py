"""The report of a study."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from feedtwin.lab import figures
from feedtwin.lab.auditing.keeping import kept_audit
from feedtwin.lab.figures import Basis, Chart, basis_of_study
from feedtwin.lab.figures.forest import is_clear, title_of
from feedtwin.lab.figures.words import contrast, difference, listed, percent, span
from feedtwin.lab.reporting import limits
from feedtwin.lab.reporting.audited import audit_part
from feedtwin.lab.reporting.document import Note, Report, Section, Tile
from feedtwin.lab.reporting.study_inside import inside
from feedtwin.lab.reporting.study_tables import (
    arms_table,
    effects_table,
    levels_table,
    short_unit,
)
from feedtwin.lab.reporting.study_words import asked, contrasts_of, found, people_of
from feedtwin.lab.reporting.text import gathered, unbroken
from feedtwin.lab.study.provenance import FIXED
from feedtwin.lab.study.result import Provenance, StudyResult
from feedtwin.lab.study.tables import read_result


def report_of_study(path: str | Path) -> Report:
    """Return the report of a finished study.

    Raises:
        RunFolderError: There is no finished study.
        IntegrityError: A table of it was altered.
    """
    result = read_result(path)
    about = result.provenance
    basis = basis_of_study(result)
    sections, absent = _sections(result, basis)
    return Report(
        kind="study",
        title=about.study,
        calibration=about.calibration,
        asked=asked(result),
        found=[text for name in contrasts_of(result) for text in found(result, name)],
        caution=(
            f"These are effects inside a twin whose parameters {limits.fitted(about.calibration)}. {_population(about)}"
        ),
        tiles=_tiles(result),
        sections=sections,
        warnings=gathered(Note(one.kind, one.message) for one in result.warnings),
        limits=[
            *_own_limits(result),
            limits.CHANCE_AND_DRAWS if about.draws else limits.CHANCE,
            *limits.OF_STUDY,
            limits.of_calibration(about.calibration),
            *limits.ALWAYS,
        ],
        absent=absent,
        audit=audit_part(kept_audit(Path(path))),
        provenance=_provenance(result),
        basis=str(basis),
    )


def _population(about: Provenance) -> str:
    return f"{about.population[0].upper()}{about.population[1:]}."


def _tiles(result: StudyResult) -> list[Tile]:
    first = contrasts_of(result)[:1]
    mine = [one for one in result.effects if one.contrast in first and one.estimate is not None]
    ranked = sorted(mine, key=lambda one: (not is_clear(one), mine.index(one)))
    tiles = []
    for one in ranked[:4]:
        number, interval = difference(one.unit, one.estimate, one.low, one.high)
        tiles.append(
            Tile(
                title_of(one, result.provenance.horizon),
                number,
                short_unit(one.unit),
                (
                    contrast(one.contrast),
                    f"{percent(one.confidence)} interval {unbroken(interval)}"
                    if interval
                    else "no interval",
                    f"n = {one.pairs} {'pair' if one.pairs == '1' else 'pairs'}",
                ),
            )
        )
    return tiles


_CURVES: Final[dict[str, Callable[[Any, Basis, str], Chart | None]]] = {
    "lorenz": figures.lorenz_of_arms, "quantiles": figures.quantiles_of_arms,
}  # fmt: skip


def _sections(result: StudyResult, basis: Basis) -> tuple[list[Section], list[Note]]:
    absent: list[Note] = []

    def kept(title: str, why: str, made: Iterable[Chart | None]) -> list[Chart]:
        there = [one for one in made if one is not None]
        if not there:
            absent.append(Note(title, why))
        return there

    contrasts = contrasts_of(result)
    forests = kept("Forest plot", "no effect has an interval and a base", (
        figures.forest([one for one in result.effects if one.contrast == name], basis, f"effects-{k}")
        for k, name in enumerate(contrasts, 1)
    ))  # fmt: skip
    why = "nothing moved in any window" if result.over_time else (
        "the study does not ask for windows of time (over_time)"
    )  # fmt: skip
    over_time = kept("Effects over time", why, (
        figures.effects_over_time(
            [one for one in result.over_time if one.contrast == name], basis, f"over-time-{k}"
        )
        for k, name in enumerate(contrasts, 1)
    ))  # fmt: skip
    names = list(dict.fromkeys(one.distribution for one in result.curves))
    curves = kept("Distributions", "the study does not ask for distributions", (
        make([one for one in result.curves if one.distribution == name], basis, f"{kind}-{name}")
        for name in names
        for kind, make in _CURVES.items()
    ))  # fmt: skip
    within = inside(result, basis, kept)
    sections = [
        Section(
            "Effects",
            charts=forests,
            tables=[effects_table(result, name, basis) for name in contrasts],
        ),
        Section("Effects over time", _still(result, over_time), charts=over_time),
        Section("Distributions", charts=curves),
        Section("Inside the runs", charts=within),
        Section("Levels and arms", tables=[levels_table(result, basis), arms_table(result)]),
    ]
    return [one for one in sections if one.charts or one.tables], absent


def _still(result: StudyResult, charts: Sequence[Chart]) -> str:
    """Which contrasts have no chart over time, in a sentence; "" where all have one."""
    asked_for = dict.fromkeys(one.contrast for one in result.over_time)
    drawn = {row[chart.columns.index("contrast")] for chart in charts for row in chart.rows}
    still = listed([contrast(name) for name in asked_for if name not in drawn])
    return f"No window of any pair moved, so that nothing is drawn: {still}." if still else ""


def _own_limits(result: StudyResult) -> list[str]:
    about = result.provenance
    out = [limits.QUICK] if about.quick else []
    out += [limits.FIXED_PEOPLE] if about.population == FIXED else []
    out.append(
        f"The horizon is {span(about.horizon)}{f' after {span(about.warmup)}' if about.warmup else ''}. What happens later, "
        "once people and creators have adapted, is not shown."
    )
    return out if about.llm_spent_usd else [*out, limits.NO_MODEL]


def _provenance(result: StudyResult) -> list[tuple[str, str]]:
    about, people = result.provenance, people_of(result)
    past = f", after {about.warmup:,} that all arms share" if about.warmup else ""
    return [
        ("World", about.world),
        ("Users", "not recorded: the runs are gone" if people is None else f"{people:,}"),
        ("Steps", f"{about.horizon:,} of one hour each{past}"),
        ("Seed", str(about.seed)),
        ("Replicates", str(about.replicates)),
        ("Population", about.population),
        ("Precision", about.precision or "a fixed number of replicates"),
        (
            "Spent on models",
            f"{about.llm_spent_usd:,.2f} of at most {about.llm_budget_usd:,.2f} USD",
        ),
        ("Plan (SHA-256)", about.plan_hash),
        ("Simulation (SHA-256)", about.code_hash),
        ("Measures (SHA-256)", about.metrics_hash),
        ("Versions", ", ".join(f"{name} {one}" for name, one in about.versions.items())),
        *((("Confounded", "; ".join(about.aliases)),) if about.aliases else ()),
    ]
