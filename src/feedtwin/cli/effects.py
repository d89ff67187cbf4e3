"""How a study's effects are printed, for people and as JSON."""

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from feedtwin.cli.terminal import console, say, shell, size
from feedtwin.lab.numbers import decimals, fixed, interval, p_value, significant

if TYPE_CHECKING:
    from feedtwin.lab.study.result import Effect, StudyResult

COLUMNS = ("metric", "base", "effect", "interval", "p", "n")
_LEFT = ("metric", "interval", "all at once")
_GAP, _DEEP = "  ", "    "
_LEAST = 20
"""Columns that words get on the narrowest terminal."""


def result_json(result: "StudyResult") -> dict[str, object]:
    """Return the object that `--json` prints."""
    return {
        "study_dir": str(result.path),
        "provenance": asdict(result.provenance),
        "warnings": [asdict(one) for one in result.warnings],
        "effects": [asdict(one) for one in result.effects],
        "answers": [asdict(one) for one in result.answers],
        "cells_reused": result.reused,
        "cells_run_again": list(result.run_again),
    }


def print_result(result: "StudyResult") -> None:
    """Print a study's effects, what to know about them, and where everything is."""
    about = result.provenance
    say()
    confidence = result.effects[0].confidence if result.effects else 0.95
    contrasts = list(dict.fromkeys(one.contrast for one in result.effects))
    for contrast in contrasts:
        say(f"{contrast}, with {confidence:.0%} intervals", style="bold")
        own = [one for one in result.effects if one.contrast == contrast]
        print_effects(own, about.horizon)
        for line in dict.fromkeys(one.sources for one in own if one.sources):
            say(f"language models: {line}")
        for line in dict.fromkeys(one.degraded for one in own if one.degraded):
            say(line, style="yellow")
        say()
    _print_curves(result)
    _print_legend(result)
    say(f"{about.population}")
    for one in result.warnings:
        say(f"warning: {one.kind}: {one.message}", style="yellow")
    if about.precision and about.precision not in {one.message for one in result.warnings}:
        say(f"note    {about.precision}")
    for line in result.run_again:
        say(f"note    {line}")
    if result.answers:
        say(
            f"spent   {about.llm_spent_usd:,.6g} of {about.llm_budget_usd:,.6g} USD on language models, in all cells"
        )
    say(about.calibration)
    say(f"wrote   {result.path} ({size(result.path)}), {result.reused} cells reused")
    first = result.effects[0] if result.effects else None
    if first is not None:
        say(f"next    {shell('explain-effect', result.path, '--metric', first.metric)}")
    say(f"        {shell('audit', result.path)}")


def _print_legend(result: "StudyResult") -> None:
    """Say what the numbers of effects are."""
    from feedtwin.lab.study.wording import corrected

    about = result.provenance
    say(f"p  {corrected(result.effects)}; p of claims likewise")
    say(f"n  distinct pairs, of {about.replicates} replicates")
    say(
        "detects  smallest true difference that one uncorrected test of these pairs finds with 80 % power"
    )
    if any(one.smallest_effect is not None for one in result.effects):
        say("matters  smallest difference that was declared to, and the power to find it")
    say("rho, VR  correlation of the arms, and by which factor pairing saves replicates")
    if any("by sign flips" in one.verdict for one in result.effects):
        say(
            "by sign flips  the interval assumes normal differences and leaves out 0; the test of few pairs does not"
        )
    if about.draws:
        say(
            f"posterior  every replicate has one of {about.draws} draws of the preset; intervals contain the parameters' "
            "uncertainty"
        )
    if any(one.joint_low is not None for one in result.effects):
        say(
            "all at once  intervals that hold for every estimate of the study together; the others hold one by one"
        )


def print_effects(effects: "list[Effect]", horizon: int) -> None:
    """Print effects, each a line of numbers and below it what they come to; those of a part of the horizon say which.

    Nothing is cut: where the terminal is narrow a metric's name gets a line of its own, and words are wrapped.
    """
    columns, rows = list(COLUMNS), [_row(one, horizon) for one in effects]
    if any(one.joint_low is not None for one in effects):
        after = columns.index("interval") + 1
        columns.insert(after, "all at once")
        for row, one in zip(rows, effects, strict=True):
            row.insert(after, interval(one.joint_low, one.joint_high, _digits(one)))
    head, *lines = _aligned(columns, [columns, *rows])
    wide = console().width
    apart = any(len(_GAP.join(line)) > wide for line in (head, *lines))
    _say_line(head, apart, "bold")
    for line, one in zip(lines, effects, strict=True):
        _say_line(line, apart)
        for text in textwrap.wrap(_words(one), max(wide - len(_DEEP), _LEAST)):
            say(f"{_DEEP}{text}")


def _say_line(line: Sequence[str], apart: bool, style: str | None = None) -> None:
    """Print a name and its numbers, on two lines where one is too short."""
    name, numbers = line[0], _GAP.join(line[1:]).rstrip()
    if apart:
        say(name.rstrip(), style)
        say(f"{_GAP}{numbers}", style)
    else:
        say(f"{name}{_GAP}{numbers}", style)


def _aligned(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Pad cells to the width of their column."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(columns))]
    return [
        [
            cell.ljust(width) if column in _LEFT else cell.rjust(width)
            for column, cell, width in zip(columns, row, widths, strict=True)
        ]
        for row in rows
    ]


def _row(one: "Effect", horizon: int) -> list[str]:
    told = [one.cohort] if one.cohort != "everyone" else []
    if (one.first_step, one.last_step) != (0, horizon):
        told.append(f"steps {one.first_step}-{one.last_step}")
    name = f"{one.metric} ({', '.join(told)})" if told else one.metric
    if one.unit not in ("1", "share", "count"):
        name = f"{name}, {one.unit}"
    digits = _digits(one)
    return [
        name, fixed(one.mean_base, digits), fixed(one.estimate, digits, sign=True),
        interval(one.low, one.high, digits), p_value(one.p_adjusted), one.pairs,
    ]  # fmt: skip


def _words(one: "Effect") -> str:
    """What an effect comes to, what could have been seen, and what pairing did for it."""
    told = [f"{one.verdict} (degraded)" if one.degraded else one.verdict]
    if one.mde is not None:
        told.append(f"detects {significant(one.mde, 2)}")
    if one.smallest_effect is not None:
        power = "" if one.power_at_smallest is None else f" (power {one.power_at_smallest:.2f})"
        told.append(f"matters {significant(one.smallest_effect, 6, strip=True)}{power}")
    if one.pairing_rho is not None:
        told.append(f"rho {fixed(one.pairing_rho, 2)}")
    if one.variance_ratio is not None:
        told.append(f"VR {significant(one.variance_ratio)}")
    return "; ".join(told)


def _digits(one: "Effect") -> int:
    return decimals(one.low, one.high, one.estimate)


def _print_curves(result: "StudyResult") -> None:
    """One line per distribution and contrast: which Lorenz curve lies above."""
    said: dict[tuple[str, str], Any] = {}
    for one in result.curves:
        if one.is_contrast and one.kind == "lorenz":
            said.setdefault((one.of, one.distribution), one)
    for (contrast, _), one in said.items():
        p = "" if one.p is None else f" (p {p_value(one.p)}, uncorrected)"
        say(f"{one.label}, {contrast}: {one.verdict}{p}")
    if said:
        say()
