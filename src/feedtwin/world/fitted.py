"""A fitted preset in a world: columns and tables for the Interaction twin, put on the world's own rows.

The people and videos of the log have columns of their own. Accounts, which never watch, take those of a person of the log
drawn by their id; videos beyond the log see `twins.interaction.columns`.

The match acts beside the columns as far as it goes beyond what they hold. What a person's column holds of it is the match of
their interests with the mean video of the log's impressions; what a video's column holds, its match with the mean person; and
the rest is zero on average over these impressions, so that the log's levels stay (docs/decisions/0051).
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np

from feedtwin.calibration.columns import OUTCOMES, LoopColumns, loop_columns
from feedtwin.calibration.model import EncounterModel
from feedtwin.calibration.preset import ALL, read_preset
from feedtwin.columns import FrozenColumns
from feedtwin.datasets.encounters import EncounterLog
from feedtwin.datasets.kuairand import KuaiRand
from feedtwin.datasets.parquet import rows_of
from feedtwin.errors import DataError, SettingsError
from feedtwin.randomness import Draws, Stream
from feedtwin.schema.presets import SHOWN, encounter_of, file_of, fitted_of
from feedtwin.schema.settings import Settings
from feedtwin.twins.content import ContentTwin
from feedtwin.twins.interaction.columns import FittedColumns, FittedTables, donors_among
from feedtwin.twins.interaction.fitted import COLUMNS, WIDTH
from feedtwin.world.origin import Origin, SourceKeys
from feedtwin.world.real import folder_of, state_of

_SIGNALS = OUTCOMES[2:]
_MATCH = COLUMNS.index("match")
DECIMALS = 6
"""Columns are rounded here: what sums of other orders would change ends with it. A chance moves by less than 1e-6."""


@dataclass(frozen=True)
class _Fit:
    """A preset's model beside the log that it was fitted to, with the columns of a draw."""

    model: EncounterModel
    log: EncounterLog
    columns: LoopColumns
    surface: int


def fitted_columns(
    settings: Settings, origin: Origin, users: FrozenColumns, items: ContentTwin, draws: Draws
) -> FittedColumns | None:
    """Return the columns of a world with a fitted preset, or None where equations hold.

    Args:
        settings: Everything that determines the world.
        origin: Where it starts; its keys say who of the log is who.
        users: The initial users.
        items: The Content twin with the initial catalogue.
        draws: Keyed chance.

    Raises:
        SettingsError: The fitted form, or a draw, is asked for without a fitted preset.
        DataError: The preset is missing, was altered, or belongs to other data.
    """
    is_fitted, draw = (
        settings.parameters["interaction.form"] == "fitted",
        settings.parameters["calibration.draw"],
    )
    preset = encounter_of(settings.data)
    if preset is None or origin.keys is None:
        is_asked = draw and fitted_of(settings.data) is None
        asked = (
            "interaction.form=fitted"
            if is_fitted
            else f"calibration.draw={draw}"
            if is_asked
            else ""
        )
        if asked:
            raise SettingsError(
                f"{asked}: found no preset that was fitted to a log; expected one, from `feedtwin calibrate DATA --preset-out "
                "FILE`: add --preset FILE"
            )
        return None
    if not is_fitted:
        return None
    folder = folder_of(settings)
    fit = json.dumps(
        {k: v for k, v in settings.parameters.items() if k.startswith("kuairand_fit")},
        sort_keys=True,
    )
    found = _fit(str(settings.preset), preset["sha256"], folder, state_of(folder), fit, int(draw))
    person_row, is_person = rows_of(found.log.users.key, origin.keys.user)
    video_row, is_video = rows_of(found.log.videos.key, origin.keys.video)
    if not (is_person[origin.keys.user >= 0].all() and is_video[origin.keys.video >= 0].all()):
        raise DataError(
            f"{settings.preset}: the world holds people or videos that the preset's data do not have; expected those of "
            f"{folder}. Calibrate on that folder again."
        )
    person = _stacked(found.columns.person)
    video = _stacked(found.columns.video[video_row[is_video]])
    people = _donated(person, person_row, is_person, draws)
    _match_columns(people, video, found, origin.keys, users, items)
    return FittedColumns(
        _tables(found), _rounded(people), _rounded(video),
        items.table.category[: len(video)].copy(), draws,
    )  # fmt: skip


@lru_cache(maxsize=2)
def _fit(
    name: str,
    sha256: str,
    folder: Path,
    state: tuple[tuple[str, int, int], ...],
    fit: str,
    draw: int,
) -> _Fit:
    """The columns of a draw, once per process: a study builds many worlds on them."""
    model, log, surface = _read(name, sha256, folder, state, fit)
    return _Fit(model, log, loop_columns(model, log, surface, draw), surface)


