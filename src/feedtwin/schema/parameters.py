"""A number with unit, bounds, source and status; loading; overlays for presets, worlds and arms.

Defaults live only in `feedtwin/parameters/*.yaml`. The file's name is the first word of a path, the
nested keys are the rest: `interaction.yaml` with `skip: {intercept: {value: ...}}` declares
`interaction.skip.intercept`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from feedtwin.errors import SchemaError, SettingsError
from feedtwin.schema.cohorts import UNIT as COHORT
from feedtwin.schema.cohorts import cohort_text
from feedtwin.schema.nearest import suggest
from feedtwin.schema.yaml_reader import Document, flatten, read_document, scalar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STATUSES: Final = ("paper", "data", "choice")
_LEAF_KEYS: Final = ("value", "unit", "bounds", "choices", "source", "status", "meaning")

Scalar = bool | int | float | str
Value = Scalar | list[Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number (or word, or list of numbers) and all that is known about it.

    Attributes:
        path: Dotted path.
        value: The value in force; a list has one entry per hour, tier or the like.
        unit: Unit of measurement.
        bounds: Lowest and highest allowed value, both inclusive; of each entry for a list.
        choices: Allowed words or numbers, where the parameter is no quantity.
        source: Where the default comes from.
        status: `paper`, `data` or `choice`.
        meaning: One sentence.
        declared: File and line of the declaration.
        set_by: Where the value in force was set; `default` if nowhere else.
    """

    path: str
    value: Value
    unit: str
    bounds: tuple[float, float] | None
    choices: tuple[Scalar, ...] | None
    source: str
    status: str
    meaning: str
    declared: str
    set_by: str = "default"

    @property
    def kind(self) -> type[Scalar]:
        """Return the type of the value, or of a list's entries."""
        entries = self.value if isinstance(self.value, list) else [self.value]
        if isinstance(entries[0], (bool, str)):
            return type(entries[0])
        quantities = [*entries, *(self.bounds or ())]
        return float if any(isinstance(entry, float) for entry in quantities) else int

    def with_value(self, value: object, where: str) -> Parameter:
        """Return this parameter with another value.

        Args:
            value: The new value; whole numbers are taken where a float is expected.
            where: Who asks, for messages.

        Raises:
            SettingsError: The value has the wrong type or length, or lies outside the bounds.
        """
        return replace(self, value=self._checked(value, where), set_by=where)

    def _checked(self, value: object, where: str) -> Value:
        if not isinstance(self.value, list):
            return cast("Value", self._entry(value, where, self.path))
        if not isinstance(value, (list, tuple)):
            raise SettingsError(
                f"{where}: {self.path} is {value!r} but must be a list of {len(self.value)} entries"
            )
        if len(value) != len(self.value):
            raise SettingsError(
                f"{where}: {self.path} has {len(value)} entries but must have {len(self.value)} "
                f"({self.declared})"
            )
        return [self._entry(v, where, f"{self.path}[{i}]") for i, v in enumerate(value)]

    def _entry(self, value: object, where: str, path: str) -> Any:
        if self.unit == COHORT:
            return cohort_text(value, f"{where}: {path}")
        kind = self.kind
        typed = _cast(value, kind)
        if typed is None:
            raise SettingsError(
                f"{where}: {path} is {value!r} but must be {_KIND_NAMES[kind]} ({self.declared})"
            )
        if self.choices is not None and typed not in self.choices:
            words = ", ".join(str(choice) for choice in self.choices)
            hint = suggest(str(typed), [str(choice) for choice in self.choices])
            raise SettingsError(f"{where}: {path} is {typed!r} but must be one of {words}{hint}")
        if self.bounds is not None and not self.bounds[0] <= typed <= self.bounds[1]:  # type: ignore[operator]
            raise SettingsError(self._out_of_bounds(typed, where, path))
        return typed

    def _out_of_bounds(self, value: Scalar, where: str, path: str) -> str:
        assert self.bounds is not None
        low, high = self.bounds
        below = value < low  # type: ignore[operator]
        side, bound = ("at least", low) if below else ("at most", high)
        verbs = ("Raise", "lower") if below else ("Lower", "raise")
        unit = "" if self.unit == "1" else f" {self.unit}"
        return (
            f"{where}: {path} is {value:.12g}{unit} but must be {side} {bound:.12g} "
            f"({self.declared}; source of its default: {self.source}). "
            f"{verbs[0]} it, or {verbs[1]} the bound with a source."
        )

    def as_row(self) -> dict[str, object]:
        """Return a plain mapping for listings and JSON."""
        return {
            "path": self.path,
            "value": self.value,
            "unit": self.unit,
            "bounds": None if self.bounds is None else list(self.bounds),
            "choices": None if self.choices is None else list(self.choices),
            "source": self.source,
            "status": self.status,
            "meaning": self.meaning,
            "set_by": self.set_by,
        }


