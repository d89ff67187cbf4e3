"""A fitted preset as settings see it: its hash, what it is fitted to, and the parameters that its ecosystem brings.

`preset` names either a set of parameters of the package or, by a path that ends in .yaml, a file of `feedtwin calibrate`.
Only the file's text is read here; `calibration.preset` reads its arrays.

    ecosystem:
      point: {user.stamina_s: 1480.0, ...}        draw 0
      names: [user.stamina_s, ...]
      draws: [[1312.0, ...], ...]                 draw K is row K - 1

A preset of how hashtags and shares spread has a section `spread` of the same form in its place, and no encounter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from feedtwin.errors import SettingsError
from feedtwin.schema.yaml_reader import read_document

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOWN: Final = 12
"""Digits of a hash that a line shows."""


@dataclass(frozen=True)
class FittedPreset:
    """What settings take from a fitted preset.

    Attributes:
        path: The file.
        sha256: Hash of its text, which names the hash of its arrays.
        state: What it is fitted to, one line.
        ecosystem: Its section of that name.
        spread: Its section of that name; such a preset holds no other level.
        world: The world that spread was fitted in.
    """

    path: str
    sha256: str
    state: str
    ecosystem: Mapping[str, Any]
    spread: Mapping[str, Any] = field(default_factory=dict)
    world: str = ""

    @property
    def drawn(self) -> Mapping[str, Any]:
        """The section with the parameters that the preset brings; empty where it brings none."""
        return self.spread or self.ecosystem

    def overlay(self, draw: int) -> dict[str, Any]:
        """Return the parameters of a draw by path, with the encounter's form where the preset holds one.

        Raises:
            SettingsError: The preset holds draws of its parameters, and fewer than asked for.
        """
        found: dict[str, Any] = {} if self.spread else {"interaction.form": "fitted"}
        found |= self.drawn.get("fixed") or {}
        level, draws = "spread" if self.spread else "ecosystem", self.drawn.get("draws") or []
        if draw == 0 or not self.drawn:
            return {**found, **(self.drawn.get("point") or {})}
        if draw > len(draws):
            raise SettingsError(
                f"calibration.draw: found {draw}, but {self.path} holds {len(draws)} draws of its {level}; expected 0 to "
                f"{len(draws)}"
            )
        names, row = self.drawn.get("names") or [], draws[draw - 1]
        if not isinstance(row, list) or len(row) != len(names):
            raise SettingsError(
                f"{self.path}: {level}.draws[{draw - 1}] is {row!r}; expected {len(names)} numbers, one for each of "
                f"{level}.names"
            )
        return {**found, **dict(zip(names, row, strict=True))}

    def as_data(self) -> dict[str, str]:
        """Return what settings keep, so that a run is bound to the file."""
        about = {"sha256": self.sha256, "state": self.state}
        return about | ({"spread_in": self.world} if self.spread else {})


def is_file(preset: str | None) -> bool:
    """Whether a preset is named by its file."""
    return preset is not None and preset.endswith((".yaml", ".yml"))


def read_fitted(preset: str) -> FittedPreset:
    """Return what a preset file says.

    Raises:
        SettingsError: There is no such file, or it is no fitted preset.
    """
    path = Path(preset)
    if not path.is_file():
        raise SettingsError(
            f"preset {preset}: no such file; expected one that `feedtwin calibrate DATA --preset-out FILE` wrote"
        )
    about = path.stat()
    return _read(preset, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=4)
def _read(preset: str, size: int, changed_ns: int) -> FittedPreset:
    del size, changed_ns
    raw = Path(preset).read_bytes()
    values = read_document(raw.decode("utf-8"), preset).values
    calibration, ecosystem = values.get("calibration"), values.get("ecosystem") or {}
    spread = values.get("spread") or {}
    is_one = "arrays" in values or (isinstance(spread, dict) and "point" in spread)
    if not isinstance(calibration, dict) or "state" not in calibration or not is_one:
        raise SettingsError(
            f"preset {preset}: holds nothing that was fitted; expected a file that `feedtwin calibrate` wrote. Parameters of your "
            "own belong into a world file"
        )
    if not isinstance(ecosystem, dict):
        raise SettingsError(f"{preset}: ecosystem is {ecosystem!r}; expected a mapping")
    state, world = str(calibration["state"]), str(values.get("world", ""))
    return FittedPreset(preset, sha256(raw).hexdigest(), state, ecosystem, spread, world)


def fitted_of(data: Mapping[str, Any] | None) -> Mapping[str, str] | None:
    """Return what settings keep of a fitted preset (`as_data`), or None where there is none."""
    found: Mapping[str, str] | None = (data or {}).get("preset")
    return found


def encounter_of(data: Mapping[str, Any] | None) -> Mapping[str, str] | None:
    """Return what settings keep of a fitted preset that holds an encounter, or None where there is none."""
    found = fitted_of(data)
    return None if found is None or "spread_in" in found else found
