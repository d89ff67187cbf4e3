"""manifest.json: what a run is, in a page that explains itself."""

import hashlib
import platform
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from feedtwin.schema.presets import calibrated_line, fitted_of, named_preset
from feedtwin.schema.settings import Settings, matched_of
from feedtwin.world.segments import Segment
from feedtwin.world.sources import Row, continued, own_policies
from feedtwin.world.world import World

CALIBRATION = "uncalibrated: parameters are set by hand (the world's, else the package's), fitted to no platform"
"""State of a world that was fitted or matched to nothing."""
_PACKAGES = ("numpy", "pyarrow", "duckdb", "pydantic", "xxhash", "safetensors")


def calibration_of(settings: Settings, draws: int = 0) -> str:
    """Return the state of calibration of a world, one line: what it is fitted to, by which preset.

    Args:
        settings: Those of the world.
        draws: Draws of the preset that several such worlds go round; 0 for one world, which has its own.
    """
    preset = fitted_of(settings.data)
    if preset is None:
        return _of_world(settings)
    draw = f"draws 1 to {draws}" if draws else f"draw {settings.parameters['calibration.draw']}"
    fitted_in = preset.get("spread_in")
    if fitted_in is not None:
        elsewhere = "" if settings.world == fitted_in else f" in the world {fitted_in}"
        named = named_preset(str(settings.preset), preset["sha256"])
        return f"partly calibrated{elsewhere}: {preset['state']}; {named}, {draw}"
    form = settings.parameters["interaction.form"]
    if form != "fitted":
        name = named_preset(str(settings.preset), preset["sha256"])
        return f"uncalibrated: {name}, {draw} is named, but interaction.form={form} leaves its encounter out"
    return calibrated_line(preset["state"], str(settings.preset), preset["sha256"], draw)


def _of_world(settings: Settings) -> str:
    """State of a world without a fitted preset: its own, while the values that were matched stand."""
    matched = matched_of(settings.world)
    if matched is None:
        return CALIBRATION
    changed = [path for path, value in matched.values.items() if settings.parameters[path] != value]
    if changed:
        return (
            f"uncalibrated: world {settings.world} is {matched.state}, but {', '.join(changed)} "
            f"{'is' if len(changed) == 1 else 'are'} set otherwise here"
        )
    return f"{matched.state}; world {settings.world}"


@cache
def code_hash() -> str:
    """Return the SHA-256 over the package's own sources and parameter files, in path order."""
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.suffix in (".py", ".c", ".h", ".yaml") and path.is_file():
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def first_manifest(
    header: dict[str, Any], world: World, segments: Sequence[Segment], sources: Sequence[Row] = ()
) -> dict[str, Any]:
    """Return the manifest of a run that begins; `sources` are those of the steps before, in a fork."""
    settings = segments[-1].settings
    member = world.users.table.member
    return {
        "format": 1,
        "state": "running",
        "digest": None,
        "world": settings.world,
        "seed": settings.seed,
        "replicate": settings.replicate,
        "steps": header["steps"],
        "steps_done": world.step_count,
        "log": header["log"],
        "users": int((member > 0).sum()),
        "people": int(((world.users.table.activity > 0) & (member > 0)).sum()),
        "videos_at_start": len(world.content.table),
        "calibration": calibration_of(settings),
        "notes": list(world.notes),
        "settings": settings.model_dump(),
        "settings_hash": header["settings_hash"],
        "own_policies": own_policies(settings),
        "policy_sources": continued(sources, segments, world.step_count),
        "forked_from": header["forked_from"],
        "code_hash": header["code_hash"],
        "versions": {"python": platform.python_version(), **{n: version(n) for n in _PACKAGES}},
    }
