"""How much less than stated a report rests on: fewer worlds give wider bands, and wider bands let more pass."""

from collections.abc import Mapping
from typing import Any

from feedtwin.calibration.ecosystem.plan import ecosystem_constants
from feedtwin.calibration.report.plan import report_constants

Count = tuple[int, int, str]
"""How many there are, how many were stated, and of what."""


def few_of(results: Mapping[str, Any]) -> dict[str, list[str]]:
    """What there were fewer of than the package's own parameters state, in words: `4 worlds of the twin instead of 20`.

    Args:
        results: `fit_worlds` (None where no ecosystem was fitted), and where worlds were run `sizes` and `world`.

    Returns:
        `worlds`: of what the report ran; `fit`: of what the preset's ecosystem was fitted with. Empty where nothing was less.
    """
    behind = {
        "worlds": _behind_bands(results) if "sizes" in results else [],
        "fit": [] if results["fit_worlds"] is None else [_behind_fit(results)],
    }
    return {
        name: [_said(one) for one in counts if _is_less(one)] for name, counts in behind.items()
    }


def fit_in_words(results: Mapping[str, Any]) -> str:
    """How many simulated worlds the ecosystem was fitted with, and how many were stated where they are fewer."""
    if results["fit_worlds"] is None:
        return "The ecosystem was not fitted."
    return f"{_said(_behind_fit(results))}."


def bands_in_words(results: Mapping[str, Any]) -> str:
    """How many worlds stand behind the bands, each with how many were stated where they are fewer."""
    twin, null, people = _behind_bands(results)
    return ", ".join(_said(one) for one in (twin, null, *([people] if _is_less(people) else ())))


def _behind_bands(results: Mapping[str, Any]) -> list[Count]:
    full, sizes = report_constants(None, quick=False), results["sizes"]
    return [
        (sizes["draws"], int(full["draws"]), "worlds of the twin"),
        (sizes["null_draws"], int(full["null_draws"]), "worlds of each null"),
        (results["world"]["people"], int(ecosystem_constants()["people"]), "people per world"),
    ]


def _behind_fit(results: Mapping[str, Any]) -> Count:
    stated = int(ecosystem_constants()["budget"])
    return results["fit_worlds"], stated, "simulated worlds in the ecosystem's fit"


def _is_less(one: Count) -> bool:
    return one[0] < one[1]


def _said(one: Count) -> str:
    count, stated, what = one
    return f"{count:,} {what}" + (f" instead of {stated:,}" if _is_less(one) else "")


def look_in_words(results: Mapping[str, Any]) -> str:
    """The sentence that stands beside numbers from fewer worlds than stated; "" where none are.

    Args:
        results: with `few` of `few_of`, and `quick`.
    """
    few = results["few"]
    less = [*few["worlds"], *few["fit"]]
    if not less:
        return ""
    is_quick = results["quick"] and few["worlds"]
    name = "A quick look" if is_quick else "Fewer than stated beforehand"
    return (
        f"{name}: {', '.join(less)}. Fewer worlds give wider bands: what passes here may not pass in full, so that this is no judgement, and "
        "nothing that rests on them is called shown."
    )
