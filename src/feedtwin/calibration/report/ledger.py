"""The claims ledger: what a report shows, what may be inferred, and what is not shown; each by a rule from its results."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from feedtwin.calibration.ecosystem.plan import HELD_OUT, LEVELS
from feedtwin.calibration.ecosystem.verdict import FAILS, PASSES
from feedtwin.calibration.report.bands import nulls_inside
from feedtwin.calibration.report.signs import ROBUST, UNCLEAR

SHOWN: Final = "shown"
INFERRED: Final = "inferred"
NOT_SHOWN: Final = "not shown"
RULES: Final = (
    "A held-out pattern is shown where the log lies in the twin's band and the pattern rejects at least one null world; "
    "inferred where it rejects none, or where it was fitted; else not shown.",
    "A promise of the encounter is shown where every one of its parts holds; else not shown.",
    "A parameter is shown to be known where the data identify it and recovery passes; inferred where recovery does not pass; "
    "else not shown, as where recovery has too few trials to tell.",
    "A policy's effect is at most inferred, since no intervention was held out: where its sign is clear over the posterior and "
    "the same in every structure. Else not shown.",
    "A null world is shown to be wrong where enough patterns reject it and hold the twin; a pattern that rejects both does not tell them "
    "apart. Else not shown.",
    "What rests on fewer worlds than stated beforehand (a quick look, a small budget, a small fit) is at most inferred: fewer worlds give "
    "wider bands, and more passes.",
)
Claim = dict[str, str]


def claims(results: Mapping[str, Any]) -> list[Claim]:
    """Every claim with its evidence; failures first.

    Args:
        results: of a report: `encounter`, `parameters`, `few`, and where worlds were run `patterns`, `nulls`, `contrast`, `verdicts`.

    Returns:
        Rows of `claim`, `state`, `evidence`.
    """
    found = [_promise(one) for one in results["encounter"]["verdicts"]]
    few = results["few"]
    if "patterns" in results:
        less = [*few["worlds"], *few["fit"]]
        found += [_at_most_inferred(_pattern(row), less[:1]) for row in results["patterns"]]
        counted = [_null(name, one) for name, one in results["nulls"].items()]
        counted += [_verdict(one) for one in results["verdicts"]]
        found += [_at_most_inferred(one, less[:2]) for one in counted]
    found += [
        _at_most_inferred(_parameter(name, one, results), few["fit"])
        for name, one in results["parameters"].items()
    ]
    if "contrast" in results:
        found += [
            _effect(name, one, results) for name, one in results["contrast"]["posterior"].items()
        ]
    order = (NOT_SHOWN, INFERRED, SHOWN)
    return sorted(found, key=lambda one: order.index(one["state"]))


def verdicts(results: Mapping[str, Any], constants: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The promises about patterns and null worlds, each with how many hold of how many must.

    Args:
        results: with `patterns` and `nulls`.
        constants: `report.*` without the section's name.
    """
    held = [row for row in results["patterns"] if row["role"] == HELD_OUT and row["twin"]["inside"]]
    levels = {row["level"] for row in held}
    rows = [
        _row("held-out patterns inside their bands", len(held), int(constants["patterns_inside"])),
        _row("levels with a held-out pattern inside", len(levels), len(LEVELS)),
    ]
    least = int(constants["null_patterns"])
    return rows + [
        _row(
            f"patterns that hold the twin and reject the null world: {name} ({len(one['held_out'])} of them held out)",
            len(one["told_apart_by"]), least,
        )
        for name, one in results["nulls"].items()
    ]  # fmt: skip


def _row(promise: str, holds: int, needed: int) -> dict[str, Any]:
    return {"promise": promise, "holds": holds, "needed": needed, "passes": holds >= needed}


def _claim(text: str, state: str, evidence: str) -> Claim:
    return {"claim": text, "state": state, "evidence": evidence}


def _at_most_inferred(claim: Claim, few: Sequence[str]) -> Claim:
    """A claim that rests on fewer worlds than stated, with its evidence saying so."""
    if not few:
        return claim
    state = INFERRED if claim["state"] == SHOWN else claim["state"]
    return {**claim, "state": state, "evidence": f"{claim['evidence']}; from {', '.join(few)}"}


def _promise(one: Mapping[str, Any]) -> Claim:
    state = SHOWN if one["of"] and one["holds"] == one["of"] else NOT_SHOWN
    return _claim(
        f"The encounter on held-out people and days: {one['promise']}", state,
        f"{one['holds']} of {one['of']} parts hold",
    )  # fmt: skip


def _pattern(row: Mapping[str, Any]) -> Claim:
    twin, rejects = row["twin"], row["rejects"]
    inside, held = twin["inside"], row["role"] == HELD_OUT
    state = SHOWN if inside and held and rejects else INFERRED if inside else NOT_SHOWN
    where = (
        "a world gave no number"
        if twin["low"] is None
        else f"log {row['observed']:.4g}, twin {twin['middle']:.4g}, band {twin['low']:.4g} to {twin['high']:.4g}"
    )
    power = f"rejects {', '.join(rejects)}" if rejects else "rejects no null world"
    better = [] if inside else nulls_inside(row)
    power += f"; the log lies in the band of {', '.join(better)}" if better else ""
    return _claim(
        f"The closed loop has the log's {row['name']} ({row['level']} level, {row['role'].replace('_', ' ')})",
        state, f"{where}; {power}",
    )  # fmt: skip


def _null(name: str, one: Mapping[str, Any]) -> Claim:
    apart, held = one["told_apart_by"], one["held_out"]
    both = [pattern for pattern in one["rejected_by"] if pattern not in apart]
    rest = f"; not counted, since the twin is rejected as well: {', '.join(both)}" if both else ""
    return _claim(
        f"The log does not come from the null world: {name}",
        SHOWN if one["rejected"] else NOT_SHOWN,
        f"patterns that reject it and hold the twin: {len(apart)}, {len(held)} of them held out; {one['needed']} needed{rest}",
    )


def _verdict(one: Mapping[str, Any]) -> Claim:
    return _claim(
        f"As promised: {one['promise']}", SHOWN if one["passes"] else NOT_SHOWN,
        f"{one['holds']}, of {one['needed']} needed",
    )  # fmt: skip


def _parameter(name: str, one: Mapping[str, Any], results: Mapping[str, Any]) -> Claim:
    recovery = results["recovery_verdict"]
    state = {PASSES: SHOWN, FAILS: INFERRED}.get(recovery, NOT_SHOWN)
    state = state if one["identified"] else NOT_SHOWN
    return _claim(
        f"The data know {name}", state,
        f"{one['low']:.4g} to {one['high']:.4g} of {one['prior_low']:g} to {one['prior_high']:g}; contraction "
        f"{one['contraction']:.2f}; recovery {recovery}",
    )  # fmt: skip


def _effect(name: str, one: Mapping[str, Any], results: Mapping[str, Any]) -> Claim:
    label = results["contrast"]["robustness"][name]
    state = INFERRED if label == ROBUST else NOT_SHOWN
    signs = {
        variant: found[name]["sign"] for variant, found in results["contrast"]["variants"].items()
    }
    sign = "no clear sign" if one["sign"] == UNCLEAR else f"sign {one['sign']}"
    return _claim(
        f"{results['contrast']['name']} changes {name}", state,
        f"over the posterior {sign} ({one['estimate']:.4g} [{one['low']:.4g}, {one['high']:.4g}], {one['flips']:.0%} of draws "
        f"flip); by structure {', '.join(f'{k} {v}' for k, v in signs.items())}: {label}",
    )  # fmt: skip
