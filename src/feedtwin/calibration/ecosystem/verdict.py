"""What a recovery allows to be said of a fit: whether it passes, and which parameters count as identified.

All that calls a parameter identified or a recovery passed asks here, of a preset's section: fits, terminal, reports, and
studies over draws. So a section that an earlier version wrote is held to the same rule.
"""

from collections.abc import Mapping
from typing import Any, Final

from feedtwin.schema.parameters import load_defaults

PASSES: Final = "passes"
FAILS: Final = "does not pass"
NOTHING_TESTED: Final = "tested nothing, as no parameter's contraction is large enough"
NOT_RUN: Final = "was not run"


def too_few(recovery: Mapping[str, Any] | None) -> str:
    """How many trials there were of how many that tell, such as "13 of 100"; "" where they are enough, or there is no recovery.

    Args:
        recovery: the section `recovery`. One without `trials_min` is held to the package's own.
    """
    if not recovery:
        return ""
    least = int(
        recovery.get("trials_min") or load_defaults().get("calibration.ecosystem.trials_min")
    )
    trials = int(recovery["trials"])
    return f"{trials} of {least}" if trials < least else ""


def verdict_of(recovery: Mapping[str, Any] | None) -> str:
    """What a recovery found, in words that go on from "recovery".

    Args:
        recovery: the section `recovery`; None or empty where there is none.

    Returns:
        PASSES, FAILS, NOTHING_TESTED, NOT_RUN, or that the trials are too few and how many there were.
    """
    if not recovery:
        return NOT_RUN
    if few := too_few(recovery):
        return f"has too few trials to tell ({few})"
    if not recovery["tested"]:
        return NOTHING_TESTED
    return PASSES if recovery["passes"] else FAILS


def parameters_of(section: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The section's `parameters`, none of them identified where the recovery has too few trials."""
    found = {name: dict(one) for name, one in (section.get("parameters") or {}).items()}
    if too_few(section.get("recovery")):
        for one in found.values():
            one["identified"] = False
    return found


def known_in_words(section: Mapping[str, Any]) -> str:
    """How many parameters are identified, such as "0 of 9 parameters identified (13 of the 100 trials that tell)"."""
    found = parameters_of(section)
    count = sum(bool(one["identified"]) for one in found.values())
    few = too_few(section["recovery"])
    why = f" ({few.replace(' of ', ' of the ')} trials that tell)" if few else ""
    return f"{count} of {len(found)} parameters identified{why}"
