"""A study over draws of a fitted preset: which draw a replicate has, and what the preset does not know."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from feedtwin.calibration.ecosystem.verdict import parameters_of, too_few
from feedtwin.errors import SettingsError
from feedtwin.lab.study.plan import Study
from feedtwin.schema.presets import FittedPreset, read_fitted
from feedtwin.schema.yaml_reader import Document

DRAW: Final = "calibration.draw"
"""The parameter that says which draw of its preset a world has; 0 for the point estimates."""
FEWEST: Final = 2
"""Draws below which nothing can be said of what lies between them."""


def over_posterior(study: Study, draws: int, document: Document) -> Study:
    """Return the study with its replicates repeated in each of the first draws of its preset.

    Replicates go round the draws, so that any beginning of them is balanced; arms of one replicate share the draw.

    Raises:
        SettingsError: The study has no fitted preset, or one with fewer draws; or an arm chooses its own.
    """
    known = len(_fitted(study, document).drawn.get("draws") or ())
    if not FEWEST <= draws <= known:
        raise SettingsError(
            f"--posterior {draws}: {study.preset} holds {known} draws of parameters; expected {FEWEST} to {known}"
        )
    for arm in study.arms.values():
        if DRAW in arm.parameters:
            raise SettingsError(
                f"{study.where}: arm {arm.name} sets {DRAW}, and so would --posterior; leave one out"
            )
    plan = study.replication
    wider = replace(plan, most=plan.most * draws, batch=plan.batch * draws)
    return replace(study, replication=wider, posterior=draws)


def _fitted(study: Study, document: Document) -> FittedPreset:
    """The preset whose draws a study goes over; where it has none, say which line of its file would give it some."""
    wrote = (
        "expected `preset: kuairand`, or the file that `feedtwin calibrate DATA --preset-out FILE --levels encounter,ecosystem` "
        "wrote"
    )
    if study.preset is None:
        raise SettingsError(
            f"{document.at('world')}: --posterior needs a fitted preset, and the study has none; add the line `preset: FILE` to "
            f"{study.where}, below `world:`; {wrote}"
        )
    try:
        fitted = read_fitted(study.preset)
    except SettingsError as error:
        raise SettingsError(f"{document.at('preset')}: {error}") from None
    if fitted is None:
        raise SettingsError(
            f"{document.at('preset')}: --posterior needs a fitted preset, and preset is {study.preset!r}, which has no draws; "
            f"{wrote}"
        )
    return fitted


def draw_of(study: Study, replicate: int) -> int:
    """Return the draw of a replicate, from 1 on; 0 in a study without draws."""
    return 1 + replicate % study.posterior if study.posterior else 0


def unidentified(study: Study) -> list[str]:
    """Return the fitted parameters that the preset's data do not identify, or that recovery cannot tell of; () without draws."""
    return [name for name, one in parameters_of(_drawn(study)).items() if not one["identified"]]


def too_few_trials(study: Study) -> str:
    """Return how many trials recovery had of how many that tell, such as "13 of 100"; "" where they are enough."""
    return too_few(_drawn(study).get("recovery"))


def _drawn(study: Study) -> Mapping[str, Any]:
    fitted = read_fitted(study.preset) if study.posterior and study.preset else None
    return {} if fitted is None else fitted.drawn
