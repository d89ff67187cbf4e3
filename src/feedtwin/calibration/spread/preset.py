"""The preset of this level: a file that holds how hashtags and shares spread, and no other level.

It is not added to a preset with an encounter: those are worlds of a log's people and videos, where likes and shares are the
log's and nothing is drawn by `user.share_logit_mean`; a share rate or a supply that was fitted beside other encounters would
answer there for what it did not do here.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from feedtwin.calibration.preset import write_without_arrays
from feedtwin.calibration.spread.plan import WORLD
from feedtwin.datasets.series import About

OTHER_LEVELS: Final = (
    "how hashtags and shares spread is fitted in worlds of the package's own people and encounters, and its parameters would answer for "
    "theirs in a world of a log's"
)
"""Why this level stands alone."""
_LEVEL: Final = "spread"


def write_spread(
    path: Path,
    section: Mapping[str, Any],
    what: str,
    known: str,
    abouts: Sequence[About],
    constants: Mapping[str, Any],
) -> None:
    """Writes the preset.

    Args:
        path: its file.
        section: see `ecosystem.section`.
        what: what it was fitted to, in words.
        known: how many parameters are identified, in words.
        abouts: provenance of the series.
        constants: of the fit.
    """
    write_without_arrays(
        path,
        {
            "description": f"How hashtags and shares spread in the world {WORLD}, fitted to {what}",
            "calibration": {
                "state": f"spread fitted to {what}: {known}, in worlds of {section['design']['people']} people; encounter and ecosystem "
                "uncalibrated",
                "levels": {
                    "encounter": "uncalibrated", "ecosystem": "uncalibrated",
                    _LEVEL: f"fitted by simulation: {known}",
                },
            },
            "world": WORLD,
            "data": [
                {
                    "name": one.name, "state": one.state, "licence": one.licence, "citation": one.citation,
                    "source_hash": one.source_hash, "notes": list(one.notes),
                }
                for one in abouts
            ],
            "constants": dict(constants),
            _LEVEL: section,
        },
    )  # fmt: skip
