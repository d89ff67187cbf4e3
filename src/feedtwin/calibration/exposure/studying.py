"""The built-in study as one call: a preset and the data it was fitted to in, ratios out."""

from collections.abc import Callable
from typing import Any, Final

from feedtwin.calibration.exposure.estimating import estimate
from feedtwin.calibration.preset import ALL, Preset, calibration_constants
from feedtwin.datasets.encounters import EncounterLog
from feedtwin.errors import DataError

NAME: Final = "random-exposure"
"""Name of the study."""
ABOUT: Final = "What becomes of views and signals when the recommender is replaced by uniform random exposure from the same pool?"
ASSUMES: Final = (
    (
        "matching",
        "A person's outcome depends on why the pair was shown only through how well the platform took the two to match. What can be "
        "seen of that in who met what is estimated; what cannot be seen is extrapolated, and bounded by the band.",
    ),
    (
        "video quality",
        "A video is as good for everybody as its column and how often it was met say. Videos that the log never shows are taken to be "
        "like rarely shown ones of the same features.",
    ),
    (
        "position",
        "A random video stands where a recommended one stood: same person, surface and hour. Place in the feed is not in the log and is "
        "averaged over.",
    ),
    (
        "mood",
        "What surrounds an impression stays as it was: nobody grows tired of a feed that has become random, or leaves. This is the effect of "
        "exchanging single impressions, not that of a month with another feed.",
    ),
    (
        "pool",
        "The pool is the whole table of videos, each with equal chance, at any time of the log, whenever it was uploaded.",
    ),
)
"""What the estimate takes for granted, point by point."""


def random_exposure(
    preset: Preset, log: EncounterLog, on_stage: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Runs the study.

    Args:
        preset: fitted to this very log.
        log: the log, with outcomes, as the preset's adaptor reads it.
        on_stage: told what is being done.

    Returns:
        Plain data: what `estimating.estimate` gives, with `study`, `state` (of calibration), `preset`, `data`, `assumes` and
        `constants`.

    Raises:
        DataError: The log is not the preset's, holds randomly exposed impressions, or is too small.
    """
    about = preset.about["data"]
    if log.provenance.source_hash != about["source_hash"]:
        raise DataError(
            f"{preset.path}: the preset was fitted to other files than those given, or to files read by another column map (hashes "
            "differ); give the folder that it was fitted to, or calibrate anew."
        )
    constants = {**calibration_constants(), **preset.about["constants"]}
    found = estimate(preset.models[ALL], log, constants, on_stage)
    return {
        "study": NAME,
        "description": ABOUT,
        "state": preset.line(ALL),
        "preset": {"name": preset.name, "sha256": preset.sha256},
        "data": {
            key: about[key] for key in ("name", "state", "licence", "citation", "source_hash")
        },
        "exposure": preset.about["calibration"]["exposure"],
        **found,
        "assumes": dict(ASSUMES),
        "constants": {k: v for k, v in constants.items() if k.startswith("exposure.")},
    }
