"""A fitted preset on disk: a YAML file for people, and beside it the arrays (`packing`), bound to it by their hash.

FILE                  what was fitted to what, with provenance
FILE.safetensors.xz   the columns, trees and tables
FILE.work/            stages of a fit that is not done; taken up again, removed at the end

Those that ship with the package lie in `parameters/presets` and go by their name (`schema.presets.file_of`).
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML
from safetensors.numpy import load_file, save_file

from feedtwin.calibration.design import Encoding
from feedtwin.calibration.head import Head
from feedtwin.calibration.model import SIGNALS, EncounterModel
from feedtwin.calibration.packing import SUFFIX, pack, unpack
from feedtwin.calibration.tables import WatchTables
from feedtwin.datasets.encounters import EncounterLog
from feedtwin.errors import DataError
from feedtwin.schema.parameters import load_defaults
from feedtwin.schema.presets import calibrated_line, file_of, fitted_names
from feedtwin.schema.yaml_reader import read_file

SECTION = "calibration."
ALL, SPLIT = "all", "split"
"""The two fits of a preset: to all rows, for prediction; to all but the held-out rows, for judging."""
FORMAT = 2
FIT = 2
"""Number of the method: raised when a stage of the fit changes, so that stages kept from before are not used."""


def calibration_constants(parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The section `calibration` by path without the section's name, with changes laid over the defaults."""
    ours = {k: v for k, v in (parameters or {}).items() if k.startswith(SECTION)}
    values = load_defaults().overlay(ours, "calibration").values()
    found = {k.removeprefix(SECTION): v for k, v in values.items() if k.startswith(SECTION)}
    del found["draw"]  # chooses among what was fitted
    return found


def fingerprint(log: EncounterLog, constants: Mapping[str, Any], reading: Mapping[str, Any]) -> str:
    """Hash of what a fit depends on: the files, how they are read, the constants and the method.

    Args:
        log: what is fitted to.
        constants: those of the fit.
        reading: those of the adaptor (`datasets.constants.fit_constants`).
    """
    plain = {
        "files": log.provenance.source_hash,
        "constants": {
            k: v
            for k, v in constants.items()
            if not k.startswith(("ecosystem.", "spread.", "report."))
        },
        "reading": dict(reading),
        "method": FIT,
    }
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


