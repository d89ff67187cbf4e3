"""The report of a study."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

from feedtwin.lab import figures
from feedtwin.lab.auditing.keeping import kept_audit
from feedtwin.lab.figures import Basis, Chart, basis_of_study
from feedtwin.lab.figures.forest import is_clear, title_of
from feedtwin.lab.figures.words import (
    contrast,
    decimals,
    difference,
    difference_unit,
    fixed,
    listed,
    p_value,
    plural,
    quantity,
    span,
)
from feedtwin.lab.reporting import limits
from feedtwin.lab.reporting.audited import audit_part
from feedtwin.lab.reporting.document import (
    MORE,
    RIGHT,
    Column,
    Note,
    Report,
    Section,
    Table,
    Tile,
    plain_table,
)
from feedtwin.lab.study.plan import WHOLE
from feedtwin.lab.study.provenance import FIXED
from feedtwin.lab.study.result import Effect, Level, Provenance, StudyResult
from feedtwin.lab.study.tables import as_csv, read_result
from feedtwin.record.reader import Run

_MANY: Final = f"{MORE} {RIGHT}"
_ARMS_ABREAST: Final = 3
_SENTENCES: Final = 8
EMPTY: Final = "\u2013"


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
        asked=_asked(about),
        found=[text for name in _contrasts(result) for text in _found(result, name)],
        caution=(
            f"These are effects inside the twin, whose parameters were not fitted to a platform. {_population(about)}"
        ),
        tiles=_tiles(result),
        sections=sections,
        warnings=[Note(one.kind, one.message) for one in result.warnings],
        limits=[*_own_limits(result), *limits.OF_STUDY, *limits.ALWAYS],
        absent=absent,
        audit=audit_part(kept_audit(Path(path))),
        provenance=_provenance(about),
    )


def _population(about: Provenance) -> str:
    return f"{about.population[0].upper()}{about.population[1:]}."


def _contrasts(result: StudyResult) -> list[str]:
    return list(dict.fromkeys(one.contrast for one in result.effects))


def _asked(about: Provenance) -> list[str]:
    people = "" if about.users is None else f" with {plural(about.users, 'user')}"
    past = f"After {span(about.warmup)} that all arms share, they" if about.warmup else "They"
    return [
        about.description,
        f"{plural(len(about.arms), 'arm')} of the world \u201c{about.world}\u201d{people}: {listed(tuple(about.arms))}. {past} ran for "
        f"{span(about.horizon)} in {plural(about.replicates, 'replicate')}; within a replicate all arms share their chance.",
    ]


def _found(result: StudyResult, name: str) -> list[str]:
    mine = [one for one in result.effects if one.contrast == name]
    moved = [one for one in mine if is_clear(one)]
    known = [one for one in mine if not is_clear(one) and one.estimate is not None]
    inert = [one for one in known if one.estimate == 0 and one.sd == 0]
    still = [one for one in known if one not in inert]
    shown = [
        one
        for one in mine
        if one.claim and one.p_claim is not None and one.p_claim < 1 - one.confidence
    ]
    out = [f"{contrast(name)}:", *(_sentence(one) for one in moved[:_SENTENCES])]
    if moved[_SENTENCES:]:
        rest = listed([title_of(one) for one in moved[_SENTENCES:]])
        out.append(f"Also moved, as the table says: {rest}.")
    if inert:
        what = listed([title_of(one) for one in inert])
        out.append(f"Did not move in any pair of runs: {what}.")
    if still:
        what = listed([title_of(one) for one in still])
        out.append(
            f"Could not be told from zero: {what}. That is no evidence of no effect; the table says what could have been seen."
        )
    out += [
        f"{_capital(title_of(one))}: {one.claim} shown within the declared margin." for one in shown
    ]
    if not mine:
        out.append("No effect was estimated.")
    return out


def _sentence(one: Effect) -> str:
    scale, unit = (100.0, " percentage points") if one.unit == "share" else (1.0, "")
    if not unit and one.unit not in ("1", "count"):
        unit = f" {one.unit}"
    assert one.estimate is not None
    word = "higher" if one.estimate > 0 else "lower"
    low, high = (
        (None if one.low is None else one.low * scale),
        (None if one.high is None else one.high * scale),
    )
    digits = decimals(low, high, one.estimate * scale)
    size = fixed(abs(one.estimate) * scale, digits)
    ends = ""
    if low is not None and high is not None:
        least, most = sorted((abs(low), abs(high)))
        if low * high > 0:
            ends = f" (95 % interval {fixed(least, digits)} to {fixed(most, digits)})"
            ends = ends.replace("95 %", f"{one.confidence:.0%}")
    base = (
        "" if one.mean_base is None else f", where the base has {quantity(one.mean_base, one.unit)}"
    )
    return f"{_capital(title_of(one))} is {word} by {size}{unit}{ends}{base}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _tiles(result: StudyResult) -> list[Tile]:
    first = _contrasts(result)[:1]
    mine = [one for one in result.effects if one.contrast in first and one.estimate is not None]
    ranked = sorted(mine, key=lambda one: (not is_clear(one), mine.index(one)))
    tiles = []
    for one in ranked[:4]:
        number, interval = difference(one.unit, one.estimate, one.low, one.high)
        tiles.append(Tile(title_of(one), number, _short(one.unit), interval or "no interval"))
    return tiles


def _sections(result: StudyResult, basis: Basis) -> tuple[list[Section], list[Note]]:
    absent: list[Note] = []

    def kept(title: str, why: str, made: Iterable[Chart | None]) -> list[Chart]:
        found = [one for one in made if one is not None]
        if not found:
            absent.append(Note(title, why))
        return found

    contrasts = _contrasts(result)
    forests = kept("Forest plot", "no effect has an interval and a base", (
        figures.forest([one for one in result.effects if one.contrast == name], basis, f"effects-{k}")
        for k, name in enumerate(contrasts, 1)
    ))  # fmt: skip
    over_time = kept("Effects over time", "the study does not ask for windows of time (over_time)", (
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
    inside = _inside(result, basis, kept)
    sections = [
        Section(
            "Effects",
            charts=forests,
            tables=[_effects_table(result, name, basis) for name in contrasts],
        ),
        Section("Effects over time", charts=over_time),
        Section("Distributions", charts=curves),
        Section("Inside the runs", charts=inside),
        Section("Levels and arms", tables=[_levels_table(result, basis), _arms_table(result)]),
    ]
    return [one for one in sections if one.charts or one.tables], absent


_CURVES: Final[dict[str, Callable[[Any, Basis, str], Chart | None]]] = {
    "lorenz": figures.lorenz_of_arms, "quantiles": figures.quantiles_of_arms,
}  # fmt: skip
Kept = Callable[[str, str, Iterable[Chart | None]], list[Chart]]


def _inside(result: StudyResult, basis: Basis, kept: Kept) -> list[Chart]:
    """Figures from the cells' own logs: adoption in all of them, stages and a trend in the base's first."""
    runs = _runs(result)
    logged = [run for arm in runs.values() for run in arm if run.has_events]
    why = "nothing of the kind happened" if logged else (
        "the runs keep no events: no metric of the study needs them" if runs else "the runs' folders are gone"
    )  # fmt: skip
    plans = {
        arm: [one for run in mine if (one := figures.adoption_of(run)) is not None]
        for arm, mine in runs.items()
    }
    charts = kept("Adoption of campaign plans", why, [figures.adoption(plans, basis)])
    first = result.provenance.base or next(iter(result.provenance.arms))
    example = next(iter(runs.get(first, [])), None)
    if example is None:
        return charts
    replicate = example.manifest["replicate"]
    single = Basis(
        f"1 run as an example (arm {first}), no interval",
        f"seed {result.provenance.seed}, replicate {replicate}", basis.calibration,
    )  # fmt: skip
    charts += kept("How far uploads get", why, [figures.exposure_stages(example, single)])
    charts += kept("Life of a trend", why, [figures.trend_lifecycle(example, single)])
    charts += kept(
        "Budget of language models",
        "no language model was asked",
        [figures.budget_burn_down(example, single)],
    )
    return charts


def _runs(result: StudyResult) -> dict[str, list[Run]]:
    """The distinct runs of each arm that are still there."""
    found: dict[str, dict[str, Path]] = {}
    for one in result.readings:
        found.setdefault(one.arm, {}).setdefault(
            one.digest, result.cell_path(one.arm, one.replicate)
        )
    return {
        arm: [Run.open(path) for path in paths.values() if path.exists()]
        for arm, paths in found.items()
    }


def _effects_table(result: StudyResult, contrast_name: str, basis: Basis) -> Table:
    mine = [one for one in result.effects if one.contrast == contrast_name]
    columns = [
        Column("metric"), Column("base", _MANY), Column("effect and interval", RIGHT),
        Column("p", _MANY), Column("verdict"), Column("smallest detectable", _MANY),
        Column("pairing saves", _MANY), Column("n", _MANY),
    ]  # fmt: skip
    first = mine[0]
    return Table(
        f"effects-{_contrasts(result).index(contrast_name) + 1}-table",
        contrast(contrast_name),
        f"Mean paired difference with its {first.confidence:.0%} interval, in the unit under the metric's name (pp: percentage points). p: "
        f"two-sided, corrected over {plural(first.family_size, 'estimate')} ({first.correction}). Smallest detectable: true "
        "difference that these pairs find with 80 % power. Pairing saves: the factor by which sharing chance saves "
        f"replicates, below 1 where it costs some. {basis}",
        columns, [_effect_row(one) for one in mine], _records(Effect, mine),
    )  # fmt: skip


def _effect_row(one: Effect) -> list[str]:
    middle, interval = difference(one.unit, one.estimate, one.low, one.high)
    smallest, _ = difference(one.unit, one.mde, None, None)
    return [
        f"{title_of(one)}\n{_short(one.unit)}",
        EMPTY if one.mean_base is None else quantity(one.mean_base, _bare(one.unit)),
        "undefined" if one.estimate is None else f"{middle}\n{interval}",
        p_value(one.p_adjusted),
        one.verdict,
        EMPTY if one.mde is None else smallest.lstrip("+"),
        EMPTY if one.variance_ratio is None else f"\u00d7\u202f{one.variance_ratio:.2g}",
        str(one.n_effective),
    ]


def _short(unit: str) -> str:
    return "pp" if unit == "share" else difference_unit(unit)


def _bare(unit: str) -> str:
    """A unit that is written out elsewhere; shares keep their percent sign."""
    return "share" if unit == "share" else "1"


def _levels_table(result: StudyResult, basis: Basis) -> Table:
    """One row per metric, one column per arm; one row each where the arms are many."""
    arms = list(result.provenance.arms)
    found = {(one.arm, one.metric, one.cohort, one.first_step): one for one in result.levels}
    order = {one.metric: place for place, one in reversed(list(enumerate(result.effects)))}
    keys = dict.fromkeys((one.metric, one.cohort, one.first_step) for one in result.levels)
    keys = dict.fromkeys(sorted(keys, key=lambda key: order.get(key[0], len(order))))
    if len(arms) <= _ARMS_ABREAST:
        columns = [Column("metric"), *(Column(arm, RIGHT) for arm in arms)]
        rows = []
        for key in keys:
            mine = [found.get((arm, *key)) for arm in arms]
            first = next(one for one in mine if one is not None)
            rows.append(
                [_level_name(first), *(EMPTY if one is None else _level(one) for one in mine)]
            )
    else:
        columns = [Column("metric"), Column("arm"), Column("mean and interval", RIGHT)]
        some = [found[arm, *key] for key in keys for arm in arms if (arm, *key) in found]
        rows = [[_level_name(one), one.arm, _level(one)] for one in some]
    return Table(
        "levels", "Levels", f"Mean over the distinct runs of an arm with its 95 % interval. {basis}",
        columns, rows, _records(Level, result.levels),
    )  # fmt: skip


def _level_name(one: Level) -> str:
    name = one.label if one.cohort == WHOLE else f"{one.label}, {one.cohort}"
    return f"{name}\n{'%' if one.unit == 'share' else difference_unit(one.unit)}"


def _level(one: Level) -> str:
    if one.mean is None:
        return "undefined"
    scale = 100.0 if one.unit == "share" else 1.0
    low, high = (None if end is None else end * scale for end in (one.low, one.high))
    digits = decimals(low, high, one.mean * scale)
    if low is None or high is None:
        return fixed(one.mean * scale, digits)
    return f"{fixed(one.mean * scale, digits)}\n[{fixed(low, digits)}, {fixed(high, digits)}]"


def _arms_table(result: StudyResult) -> Table:
    about = result.provenance
    rows = []
    for name, arm in about.arms.items():
        changes = _flat({key: value for key, value in arm.items() if key != "description"})
        mark = f"{name} (base)" if name == about.base else name
        rows.append([mark, str(arm.get("description") or ""), "; ".join(changes) or "nothing"])
    return plain_table(
        "arms", "Arms", "What each arm changes in the world's settings.",
        [Column("arm"), Column("what it is"), Column("changes")], rows,
    )  # fmt: skip


def _flat(value: dict[str, Any], path: str = "") -> list[str]:
    out = []
    for key, one in value.items():
        where = f"{path}{key}"
        out += _flat(one, f"{where}.") if isinstance(one, dict) else [f"{where}={one}"]
    return [one.removeprefix("parameters.") for one in out]


def _records(kind: type[Any], rows: Iterable[Any]) -> bytes:
    return as_csv([one.name for one in fields(kind)], [asdict(row) for row in rows])


def _own_limits(result: StudyResult) -> list[str]:
    about = result.provenance
    out = [limits.QUICK] if about.quick else []
    out += [limits.FIXED_PEOPLE] if about.population == FIXED else []
    out.append(
        f"The horizon is {span(about.horizon)}{f' after {span(about.warmup)}' if about.warmup else ''}. What happens later, "
        "once people and creators have adapted, is not shown."
    )
    return out if about.llm_spent_usd else [*out, limits.NO_MODEL]


def _provenance(about: Provenance) -> list[tuple[str, str]]:
    return [
        ("World", about.world),
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
