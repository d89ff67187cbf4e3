"""Where a preset may be written: only over what the new one takes the place of."""

from collections.abc import Set
from pathlib import Path

from feedtwin.calibration.preset import read_about
from feedtwin.calibration.spread.preset import OTHER_LEVELS
from feedtwin.errors import DataError
from feedtwin.schema.yaml_reader import read_file

_ENCOUNTER, _ECOSYSTEM, _SPREAD = "encounter", "ecosystem", "spread"


def check_place(path: Path, levels: Set[str]) -> None:
    """See that nothing is lost where a fit is to be written: nothing is there, or a preset that it replaces or adds to.

    Args:
        path: the preset's file.
        levels: what is to be fitted.

    Raises:
        DataError: Something else is there, or a level that the fit would take away.
        SettingsError: The file is there and is no YAML, or it is not there and the ecosystem alone is to be added to it.
    """
    if levels == {_ECOSYSTEM}:
        read_about(path)
    if not path.is_file():
        return
    found = read_file(path).values
    held = {_ENCOUNTER: "arrays", _ECOSYSTEM: _ECOSYSTEM, _SPREAD: _SPREAD}
    there = {level for level, key in held.items() if key in found}
    if "calibration" not in found or not there:
        raise DataError(
            f"{path}: holds no preset that `feedtwin calibrate` wrote, and is left as it is; expected a new file, or such a preset. Give "
            "another --preset-out"
        )
    if (_SPREAD in there) != (_SPREAD in levels):
        raise DataError(
            f"{path}: holds another level, and spread does not share a preset: {OTHER_LEVELS}; expected a file of its own. Give another "
            "--preset-out"
        )
    if levels == {_ENCOUNTER} and _ECOSYSTEM in there:
        raise DataError(
            f"{path}: holds an ecosystem level, which was fitted on the encounter that this one would replace; expected "
            "--levels encounter,ecosystem to fit both anew, or another --preset-out"
        )
