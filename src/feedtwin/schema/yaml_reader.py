"""Reads the plain part of YAML: mappings, lists, numbers, words; and remembers the lines.

Tags, anchors, aliases and duplicate keys are refused: they hide where a number comes from, and the
first two are how YAML files attack their readers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from feedtwin.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CHARS_MAX: Final = 4_000_000
_DEPTH_MAX: Final = 20

_INT: Final = re.compile(r"[-+]?[0-9][0-9_]*")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE: Final = re.compile(r"([-+]?)\.(inf|Inf|INF)")
_WORDS: Final[dict[str, Any]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: its values, and the line of each dotted path.

    Attributes:
        where: Name of the file, for messages.
        values: The root mapping.
        lines: Line number, from 1, by dotted path; entries of lists are `path[0]`, `path[1]`.
    """

    where: str
    values: dict[str, Any]
    lines: dict[str, int]

    def at(self, path: str) -> str:
        """Return `file, line n` for a dotted path, or the file alone when the path is not in it."""
        line = self.lines.get(path)
        return self.where if line is None else f"{self.where}, line {line}"


def read_document(text: str, where: str) -> Document:
    """Parse a YAML mapping.

    Args:
        text: The file's text.
        where: Name of the file, for messages.

    Raises:
        SettingsError: The text is not YAML, not a mapping, or uses tags, anchors, aliases or a key
            twice.
    """
    from ruamel.yaml import YAML  # imported late: `--help` must not pay for it
    from ruamel.yaml.error import YAMLError

    if len(text) > _CHARS_MAX:
        raise SettingsError(f"{where}: larger than {_CHARS_MAX} characters; is it the right file?")
    try:
        builder = _Builder(where, iter(list(YAML(typ="safe", pure=True).parse(text))))
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f", line {mark.line + 1}"
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise SettingsError(f"{where}{line}: not readable as YAML: {problem}") from None
    values = builder.document()
    if not isinstance(values, dict):
        raise SettingsError(f"{where}: expected `key: value` lines, found {_describe(values)}")
    return Document(where, values, builder.lines)


def read_file(path: Path, where: str | None = None) -> Document:
    """Parse a file that holds a YAML mapping.

    Args:
        path: The file.
        where: Its name for messages; None for its path.

    Raises:
        FileNotFoundError: There is no such file.
        SettingsError: It cannot be read, is not text in UTF-8, or `read_document` refuses it.
    """
    where = str(path) if where is None else where
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{where}: byte {error.start} is no UTF-8; expected a text file in UTF-8. Is it the right file, or saved in another encoding?"
        ) from None
    except OSError as error:
        raise SettingsError(f"{where}: cannot be read: {error.strerror}") from None
    return read_document(text, where)


def scalar(text: str) -> Any:
    """Return the value of an unquoted YAML 1.2 word: None, bool, int, float or str."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    infinite = _INFINITE.fullmatch(text)
    if infinite:
        return float(f"{infinite[1]}inf")
    return text


def flatten(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted path, value) for every value of nested mappings that is no mapping itself."""
    for key, value in values.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from flatten(value, f"{path}.")
        else:
            yield path, value


def _describe(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


class _Builder:
    """Turns the parser's events into values; one instance per document."""

    def __init__(self, where: str, events: Iterator[Any]) -> None:
        self.where = where
        self.lines: dict[str, int] = {}
        self._events = events

    def document(self) -> Any:
        """Return the value of the only document."""
        kind, event = self._next()
        while kind in ("StreamStart", "DocumentStart"):
            kind, event = self._next()
        if kind == "StreamEnd":
            return None
        value = self._value(kind, event, "", 0)
        kind, event = self._next()
        if kind == "DocumentEnd":
            kind, event = self._next()
        if kind != "StreamEnd":
            raise self._refuse(event, "a second document; keep one per file")
        return value

    def _next(self) -> tuple[str, Any]:
        event = next(self._events)
        return type(event).__name__.removesuffix("Event"), event

    def _refuse(self, event: Any, what: str) -> SettingsError:
        return SettingsError(f"{self.where}, line {event.start_mark.line + 1}: {what}")

    def _value(self, kind: str, event: Any, path: str, depth: int) -> Any:
        if depth > _DEPTH_MAX:
            raise self._refuse(event, f"nested deeper than {_DEPTH_MAX} levels")
        if kind == "Alias":
            raise self._refuse(event, "YAML aliases (*name) are not allowed; write the value out")
        if event.anchor is not None:
            raise self._refuse(event, "YAML anchors (&name) are not allowed; write the value out")
        if event.tag is not None and str(event.tag) not in ("None", ""):
            raise self._refuse(event, f"YAML tags are not allowed, found {event.tag}")
        if kind == "Scalar":
            plain = event.style in (None, "")
            return scalar(event.value) if plain else str(event.value)
        if kind == "SequenceStart":
            return list(self._items(path, depth))
        return self._mapping(path, depth)

    def _items(self, path: str, depth: int) -> Iterator[Any]:
        kind, event = self._next()
        place = 0
        while kind != "SequenceEnd":
            inner = f"{path}[{place}]"
            self.lines[inner] = event.start_mark.line + 1
            yield self._value(kind, event, inner, depth + 1)
            kind, event = self._next()
            place += 1

    def _mapping(self, path: str, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        kind, event = self._next()
        while kind != "MappingEnd":
            if kind != "Scalar" or event.tag is not None:
                raise self._refuse(event, "a key must be a plain word")
            key = str(event.value)
            if key in values:
                raise self._refuse(event, f"key {key!r} appears twice; remove one")
            inner = f"{path}.{key}" if path else key
            self.lines[inner] = event.start_mark.line + 1
            values[key] = self._value(*self._next(), inner, depth + 1)
            kind, event = self._next()
        return values
