"""How a study's effects are printed, for people and as JSON."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from feedtwin.cli.terminal import say, shell, size, table

if TYPE_CHECKING:
    from feedtwin.lab.study.result import Effect, StudyResult

COLUMNS = ("metric", "base", "effect", "interval", "n", "p", "rho", "VR", "MDE", "verdict")
_RIGHT = ("base", "effect", "n", "p", "rho", "VR", "MDE")


def result_json(result: "StudyResult") -> dict[str, object]:
    """Return the object that `--json` prints."""
    return {
        "study_dir": str(result.path),
        "provenance": asdict(result.provenance),
        "warnings": [asdict(one) for one in result.warnings],
        "effects": [asdict(one) for one in result.effects],
        "answers": [asdict(one) for one in result.answers],
        "cells_reused": result.reused,
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
    correction = ", ".join(dict.fromkeys(one.correction for one in result.effects)) or "none"
    say(
        f"n  distinct pairs, of {about.replicates} replicates    p  corrected: {correction}    rho, VR  correlation of "
        "the arms, and by which factor pairing saves replicates"
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
    say("MDE  smallest true difference that these pairs detect with 80 % power")
    say(f"{about.population}")
    for one in result.warnings:
        say(f"warning: {one.kind}: {one.message}", style="yellow")
    if about.precision:
        say(f"note    {about.precision}")
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


def print_effects(effects: "list[Effect]", horizon: int) -> None:
    """Print effects, one line each; those of a part of the horizon say which."""
    columns, rows = list(COLUMNS), [_row(one, horizon) for one in effects]
    if any(one.joint_low is not None for one in effects):
        after = columns.index("interval") + 1
        columns.insert(after, "all at once")
        for row, one in zip(rows, effects, strict=True):
            row.insert(after, _interval(one.joint_low, one.joint_high, _digits(one)))
    table(columns, rows, right=_RIGHT, keep=["metric", "interval", "all at once"])


def _row(one: "Effect", horizon: int) -> list[object]:
    told = [one.cohort] if one.cohort != "everyone" else []
    if (one.first_step, one.last_step) != (0, horizon):
        told.append(f"steps {one.first_step}-{one.last_step}")
    name = f"{one.metric} ({', '.join(told)})" if told else one.metric
    if one.unit not in ("1", "share", "count"):
        name = f"{name}, {one.unit}"
    digits = _digits(one)
    return [
        name,
        "-" if one.mean_base is None else f"{one.mean_base:.{digits}f}",
        "-" if one.estimate is None else f"{one.estimate:+.{digits}f}",
        _interval(one.low, one.high, digits),
        one.pairs,
        _p(one.p_adjusted),
        "-" if one.pairing_rho is None else f"{one.pairing_rho:.2f}",
        _ratio(one),
        "-" if one.mde is None else f"{one.mde:.{digits}f}",
        f"{one.verdict} (degraded)" if one.degraded else one.verdict,
    ]


def _interval(low: float | None, high: float | None, digits: int) -> str:
    return "-" if low is None or high is None else f"[{low:+.{digits}f}, {high:+.{digits}f}]"


def _digits(one: "Effect") -> int:
    """Decimals that show two figures of the interval's half-width."""
    from math import floor, log10

    half = None if one.low is None or one.high is None else (one.high - one.low) / 2
    size = half or abs(one.estimate or 0.0)
    return 3 if not size else max(0, min(8, 1 - floor(log10(size))))


def _p(p: float | None) -> str:
    if p is None:
        return "-"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _ratio(one: "Effect") -> str:
    return "-" if one.variance_ratio is None else f"{one.variance_ratio:.3g}"


def _print_curves(result: "StudyResult") -> None:
    """One line per distribution and contrast: which Lorenz curve lies above."""
    said: dict[tuple[str, str], Any] = {}
    for one in result.curves:
        if one.is_contrast and one.kind == "lorenz":
            said.setdefault((one.of, one.distribution), one)
    for (contrast, _), one in said.items():
        p = "" if one.p is None else f" (p {_p(one.p)})"
        say(f"{one.label}, {contrast}: {one.verdict}{p}")
    if said:
        say()
