"""The tables of a study's report: effects, levels, arms."""

from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any, Final

from feedtwin.lab.figures import Basis
from feedtwin.lab.figures.forest import title_of
from feedtwin.lab.figures.words import (
    contrast,
    difference,
    difference_unit,
    fixed,
    p_value,
    percent,
    quantity,
)
from feedtwin.lab.numbers import decimals, significant
from feedtwin.lab.reporting.document import MORE, RIGHT, SHORT, Column, Table, plain_table
from feedtwin.lab.reporting.study_words import arms_of, contrasts_of
from feedtwin.lab.study.plan import WHOLE
from feedtwin.lab.study.result import Effect, Level, StudyResult
from feedtwin.lab.study.tables import as_csv
from feedtwin.lab.study.wording import corrected

EMPTY: Final = "\u2013"
_MANY: Final = f"{MORE} {RIGHT}"
_ARMS_ABREAST: Final = 3
"""Up to so many arms have a column each in the table of levels."""


def effects_table(result: StudyResult, name: str, basis: Basis) -> Table:
    """Return the effects of a contrast."""
    mine = [one for one in result.effects if one.contrast == name]
    is_joint = any(one.joint_low is not None for one in mine)
    joint = [Column("interval, all at once", _MANY)] if is_joint else []
    columns = [
        Column("metric"), Column("base", _MANY), Column("effect and interval", RIGHT), *joint,
        Column("p", _MANY), Column("verdict"), Column("smallest detectable", _MANY),
        Column("smallest that matters", _MANY),
        Column("pairing saves", _MANY), Column("n", _MANY),
    ]  # fmt: skip
    first = mine[0]
    return Table(
        f"effects-{contrasts_of(result).index(name) + 1}-table",
        contrast(name),
        f"Mean paired difference with its {percent(first.confidence)} interval, in the unit under the metric's name (pp: percentage points). p: "
        f"two-sided, {corrected(mine)}; p of claims in the verdict likewise. "
        "Smallest detectable: true difference that one uncorrected test of these pairs finds with 80\u202f% power. Smallest that "
        "matters: as the study declares it, with the power to find it. Pairing saves: the factor by which sharing chance saves "
        f"replicates, below 1 where it costs some. {basis}",
        columns, [_effect_row(one, result.provenance.horizon, is_joint) for one in mine],
        _records(Effect, mine),
    )  # fmt: skip


def _effect_row(one: Effect, horizon: int, is_joint: bool) -> list[str]:
    _, joint = difference(one.unit, one.estimate, one.joint_low, one.joint_high)
    middle, interval = difference(one.unit, one.estimate, one.low, one.high)
    smallest, _ = difference(one.unit, one.mde, None, None)
    return [
        f"{title_of(one, horizon)}\n{short_unit(one.unit)}",
        EMPTY if one.mean_base is None else quantity(one.mean_base, _bare(one.unit)),
        "undefined" if one.estimate is None else f"{middle}\n{interval}",
        *([EMPTY if one.joint_low is None else joint] if is_joint else []),
        p_value(one.p_adjusted),
        one.verdict,
        EMPTY if one.mde is None else smallest.lstrip("+"),
        _matters(one),
        EMPTY
        if one.variance_ratio is None
        else f"\u00d7\u202f{significant(one.variance_ratio, 2)}",
        one.pairs.replace(" x ", "\u202f\u00d7\u202f"),
    ]


def _matters(one: Effect) -> str:
    """The declared smallest effect in the unit of the table, and the power to find it."""
    if one.smallest_effect is None:
        return EMPTY
    scale = 100.0 if one.unit == "share" else 1.0
    power = "" if one.power_at_smallest is None else f"\npower {one.power_at_smallest:.2f}"
    return f"{significant(scale * one.smallest_effect, 6, strip=True)}{power}"


def short_unit(unit: str) -> str:
    """Return the unit of a difference, shortened where a line is narrow."""
    return "pp" if unit == "share" else difference_unit(unit)


def _bare(unit: str) -> str:
    """A unit that is written out elsewhere; shares keep their percent sign."""
    return "share" if unit == "share" else "1"


def levels_table(result: StudyResult, basis: Basis) -> Table:
    """One row per metric, one column per arm; one row each where the arms are many."""
    arms = arms_of(result)
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
        columns = [Column("metric"), Column("arm", SHORT), Column("mean and interval", RIGHT)]
        some = [found[arm, *key] for key in keys for arm in arms if (arm, *key) in found]
        rows = [[_level_name(one), one.arm, _level(one)] for one in some]
    return Table(
        "levels", "Levels", f"Mean over the distinct runs of an arm with its 95\u202f% interval. {basis}",
        columns, rows, _records(Level, result.levels), "grouped" if len(arms) > _ARMS_ABREAST else "",
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


def arms_table(result: StudyResult) -> Table:
    """Return what each arm changes."""
    about = result.provenance
    rows = []
    for name in arms_of(result):
        arm = about.arms[name]
        changes = _flat({key: value for key, value in arm.items() if key != "description"})
        mark = f"{name} (base)" if name == about.base else name
        rows.append([mark, str(arm.get("description") or ""), "; ".join(changes) or "nothing"])
    return plain_table(
        "arms", "Arms", "What each arm changes in the world's settings.",
        [Column("arm"), Column("what it is"), Column("changes")], rows, "prose",
    )  # fmt: skip


def _flat(value: dict[str, Any], path: str = "") -> list[str]:
    out = []
    for key, one in value.items():
        where = f"{path}{key}"
        out += _flat(one, f"{where}.") if isinstance(one, dict) else [f"{where}={one}"]
    return [one.removeprefix("parameters.") for one in out]


def _records(kind: type[Any], rows: Iterable[Any]) -> bytes:
    return as_csv([one.name for one in fields(kind)], [asdict(row) for row in rows])
