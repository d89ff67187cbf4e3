"""Presets, by name or by file: sets of parameters, and fits of `feedtwin calibrate`.

A preset is a YAML file. Those of the package go by their name, others by a path that ends in .yaml; `file_of` is the one
place where a name becomes a file. A set of parameters holds values by path. A fitted preset holds more: here its text is
read (hash, what it is fitted to, what its ecosystem brings), and `calibration.preset` reads its arrays.

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
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from feedtwin.errors import SettingsError
from feedtwin.schema.nearest import suggest
from feedtwin.schema.yaml_reader import Document, read_file

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOWN: Final = 12
"""Digits of a hash that a line shows."""
SAMPLE: Final = "sample"
"""The word for the data that ship with the package, where a path is expected."""
_SUFFIXES: Final = (".yaml", ".yml")
_SOURCES: Final = "sources"
"""Key of a set of parameters that is no parameter: where each of its values comes from."""


ADAPTOR: Final = "kuairand"
"""The adaptor whose logs a world can be built from, which is a kind of population, too."""


@dataclass(frozen=True)
class FittedPreset:
    """What settings take from a fitted preset.

    Attributes:
        preset: Its name or file, as it was asked for.
        sha256: Hash of its text, which names the hash of its arrays.
        state: What it is fitted to, one line.
        ecosystem: Its section of that name.
        spread: Its section of that name; such a preset holds no other level.
        world: The world that spread was fitted in.
        holds_sample: Whether the shipped sample is a part of the data that it is fitted to, and not all of them.
        adaptor: What read the log that it is fitted to; "" for spread.
    """

    preset: str
    sha256: str
    state: str
    ecosystem: Mapping[str, Any]
    spread: Mapping[str, Any] = field(default_factory=dict)
    world: str = ""
    holds_sample: bool = False
    adaptor: str = ""

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
                f"calibration.draw: found {draw}, but {self.preset} holds {len(draws)} draws of its {level}; expected 0 to "
                f"{len(draws)}"
            )
        names, row = self.drawn.get("names") or [], draws[draw - 1]
        if not isinstance(row, list) or len(row) != len(names):
            raise SettingsError(
                f"{self.preset}: {level}.draws[{draw - 1}] is {row!r}; expected {len(names)} numbers, one for each of "
                f"{level}.names"
            )
        return {**found, **dict(zip(names, row, strict=True))}

    def check_population(self, world: str, kind: str) -> None:
        """Refuse a preset of spread in a world of a log's people, where the same parameters do something else, and others elsewhere.

        Raises:
            SettingsError: It is one, or the preset's log is in a layout that no world is made from.
        """
        if not self.spread and kind != ADAPTOR:
            raise SettingsError(
                f"world {world}: preset is {self.preset!r}, but this world reads no data; expected none: use the world kuairand"
            )
        if not self.spread and self.adaptor != ADAPTOR:
            raise SettingsError(
                f"{self.preset}: the preset was fitted through the adaptor {self.adaptor!r}; a world is made from {ADAPTOR} data, expected "
                "a preset of those"
            )
        if self.spread and kind != "synthetic":
            raise SettingsError(
                f"world {world}: preset {self.preset} says how hashtags and shares spread in the world {self.world}, and this world has "
                "the people, videos and encounters of a log, in which the same parameters do something else; expected a synthetic world"
            )

    def as_data(self, reads: object) -> dict[str, str]:
        """Return what settings keep, so that a run is bound to the file.

        Args:
            reads: Path of the world's data, or `SAMPLE`.
        """
        part = "; the world reads the shipped sample of these data"
        is_part = self.holds_sample and reads == SAMPLE
        about = {"sha256": self.sha256, "state": self.state + (part if is_part else "")}
        return about | ({"spread_in": self.world} if self.spread else {})


def calibrated_line(state: str, preset: str, sha256: str, which: str) -> str:
    """Return the line that says what a fitted preset is fitted to and which one it is.

    Args:
        state: What it is fitted to.
        preset: Its name or file.
        sha256: Hash of its text.
        which: The draw or fit of it that is used.
    """
    extent = "partly calibrated" if "uncalibrated" in state else "calibrated"
    return f"{extent}: {state}; {named_preset(preset, sha256)}, {which}"


def named_preset(preset: str, sha256: str) -> str:
    """Return a preset's name with the beginning of its hash."""
    return f"preset {Path(preset).name} (SHA-256 {sha256[:SHOWN]})"


