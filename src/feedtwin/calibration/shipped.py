"""Where every value comes from that the package brings besides defaults: one row per value, of presets and of matched worlds."""

from collections.abc import Iterator, Mapping
from typing import Any

from feedtwin.schema.parameters import load_defaults
from feedtwin.schema.presets import (
    SHOWN,
    load_preset,
    preset_names,
    preset_sources,
    read_fitted,
)
from feedtwin.schema.settings import matched_of, worlds

BY_HAND = "not fitted: set by hand"


def preset_rows() -> list[dict[str, Any]]:
    """One row per value: `preset`, `state`, `use`, `path`, `value`, `unit`, `source`; worlds that were matched come last."""
    units = {row["path"]: row["unit"] for row in load_defaults().rows()}
    return [
        {
            "preset": name, "state": state, "use": use, "path": path, "value": value,
            "unit": units[path], "source": sources[path],
        }
        for name, state, use, values, sources in _all()
        for path, value in values.items()
    ]  # fmt: skip


def _all() -> Iterator[tuple[str, str, str, Mapping[str, Any], Mapping[str, str]]]:
    for name in preset_names():
        fitted, use = read_fitted(name), f"--preset {name}"
        about = load_preset(name).values
        if fitted is None:
            yield name, BY_HAND, use, about, preset_sources(name)
        else:
            sets = fitted.overlay(0)
            yield name, fitted.state, use, sets, _sources(about, sets)
    for name in worlds():
        matched = matched_of(name)
        if matched is not None:
            yield (
                f"{name} (a world)", matched.state, f"feedtwin run {name}", matched.values, matched.sources,
            )  # fmt: skip


def _sources(about: Mapping[str, Any], sets: Mapping[str, Any]) -> dict[str, str]:
    """Of a fitted preset: data, licence, method, day and code, and what the fit says of each parameter."""
    data, made = about["data"], {**about["made"], **(about.get("shipped") or {})}
    known: Mapping[str, Any] = (about.get("ecosystem") or {}).get("parameters") or {}
    fit = (
        f"encounter fitted to {data['name']}, {data['rows']} rows (SHA-256 {data['source_hash'][:SHOWN]}), {data['licence']}; "
        f"{made['by']}, method {made['method']}, fitted on {made.get('fitted_on', 'an unknown day')}, code "
        f"{made.get('code_hash', 'unknown')[:SHOWN]}"
    )
    return {path: str(known[path]["source"]) if path in known else fit for path in sets}
