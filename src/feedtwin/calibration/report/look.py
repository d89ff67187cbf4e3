"""How much less than stated a report rests on: fewer worlds give wider bands, and wider bands let more pass."""

from collections.abc import Mapping
from typing import Any

from feedtwin.calibration.ecosystem.plan import ecosystem_constants
from feedtwin.calibration.report.plan import report_constants


def few_of(results: Mapping[str, Any]) -> dict[str, list[str]]:
    """What there were fewer of than the package's own parameters state, in words: `4 worlds of the twin instead of 20`.

    Args:
        results: `fit_worlds` (None where no ecosystem was fitted), and where worlds were run `sizes` and `world`.

    Returns:
        `worlds`: of what the report ran; `fit`: of what the preset's ecosystem was fitted with. Empty where nothing was less.
    """
    ecosystem = ecosystem_constants()
    fit = [(results["fit_worlds"], ecosystem["budget"], "simulated worlds in the ecosystem's fit")]
    worlds: list[tuple[int | None, Any, str]] = []
    if "sizes" in results:
        full, sizes = report_constants(None, quick=False), results["sizes"]
        worlds = [
            (sizes["draws"], full["draws"], "worlds of the twin"),
            (sizes["null_draws"], full["null_draws"], "worlds of each null"),
            (results["world"]["people"], ecosystem["people"], "people per world"),
        ]
    return {"worlds": _less(worlds), "fit": _less(fit)}


def _less(counts: list[tuple[int | None, Any, str]]) -> list[str]:
    return [
        f"{count:,} {what} instead of {int(stated):,}"
        for count, stated, what in counts
        if count is not None and count < stated
    ]


def look_in_words(results: Mapping[str, Any]) -> str:
    """The sentence that stands beside numbers from fewer worlds than stated; "" where none are.

    Args:
        results: with `few` of `few_of`, and `quick`.
    """
    less = [*results["few"]["worlds"], *results["few"]["fit"]]
    if not less:
        return ""
    name = "A quick look" if results["quick"] else "Fewer than stated beforehand"
    return (
        f"{name}: {', '.join(less)}. Fewer worlds give wider bands: what passes here may not pass in full, so that this is no judgement, and "
        "nothing that rests on them is called shown."
    )