@lru_cache(maxsize=1)
def _read(
    name: str, sha256: str, folder: Path, state: tuple[tuple[str, int, int], ...], fit: str
) -> tuple[EncounterModel, EncounterLog, int]:
    """A preset's model, the log that it was fitted to, and the surface that a world shows."""
    del state
    preset = read_preset(name)
    here = hashlib.sha256(file_of(name).read_bytes()).hexdigest()
    if here != sha256:
        raise DataError(
            f"{name}: the preset is not the one that this run was made with (SHA-256 {here[:SHOWN]}, the run has "
            f"{sha256[:SHOWN]}); restore that file, or the version of this package that the run was made with."
        )
    adaptor = KuaiRand(json.loads(fit))
    log = adaptor.read_encounters(folder)
    data = preset.about["data"]
    if log.provenance.source_hash not in (data["source_hash"], data["sample_hash"]):
        raise DataError(
            f"{name}: the preset was fitted to other files ({preset.state}); the world reads {folder}. Expected the same files, or "
            "the shipped sample where it is a part of them: calibrate on that folder, or name the preset's with --set "
            "data.path=FOLDER."
        )
    return preset.models[ALL], log, adaptor.surface


def _stacked(columns: np.ndarray) -> np.ndarray:
    """(n, 8) float64 with the outcomes in front."""
    out = np.zeros((len(columns), WIDTH))
    out[:, : len(OUTCOMES)] = columns
    return out


def _donated(person: np.ndarray, row: np.ndarray, is_known: np.ndarray, draws: Draws) -> np.ndarray:
    """Columns of the world's users; who is not of the log has those of a person of the log."""
    ids = np.arange(len(row), dtype=np.uint32)
    donor = donors_among(len(person), draws.uniform(Stream.FITTED_PERSON, ids))
    return person[np.where(is_known, row, donor)]


def _match_columns(
    people: np.ndarray,
    video: np.ndarray,
    found: _Fit,
    keys: SourceKeys,
    users: FrozenColumns,
    items: ContentTwin,
) -> None:
    """Fill in what the columns hold of the match, from the log's impressions of people and videos of this world."""
    log, known = found.log, np.flatnonzero(keys.user >= 0)
    vectors, factor = (one[: len(video)].astype(np.float64) for one in items.match_vectors)
    direction = vectors * factor[:, None]
    taste = users.interests.astype(np.float64)
    taste /= np.sqrt(np.maximum((taste * taste).sum(axis=1), 1.0))[:, None]
    on = log.rows.surface == found.surface
    first, is_member = rows_of(keys.user[known], log.users.key[log.rows.user[on]])
    place, is_film = rows_of(keys.video[: len(video)], log.videos.key[log.rows.video[on]])
    met = is_member & is_film
    if not met.any():
        return
    who, what = known[first[met]], place[met]
    mean_video, mean_person = direction[what].mean(axis=0), taste[who].mean(axis=0)
    match = np.einsum("id,id->i", taste[who], direction[what])
    people[:, _MATCH] = taste @ mean_video
    video[:, _MATCH] = direction @ mean_person
    video[:, _MATCH] += match.mean() - people[who, _MATCH].mean() - video[what, _MATCH].mean()


def _tables(found: _Fit) -> FittedTables:
    """The preset's tables as a kernel takes them; index bins that a duration does not use repeat the last one."""
    tables = found.model.tables
    bins, most = tables.centre.shape
    columns = max(most, 2)
    centre = np.full((bins, columns), np.inf, np.float32)
    curves = np.zeros((bins, columns, tables.progress.shape[2]), np.float32)
    for b in range(bins):
        used = int(tables.columns[b])
        centre[b, :used] = tables.centre[b, :used]
        curves[b, :used] = tables.progress[b, :used]
        curves[b, used:] = tables.progress[b, used - 1]
    surface = np.array([found.surface])
    hours = _stacked(found.columns.moment)
    first = date.fromisoformat(found.log.provenance.first_day).toordinal() % 7
    return FittedTables(
        edges_s=tables.edges_s,
        centre=centre,
        curves=curves,
        skip_curve=tables.skips(surface)[0].astype(np.float32),
        fate=np.stack([found.model.fate[name][2:] for name in _SIGNALS]).astype(np.float32),
        half_way=float(found.model.constants["watch.half_way"]),
        moments=_rounded(hours),
        first_hour=24 * first,
    )


def _rounded(columns: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.round(columns, DECIMALS).astype(np.float32))
