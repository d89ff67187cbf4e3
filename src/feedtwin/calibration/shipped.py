"""The presets of the package as a listing: what each sets, whether it is fitted, and where every value comes from."""

from collections.abc import Mapping
from typing import Any

from feedtwin.schema.presets import SHOWN, file_of, load_preset, preset_names, read_fitted

BY_HAND = "not fitted: set by hand"


def preset_rows() -> list[dict[str, Any]]:
    """One row per preset: `preset`, `state`, `sets` (value by path), `source`, `sources` (by path) and `provenance`.

    `provenance` of a fitted preset holds its data (hash, rows, licence, ...), what was fitted of the encounter, and the version, day
    and hash of the code; of a set of parameters it is its file.
    """
    return [_row(name) for name in preset_names()]


def _row(name: str) -> dict[str, Any]:
    document, fitted = load_preset(name), read_fitted(name)
    if fitted is None:
        text = file_of(name).read_text("utf-8").splitlines()
        source = text[0].lstrip("# ") if text[0].startswith("#") else document.where
        sources = {path: document.at(path) for path in document.values}
        found = (BY_HAND, document.values, source, sources, {"file": document.where})
    else:
        sets = fitted.overlay(0)
        found = (fitted.state, sets, *_fitted(document.values, sets))
    return dict(
        zip(
            ("preset", "state", "sets", "source", "sources", "provenance"),
            (name, *found),
            strict=True,
        )
    )


def _fitted(
    about: Mapping[str, Any], sets: Mapping[str, Any]
) -> tuple[str, dict[str, str], dict[str, Any]]:
    data, made = about["data"], {**about["made"], **(about.get("shipped") or {})}
    source = (
        f"{data['name']}, {data['rows']} rows (SHA-256 {data['source_hash'][:SHOWN]}), {data['licence']}; {made['by']}, method "
        f"{made['method']}, fitted on {made.get('fitted_on', 'an unknown day')}, code {made.get('code_hash', 'unknown')[:SHOWN]}"
    )
    ecosystem = about.get("ecosystem") or {}
    known: Mapping[str, Any] = ecosystem.get("parameters") or {}
    sources = {
        path: str(known[path]["source"]) if path in known else f"encounter fitted to {source}"
        for path in sets
    }
    provenance = {"data": dict(data), "made": made, "encounter": about["heads"], "ecosystem": {
        "parameters": known, "design": ecosystem.get("design") or {},
    }}  # fmt: skip
    return source, sources, provenance
