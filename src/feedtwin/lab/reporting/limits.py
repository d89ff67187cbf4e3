"""What a report cannot show: the same for all, and what follows from how its runs were made."""

from typing import Final

_EFFECT: Final = (
    "An effect in the twin is an effect of these mechanisms with these parameters. It is a statement about people or "
    "about a platform only as far as the twin was validated against them"
)
_CHOICES: Final = (
    "Rates of rare actions, such as reports, gifts, purchases and live rooms, are choices of ours where no source gives them.",
    "Sessions, returns and ties between people are generated, also in worlds made from real logs.",
)
ALWAYS: Final = (f"{_EFFECT}; it was not.", *_CHOICES)
OF_VALIDATION: Final = (
    f"{_EFFECT}. How far that is, the ledger of claims says: on held-out people and days of one log, and, where worlds were run, in its patterns. "
    "No effect of a policy was held against what such a policy did.",
    *_CHOICES,
)
OF_RUN: Final = (
    "One run is one draw of chance. Without other runs nobody can say how far its numbers would move if it were repeated: "
    "they have no interval, and differences between two single runs are no evidence.",
)
CHANCE: Final = "An interval covers chance inside the twin. It does not cover wrong parameters, missing mechanisms or other horizons."
CHANCE_AND_DRAWS: Final = (
    "An interval covers chance inside the twin and what the data leave open about the fitted parameters, as far as the posterior "
    "draws do. It does not cover parameters that were not fitted, missing mechanisms or other horizons."
)
OF_STUDY: Final = (
    "\u201cNot distinguishable\u201d is not \u201cno effect\u201d: it says that these pairs of runs could not tell. Only a "
    "declared margin and its test show the absence of harm.",
    "A combination of arms, worlds or horizons that was not run is not shown by those that were.",
)
FIXED_PEOPLE: Final = "The people and the videos are the same in every replicate, so intervals say nothing about other people or videos."
QUICK: Final = (
    "This was a quick look: fewer replicates and a shorter horizon than the study asks for."
)
NO_MODEL: Final = "No language model was asked: people, captions and plans follow rules."


def is_uncalibrated(state: str) -> bool:
    """Whether a state of calibration says that nothing was fitted."""
    return state.startswith("uncalibrated")


def of_calibration(state: str) -> str:
    """Return what follows from a state of calibration."""
    if is_uncalibrated(state):
        return (
            "Nothing is calibrated: levels (seconds, shares, dollars) describe no platform, and neither does the size "
            "of an effect."
        )
    return f"Calibration: {state}. What was fitted is no evidence for what was not."


def fitted(state: str) -> str:
    """Return whether the twin's parameters were fitted, as a clause about them."""
    return "were not fitted to a platform" if is_uncalibrated(state) else f"are as follows: {state}"
