"""From a data folder to a preset: the encounter is fitted twice, once to be judged and once to be used.

The ecosystem's parameters are fitted by simulation on top of this (`lab.fitting`); a preset says of each level whether it is
fitted (`levels`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from feedtwin.calibration.fitting import fit_encounter, stages_of
from feedtwin.calibration.model import EncounterModel
from feedtwin.calibration.preset import (
    ALL,
    FIT,
    SPLIT,
    Workshop,
    calibration_constants,
    close_work,
    fingerprint,
    write_preset,
)
from feedtwin.calibration.split import split_log
from feedtwin.datasets.constants import fit_constants
from feedtwin.datasets.encounters import EncounterLog
from feedtwin.datasets.samples import sample_hash_in
from feedtwin.errors import DataError

OnStage = Callable[[str, int, int, bool], None]
"""Told a stage's name, its number from 1, how many there are, and whether it was taken from an earlier try."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a log came from, for a preset: the adaptor's name and the column map, if it has one."""

    adaptor: str
    map_file: str | None = None


def calibrate(
    log: EncounterLog,
    source: Source,
    path: Path,
    parameters: Mapping[str, Any] | None = None,
    on_stage: OnStage = lambda *_: None,
    keep_stages: bool = False,
) -> dict[str, Any]:
    """Fits the encounter to a log and writes a preset.

    Args:
        log: the log, with outcomes.
        source: where it came from.
        path: the preset's file; its work folder keeps finished stages until it is written.
        parameters: changed parameters by full path; those of `calibration` and of the adaptor count.
        on_stage: told of every finished stage.
        keep_stages: leave the work folder, as another level is fitted next; `preset.close_work` removes it.

    Returns:
        What the preset says.

    Raises:
        DataError: The log holds no watch times, or the split leaves nothing to fit or to judge.
    """
    constants = calibration_constants(parameters)
    split = split_log(log, constants)
    if not split.train.any() or split.train.all():
        raise DataError(
            f"{log.provenance.name}: the split leaves {int(split.train.sum())} of {len(log.rows)} rows for the fit; some must "
            "be left and some held out. Change calibration.split.users or calibration.split.days."
        )
    names = stages_of(log)
    done = 0

    def told(name: str, kept: bool) -> None:
        nonlocal done
        done += 1
        on_stage(name, done, 2 * len(names), kept)

    path.parent.mkdir(parents=True, exist_ok=True)
    workshop = Workshop(path, fingerprint(log, constants, fit_constants(parameters)), told)
    models = {
        SPLIT: fit_encounter(log, split.train, constants, workshop.stage(SPLIT)),
        ALL: fit_encounter(log, np.ones(len(log.rows), np.bool_), constants, workshop.stage(ALL)),
    }
    about = _about(log, source, constants, models, int(split.train.sum()))
    write_preset(path, about, models)
    if not keep_stages:
        close_work(path)
    return about


def _about(
    log: EncounterLog,
    source: Source,
    constants: Mapping[str, Any],
    models: Mapping[str, EncounterModel],
    train: int,
) -> dict[str, Any]:
    of, rows = log.provenance, log.rows
    random = int(rows.random.sum())
    what = f"{of.name} ({of.state}, {of.days} days from {of.first_day}, {len(rows)} impressions)"
    return {
        "description": f"Encounter fitted to {what}",
        "calibration": {
            "state": f"encounter fitted to {what}; ecosystem uncalibrated",
            "levels": {"encounter": "fitted", "ecosystem": "not fitted: defaults of the package"},
            "exposure": f"{random} of {len(rows)} impressions were exposed at random; the others by a recommender",
        },
        "data": {
            "adaptor": source.adaptor, "map": source.map_file, "name": of.name, "state": of.state,
            "licence": of.licence, "citation": of.citation, "source_hash": of.source_hash,
            "first_day": of.first_day, "days": of.days, "rows": len(rows), "rows_of_split": train,
            "users": len(np.unique(rows.user)), "videos": len(np.unique(rows.video)),
            "recorded": list(log.recorded), "notes": list(of.notes),
            "sample_hash": sample_hash_in(log) if source.adaptor == "kuairand" else None,
        },
        "made": {"by": f"feedtwin {version('feedtwin')}", "method": FIT},
        "heads": {name: _of_head(name, models[ALL]) for name in models[ALL].heads},
        "constants": dict(constants),
    }  # fmt: skip


def _of_head(name: str, model: EncounterModel) -> dict[str, Any]:
    head = model.heads[name]
    seen = head.user_sd[head.user_sd < np.sqrt(head.variances[0]) - 1e-12]
    contraction = 1.0 - float(np.mean(seen**2)) / float(head.variances[0]) if len(seen) else 0.0
    columns = bool(head.forests)
    return {
        "events": int(head.events[0]),
        "how": "columns" if columns else "one rate: too few events for columns",
        "trees": len(head.forests[0].root) if columns else 0,
        "sd_of_effects": {
            factor: round(float(np.sqrt(v)), 4)
            for factor, v in zip(("user", "video", "author"), head.variances, strict=True)
        },
        "mean_contraction_of_user_effects": round(contraction, 4),
        "slope": round(float(head.line[1]), 4),
    }