def preset_names() -> list[str]:
    """Return the names of the presets that ship with the package, sorted."""
    return sorted(one.stem for one in _folder().iterdir() if one.suffix == ".yaml")


def fitted_names() -> list[str]:
    """Return those of them that are fitted to a log."""
    return [name for name in preset_names() if read_fitted(name) is not None]


def _folder() -> Path:
    return Path(str(files("feedtwin.parameters"))) / "presets"


def file_of(preset: str | Path) -> Path:
    """Return the file of a preset, by name or by path.

    Raises:
        SettingsError: No preset has that name, or there is no such file.
    """
    text = str(preset)
    if text.endswith(_SUFFIXES):
        if not Path(text).is_file():
            raise SettingsError(
                f"preset {text}: no such file; expected one that `feedtwin calibrate DATA --preset-out FILE` wrote, or a name: "
                f"{', '.join(preset_names())}"
            )
        return Path(text)
    known = preset_names()
    if text not in known:
        if (files("feedtwin.worlds") / f"{text}.yaml").is_file():
            raise SettingsError(
                f"no preset is called {text!r} (there is: {', '.join(known)}), but a world is, with its values in it; use it in place "
                f"of the world: feedtwin run {text}"
            )
        raise SettingsError(
            f"no preset is called {text!r}{suggest(text, known)} (there is: {', '.join(known)}; or give the path of a .yaml file)"
        )
    return _folder() / f"{text}.yaml"


def load_preset(preset: str) -> Document:
    """Return what a preset's file says, by name or by path, without its sources; SettingsError where there is none."""
    document = _document(preset)
    values = {path: value for path, value in document.values.items() if path != _SOURCES}
    return Document(document.where, values, document.lines)


def preset_sources(preset: str) -> dict[str, str]:
    """Return where each value of a set of parameters comes from, by path; empty for a file that does not say."""
    return dict(_document(preset).values.get(_SOURCES) or {})


def _document(preset: str) -> Document:
    file = file_of(preset)
    where = f"parameters/presets/{file.name}" if file.parent == _folder() else preset
    return read_file(file, where)


def read_fitted(preset: str) -> FittedPreset | None:
    """Return what a fitted preset says; None for a set of parameters.

    Raises:
        SettingsError: There is no such preset, or a fitted one is not whole.
    """
    file = file_of(preset)
    about = file.stat()
    return _read(preset, file, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=8)
def _read(preset: str, file: Path, size: int, changed_ns: int) -> FittedPreset | None:
    del size, changed_ns
    values = load_preset(preset).values
    if "arrays" not in values and "spread" not in values:
        return None
    calibration, ecosystem = values.get("calibration"), values.get("ecosystem") or {}
    spread, data = values.get("spread") or {}, values.get("data")
    if not isinstance(calibration, dict) or "state" not in calibration:
        raise SettingsError(
            f"preset {preset}: does not say what it is fitted to (calibration.state); expected a file as `feedtwin calibrate` "
            "wrote it"
        )
    if not isinstance(ecosystem, dict):
        raise SettingsError(f"{preset}: ecosystem is {ecosystem!r}; expected a mapping")
    return FittedPreset(
        preset, sha256(file.read_bytes()).hexdigest(), str(calibration["state"]), ecosystem, spread,
        str(values.get("world", "")), isinstance(data, dict) and bool(data.get("sample_hash")),
        str(data.get("adaptor", "")) if isinstance(data, dict) else "",
    )  # fmt: skip


def fitted_of(data: Mapping[str, Any] | None) -> Mapping[str, str] | None:
    """Return what settings keep of a fitted preset (`as_data`), or None where there is none."""
    found: Mapping[str, str] | None = (data or {}).get("preset")
    return found


def encounter_of(data: Mapping[str, Any] | None) -> Mapping[str, str] | None:
    """Return what settings keep of a fitted preset that holds an encounter, or None where there is none."""
    found = fitted_of(data)
    return None if found is None or "spread_in" in found else found