_KIND_NAMES: Final[dict[type[Scalar], str]] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a word",
}


def _cast(value: object, kind: type[Scalar]) -> Scalar | None:
    """Return the value as `kind`, or None when it is of another type or no number."""
    if kind is bool or kind is str:
        return value if isinstance(value, kind) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        return None
    if kind is float:
        return float(value)
    return int(value) if float(value).is_integer() else None


class ParameterSet:
    """All parameters; immutable, so that an overlay gives a new set and an arm cannot leak."""

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self._parameters = MappingProxyType(dict(parameters))

    def __contains__(self, path: object) -> bool:
        return path in self._parameters

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def parameter(self, path: str, where: str = "parameters") -> Parameter:
        """Return the parameter at a path; raise SettingsError, suggesting the nearest, if none is."""
        try:
            return self._parameters[path]
        except KeyError:
            hint = suggest(path, self._parameters) or "; see `feedtwin list parameters`"
            raise SettingsError(f"{where}: no parameter is called {path!r}{hint}") from None

    def get(self, path: str) -> Any:
        """Return the value at a path; raise SettingsError if there is none."""
        return self.parameter(path).value

    def section(self, prefix: str) -> dict[str, Any]:
        """Return the values below a path as nested mappings, ready for `section_model`."""
        nested: dict[str, Any] = {}
        start = f"{prefix}."
        for path, parameter in self._parameters.items():
            if path.startswith(start):
                *parents, leaf = path.removeprefix(start).split(".")
                inner = nested
                for parent in parents:
                    inner = inner.setdefault(parent, {})
                inner[leaf] = parameter.value
        if not nested:
            sections = {path.rsplit(".", 1)[0] for path in self._parameters}
            raise SettingsError(f"no parameters below {prefix!r}{suggest(prefix, sections)}")
        return nested

    def overlay(
        self, values: Mapping[str, Any], where: str, lines: Mapping[str, int] | None = None
    ) -> ParameterSet:
        """Return a set in which the given values replace the ones in force.

        Args:
            values: Value by dotted path; nested mappings are read as paths.
            where: Who asks, for messages: a file, or `--set`.
            lines: Line of each path in the file, where there is one.

        Raises:
            SettingsError: A path is unknown or a value does not fit; the first such is named.
        """
        changed = dict(self._parameters)
        for path, value in flatten(dict(values)):
            line = (lines or {}).get(path)
            at = where if line is None else f"{where}, line {line}"
            changed[path] = self.parameter(path, at).with_value(value, at)
        return ParameterSet(changed)

    def overlaid_section(
        self, prefix: str, values: Mapping[str, Any], where: str
    ) -> dict[str, Any]:
        """Return what `overlay(values, where).section(prefix)` does, checking the values of that section alone.

        A world asks for dozens of sections. Unknown paths are refused wherever they lie.
        """
        start = f"{prefix}."
        asked = [path for path in values if path.startswith(start) or path not in self._parameters]
        return self.overlay({path: values[path] for path in asked}, where).section(prefix)

    def rows(self) -> list[dict[str, object]]:
        """Return one plain mapping per parameter, for listings and JSON."""
        return [parameter.as_row() for parameter in self._parameters.values()]

    def values(self) -> dict[str, Any]:
        """Return value by path."""
        return {path: parameter.value for path, parameter in self._parameters.items()}

    def digest(self) -> str:
        """Return the SHA-256 of the values in force, as hex digits; order does not matter."""
        text = json.dumps(self.values(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return sha256(text.encode()).hexdigest()


@lru_cache(maxsize=1)
def load_defaults() -> ParameterSet:
    """Return the parameters that the package declares; raise SchemaError if a file is not sound."""
    parameters: dict[str, Parameter] = {}
    folder = files("feedtwin.parameters")
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".yaml"):
            document = read_document(entry.read_text("utf-8"), f"parameters/{entry.name}")
            for parameter in parse_parameters(document, entry.name.removesuffix(".yaml")):
                parameters[parameter.path] = parameter
    return ParameterSet(parameters)


def parse_parameters(document: Document, section: str) -> Iterator[Parameter]:
    """Yield the parameters of one file; raise SchemaError where a declaration is not complete."""
    pending: list[tuple[str, Any]] = list(reversed(document.values.items()))
    while pending:
        inner, node = pending.pop()
        if not isinstance(node, dict):
            raise SchemaError(
                f"{document.at(inner)}: {inner} is {node!r}; expected a mapping with `value`, "
                "`unit`, `bounds` or `choices`, `source`, `status` and `meaning`"
            )
        if "value" in node:
            yield _parse_leaf(node, f"{section}.{inner}", document.at(inner))
        else:
            pending.extend(reversed([(f"{inner}.{key}", value) for key, value in node.items()]))


def _parse_leaf(node: dict[str, Any], path: str, where: str) -> Parameter:
    for key in node:
        if key not in _LEAF_KEYS:
            raise SchemaError(f"{where}: {path} has a key {key!r}{suggest(key, _LEAF_KEYS)}")
    for key in ("unit", "source", "status", "meaning"):
        if node.get(key) is None:
            raise SchemaError(f"{where}: {path} has no {key}")
    if node["status"] not in STATUSES:
        raise SchemaError(
            f"{where}: {path} has status {node['status']!r}; expected one of {', '.join(STATUSES)}"
        )
    value, choices = node["value"], node.get("choices")
    parameter = Parameter(
        path=path,
        value=value,
        unit=str(node["unit"]),
        bounds=_parse_bounds(node.get("bounds"), path, where),
        choices=None if choices is None else tuple(choices),
        source=str(node["source"]),
        status=node["status"],
        meaning=str(node["meaning"]),
        declared=where,
    )
    if value is None or value == []:
        raise SchemaError(f"{where}: {path} has no value")
    limited = parameter.bounds is not None or parameter.choices is not None
    if parameter.kind in (int, float) and not limited:
        raise SchemaError(f"{where}: {path} has neither bounds nor choices")
    try:
        return replace(parameter.with_value(value, where), set_by="default")
    except SettingsError as error:
        raise SchemaError(str(error)) from None


def _parse_bounds(bounds: object, path: str, where: str) -> tuple[float, float] | None:
    if bounds is None:
        return None
    numbers = isinstance(bounds, list) and all(_cast(entry, float) is not None for entry in bounds)
    if not numbers or len(bounds) != 2 or bounds[0] > bounds[1]:  # type: ignore[arg-type, index]
        raise SchemaError(f"{where}: {path} has bounds {bounds!r}; expected [lowest, highest]")
    return bounds[0], bounds[1]  # type: ignore[index]


def parse_assignment(text: str) -> tuple[str, Any]:
    """Split a `path=value` argument; `[a, b]` gives a list.

    Raises:
        SettingsError: There is no `=` or no path.
    """
    path, equals, value = text.partition("=")
    path, value = path.strip(), value.strip()
    if not equals or not path:
        raise SettingsError(
            f"--set {text!r}: expected path=value, for example recommendation.slate_size=8"
        )
    if value.startswith("[") and value.endswith("]"):
        inner = value[1:-1].strip()
        return path, [scalar(entry.strip()) for entry in inner.split(",")] if inner else []
    return path, scalar(value.strip("\"'"))


class Section(BaseModel):
    """Base of a twin's settings: frozen, and no key more or less than its YAML section."""

    model_config = ConfigDict(frozen=True, extra="forbid")


ModelT = TypeVar("ModelT", bound=BaseModel)


def section_model(model: type[ModelT], section: Mapping[str, Any]) -> ModelT:
    """Build a settings model from a section, so that YAML and model cannot drift apart.

    Args:
        model: A pydantic model, frozen and with `extra="forbid"`, whose fields have no defaults.
        section: Nested values as `ParameterSet.section` returns them.

    Raises:
        SchemaError: The model is open, has defaults, or its fields are not the section's keys.
    """
    config = model.model_config
    if config.get("extra") != "forbid" or not config.get("frozen"):
        raise SchemaError(f"{model.__name__}: must be frozen and forbid extra keys")
    for name, info in model.model_fields.items():
        if not info.is_required():
            raise SchemaError(f"{model.__name__}.{name}: a default belongs in parameters/*.yaml")
    try:
        return model.model_validate(dict(section))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
            for item in error.errors()
        )
        raise SchemaError(f"{model.__name__} does not match its parameters: {problems}") from None
