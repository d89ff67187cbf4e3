"""A column map: which file and column of a log holds what, in which unit. Written by the user as YAML."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from feedtwin.datasets.adaptor import SIGNALS
from feedtwin.errors import DataError, SettingsError
from feedtwin.schema.nearest import suggest
from feedtwin.schema.yaml_reader import Document, read_file

TIME_UNITS = {"s": 1.0, "ms": 0.001, "us": 1e-6, "date": 1.0}
SPAN_UNITS = {"s": 1.0, "ms": 0.001, "min": 60.0, "share": 1.0}
"""Seconds per unit; `share` is a share of the video's duration, for watch times only."""
ORDERS = ("ascending", "any")
_ZONES_H = (-12.0, 14.0)
"""Time zones of the world: hours by which local time can be ahead."""
_SURFACES = (0.0, 255.0)


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a table of a log can hold.

    Attributes:
        kind: "id", "time", "span" (a length of time), "number", "flag" or "word".
        meaning: what it is, for messages.
        required: whether a map must name its column.
    """

    kind: str
    meaning: str
    required: bool = False


TABLES: Mapping[str, Mapping[str, Field]] = {
    "log": {
        "user": Field("id", "who watched", True),
        "video": Field("id", "what was shown", True),
        "time": Field("time", "when it was shown", True),
        "watch": Field("span", "how long it was watched", True),
        "duration": Field("span", "how long the video is; 0 or missing = unknown"),
        "surface": Field("number", "code of the interface, 0 to 255"),
        "random": Field("flag", "whether it was exposed at random, not by a recommender"),
        "author": Field("id", "who made the video"),
        "category": Field("word", "category of the video"),
        **{name: Field("flag", f"{name.replace('_', ' ')}: 0 or 1") for name in SIGNALS},
    },
    "videos": {
        "video": Field("id", "the video", True),
        "author": Field("id", "who made it"),
        "duration": Field("span", "how long it is; 0 or missing = unknown"),
        "category": Field("word", "its category, or several separated by commas"),
        "uploaded": Field("time", "when it was uploaded"),
        "sound": Field("id", "its sound, 0 = none"),
    },
    "users": {
        "user": Field("id", "the person", True),
        "follow_count": Field("number", "accounts followed"),
        "is_creator": Field("flag", "whether the person ever uploaded"),
    },
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a field is: its column and unit."""

    column: str
    unit: str


@dataclass(frozen=True, slots=True)
class Part:
    """One table: its file, the columns of its fields, and the columns that describe a person or video further."""

    file: str
    columns: Mapping[str, Place]
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """A map as it was read.

    Attributes:
        where: the map's file, for messages.
        name, title, licence, citation: about the data, as the user says.
        order: "ascending" when the rows are in order of time for each person, "any" otherwise.
        zone_h: hours by which local time is ahead of the time column.
        categories: the only categories allowed; empty = any.
        feed: the surface whose rows make a world; None = all rows.
        parts: tables by name (`TABLES`).
    """

    where: str
    name: str
    title: str
    licence: str
    citation: str
    order: str
    zone_h: float
    categories: tuple[str, ...]
    feed: int | None
    parts: Mapping[str, Part] = field(default_factory=dict)

    def digest(self) -> str:
        """SHA-256 of what decides how files are read, hexadecimal: all but names, licence and citation."""
        told = asdict(self)
        for key in ("where", "name", "title", "licence", "citation"):
            del told[key]
        return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


_TEXTS = ("name", "title", "licence", "citation", "order")
_KEYS = (*_TEXTS, "zone_h", "categories", "feed", *TABLES)


def read_map(path: str | Path) -> ColumnMap:
    """Reads a column map.

    Raises:
        DataError: The file is missing, or names a table, field, unit or option that there is not, or lacks one that must
            be there; the message names file and line.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(
            f"{path}: the column map is missing; expected a YAML file (docs/howto/calibrate.md)."
        )
    try:
        document = read_file(path)
    except SettingsError as problem:
        raise DataError(str(problem)) from None
    return parse_map(document)


def parse_map(document: Document) -> ColumnMap:
    """Checks a map that was read as YAML; raises as `read_map`."""
    values = document.values
    for key in values:
        if key not in _KEYS:
            raise DataError(
                f"{document.at(key)}: {key!r} is no part of a column map{suggest(key, _KEYS)}"
            )
    for key in ("name", "licence", "log"):
        if not values.get(key):
            raise DataError(
                f"{document.where}: {key!r} is missing; a column map needs name, licence and log"
            )
    order = str(values.get("order", "ascending"))
    if order not in ORDERS:
        raise DataError(
            f"{document.at('order')}: order is {order!r}; expected one of {', '.join(ORDERS)}"
        )
    return ColumnMap(
        where=document.where,
        name=str(values["name"]),
        title=str(values.get("title", values["name"])),
        licence=str(values["licence"]),
        citation=str(values.get("citation", "none given")),
        order=order,
        zone_h=_number(document, "zone_h", 0.0, _ZONES_H),
        categories=tuple(str(c) for c in values.get("categories") or ()),
        feed=int(_number(document, "feed", 0.0, _SURFACES))
        if values.get("feed") is not None
        else None,
        parts={name: _part(document, name) for name in TABLES if values.get(name)},
    )


def _number(document: Document, key: str, default: float, bounds: tuple[float, float]) -> float:
    value, (low, high) = document.values.get(key, default), bounds
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise DataError(
            f"{document.at(key)}: {key} is {value!r}; a number from {low:g} to {high:g} is expected"
        )
    return float(value)


def _part(document: Document, name: str) -> Part:
    node = document.values[name]
    if (
        not isinstance(node, dict)
        or not isinstance(node.get("columns"), dict)
        or not node.get("file")
    ):
        raise DataError(
            f"{document.at(name)}: {name} needs `file` and `columns`, a mapping of fields to columns"
        )
    for key in node:
        if key not in ("file", "columns", "features"):
            raise DataError(
                f"{document.at(f'{name}.{key}')}: {name} has no {key!r}; it has file, columns, features"
            )
    fields = TABLES[name]
    places = {}
    for key, value in node["columns"].items():
        at = document.at(f"{name}.columns.{key}")
        if key not in fields:
            raise DataError(
                f"{at}: {name} has no field {key!r}{suggest(key, fields)} (there is: {', '.join(fields)})"
            )
        places[key] = _place(at, fields[key], value)
    for key, one in fields.items():
        if one.required and key not in places:
            raise DataError(f"{document.at(name)}: {name} lacks the field {key!r} ({one.meaning})")
    return Part(str(node["file"]), places, tuple(str(f) for f in node.get("features") or ()))


def _place(at: str, one: Field, value: Any) -> Place:
    entry = {"column": value} if isinstance(value, str) else value
    if not isinstance(entry, dict) or not isinstance(entry.get("column"), str):
        raise DataError(
            f"{at}: found {value!r}; expected a column's name, or {{column: NAME, unit: UNIT}}"
        )
    units = {"time": TIME_UNITS, "span": SPAN_UNITS}.get(one.kind)
    if units is None:
        if "unit" in entry:
            raise DataError(f"{at}: {one.meaning} has no unit; remove `unit`")
        return Place(entry["column"], "")
    if entry.get("unit") not in units:
        raise DataError(
            f"{at}: the unit of {entry['column']!r} is {entry.get('unit')!r}; say which it is: {', '.join(units)}"
        )
    return Place(entry["column"], entry["unit"])