class Workshop:
    """Keeps the arrays of finished stages in a folder; what another fit left there is not used."""

    def __init__(self, preset: Path, key: str, on_stage: Callable[[str, bool], None]) -> None:
        """Open the folder beside the preset.

        Args:
            preset: where the preset will be.
            key: fingerprint of the fit.
            on_stage: told each stage's name, and whether it was taken from the folder.
        """
        self.folder = _work(preset)
        self._key = key
        self._on_stage = on_stage
        self.folder.mkdir(parents=True, exist_ok=True)

    def stage(
        self, fit: str
    ) -> Callable[[str, Callable[[], dict[str, np.ndarray]]], dict[str, np.ndarray]]:
        """The stage function of one of the two fits."""

        def run(name: str, compute: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
            path = self.folder / f"{fit}-{name}-{self._key[:16]}.safetensors"
            kept = path.is_file()
            if not kept:
                partial = path.with_suffix(".partial")
                save_file({k: np.ascontiguousarray(v) for k, v in compute().items()}, partial)
                partial.replace(path)
            self._on_stage(f"{fit} {name}", kept)
            return load_file(path)

        return run


def _work(preset: Path) -> Path:
    return preset.with_name(preset.name + ".work")


def close_work(preset: Path) -> None:
    """Remove the work folder of a preset that is written."""
    shutil.rmtree(_work(preset))


@dataclass(frozen=True)
class Preset:
    """A preset as it was read.

    Attributes:
        name: its name or file, as it was asked for.
        path: its YAML file.
        about: what the YAML says.
        models: the fits by name (`ALL`, `SPLIT`).
    """

    name: str
    path: Path
    about: Mapping[str, Any]
    models: Mapping[str, EncounterModel]

    @property
    def state(self) -> str:
        """One line: what the preset is fitted to."""
        return str(self.about["calibration"]["state"])

    @property
    def sha256(self) -> str:
        """Hash of its text."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def line(self, fit: str) -> str:
        """The line that says what one of its fits is fitted to, and which preset it is of."""
        return calibrated_line(self.state, self.name, self.sha256, f"fit {fit}")


def write_preset(
    path: Path, about: Mapping[str, Any], models: Mapping[str, EncounterModel]
) -> None:
    """Writes a preset; arrays first, so that the YAML never names what is not there."""
    arrays: dict[str, np.ndarray] = {}
    for fit, model in models.items():
        for name, head in model.heads.items():
            arrays |= {f"{fit}/{name}/{k}": v for k, v in head.arrays().items()}
        arrays |= {f"{fit}/tables/{k}": v for k, v in model.tables.arrays().items()}
        arrays |= {f"{fit}/fate/{k}": v for k, v in model.fate.items()}
        arrays[f"{fit}/films"] = model.films
    file, packed = path.with_name(path.name + SUFFIX), pack(arrays)
    partial = file.with_name(file.name + ".partial")
    partial.write_bytes(packed)
    partial.replace(file)
    digest = hashlib.sha256(packed).hexdigest()
    whole = {
        "description": about["description"],
        "format": FORMAT,
        "arrays": {"file": file.name, "sha256": digest},
        **{k: v for k, v in about.items() if k != "description"},
        "models": {
            fit: {"median_s": model.median_s, "encoding": model.encoding.as_plain()}
            for fit, model in models.items()
        },
    }
    _write(path, whole)


def _write(path: Path, whole: Mapping[str, Any]) -> None:
    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.width = 120
    yaml.sort_base_mapping_type_on_output = False
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as out:
        yaml.dump(_plain(whole), out)
    partial.replace(path)


def read_about(preset: str | Path) -> dict[str, Any]:
    """What a fitted preset's YAML says, without its arrays.

    Args:
        preset: name or file.

    Raises:
        SettingsError: There is no such preset.
        DataError: It is no fitted one, or one of another format.
    """
    about = read_file(file_of(preset), str(preset)).values
    if "arrays" not in about:
        raise DataError(
            f"{preset}: this preset sets parameters and holds no fitted encounter; expected {', '.join(fitted_names())}, or a "
            "file that `feedtwin calibrate DATA --preset-out FILE` wrote."
        )
    if about.get("format") != FORMAT:
        raise DataError(
            f"{preset}: the preset is of format {about.get('format')!r}; expected {FORMAT}: calibrate again."
        )
    return about


def add_ecosystem(path: Path, section: Mapping[str, Any], state: str, level: str) -> None:
    """Puts the ecosystem's section into a preset that has its encounter, in place of an earlier one.

    Args:
        path: the preset.
        section: see `ecosystem.section`.
        state: the preset's state in one line.
        level: what the level is fitted to.
    """
    about = read_about(path)
    calibration = dict(about["calibration"])
    calibration["state"] = state
    calibration["levels"] = {**calibration["levels"], "ecosystem": level}
    whole = {k: v for k, v in about.items() if k != "ecosystem"}
    models = whole.pop("models")
    _write(path, {**whole, "calibration": calibration, "ecosystem": section, "models": models})


def ship_preset(path: Path, folder: Path, shipped: Mapping[str, Any]) -> None:
    """Copies a preset and its arrays into a folder, and adds who shipped what to it (section `shipped`)."""
    about = read_about(path)
    arrays = str(about["arrays"]["file"])
    shutil.copyfile(path.with_name(arrays), folder / arrays)
    models = about.pop("models")
    about.pop("shipped", None)
    _write(folder / path.name, {**about, "shipped": shipped, "models": models})


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def read_preset(preset: str | Path) -> Preset:
    """Reads a preset, by name or file, and checks that its arrays are the ones it was written with.

    Raises:
        SettingsError: There is no such preset.
        DataError: A file is missing or altered, or the preset holds no fitted encounter.
    """
    path, about = file_of(preset), read_about(preset)
    file = path.with_name(str(about["arrays"]["file"]))
    if not file.is_file():
        raise DataError(
            f"{file}: the arrays of {path.name} are missing; keep the two files side by side."
        )
    packed = file.read_bytes()
    if hashlib.sha256(packed).hexdigest() != about["arrays"]["sha256"]:
        raise DataError(
            f"{file}: the arrays are not those that {path.name} was written with; calibrate again."
        )
    arrays = unpack(packed, file)
    constants = about["constants"]
    models = {
        fit: _model(
            arrays, fit, Encoding.from_plain(one["encoding"]), float(one["median_s"]), constants
        )
        for fit, one in about["models"].items()
    }
    return Preset(str(preset), path, about, models)


def _model(
    arrays: Mapping[str, np.ndarray],
    fit: str,
    encoding: Encoding,
    median_s: float,
    constants: Mapping[str, Any],
) -> EncounterModel:
    def below(prefix: str) -> dict[str, np.ndarray]:
        return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}

    names = [n for n in ("skip", "watch", *SIGNALS) if below(f"{fit}/{n}/")]
    tables = below(f"{fit}/tables/")
    return EncounterModel(
        encoding,
        constants,
        median_s,
        {name: Head.from_arrays(below(f"{fit}/{name}/")) for name in names},
        WatchTables(**{f.name: tables[f.name] for f in fields(WatchTables)}),
        below(f"{fit}/fate/"),
        arrays[f"{fit}/films"],
    )


def write_without_arrays(path: Path, about: Mapping[str, Any]) -> None:
    """Writes a preset that holds no encounter: `about` says everything, its description first."""
    whole = {"description": about["description"], "format": FORMAT, **about}
    _write(path, whole)
