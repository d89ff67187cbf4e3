"""Types and keys of a study file: checked by its schema, and what is wrong said in words of this package."""

from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from feedtwin.errors import SettingsError
from feedtwin.lab.study.file_schema import StudyFile
from feedtwin.schema.nearest import suggest
from feedtwin.schema.yaml_reader import Document

_BRANCHES: Final = ("constrained-int", "int", "ReplicatesPart", "str")
"""Words that pydantic puts in a place to say which kind of a value it tried; `list[...]` and `dict[...]` are others."""
_EXPECTED: Final = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a name",
    "list_type": "a list",
    "tuple_type": "two numbers, as in [0, 24]",
    "dict_type": "`key: value` lines",
    "model_type": "`key: value` lines",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "too_short": "one or more",
    "too_long": "fewer entries: {max_length} at most",
}
"""What is expected, by pydantic's name of what is wrong."""


def known_path(document: Document, path: str) -> str:
    """Return the longest beginning of a path that the file has a line for."""
    while path and path not in document.lines:
        cut = max(path.rfind("."), path.rfind("["))
        path = path[:cut] if cut > 0 else ""
    return path


def shaped(document: Document) -> StudyFile:
    """Check types and keys; errors name line and nearest key."""
    try:
        return StudyFile.model_validate(document.values)
    except ValidationError as error:
        item = min(error.errors(), key=_how_far_off)
        loc = [part for part in item["loc"] if not _is_branch(part)]
        path = ""
        for part in loc:
            path += f"[{part}]" if isinstance(part, int) else f"{'.' if path else ''}{part}"
        where = document.at(known_path(document, path))
        if item["type"] == "extra_forbidden":
            known = _keys_at(loc)
            raise SettingsError(
                f"{where}: no key is called {path!r} here{suggest(str(loc[-1]), known)} (there is: "
                f"{', '.join(known)})"
            ) from None
        if item["type"] == "missing":
            raise SettingsError(f"{where}: there is no {path!r}; expected one") from None
        wanted = _EXPECTED.get(item["type"])
        message = (
            item["msg"].removeprefix("Value error, ")
            if wanted is None
            else f"expected {wanted.format(**item.get('ctx', {}))}"
        )
        raise SettingsError(
            f"{where}: {path or 'the study'} is {item['input']!r}: {message}"
        ) from None


def _is_branch(part: Any) -> bool:
    return part in _BRANCHES or str(part).startswith(
        ("list[", "dict[", "constrained-", "function-")
    )


def _how_far_off(item: Any) -> int:
    """Unknown keys first, for they may be what is missing, and empty lists; a mapping that is no number last."""
    if item["type"] in ("extra_forbidden", "too_short"):
        return 0
    return 2 if item["type"] == "int_type" and isinstance(item["input"], dict) else 1


def _keys_at(loc: Sequence[Any]) -> list[str]:
    """Keys that the part of a study file has in which an unknown one was found."""
    model: type[BaseModel] = StudyFile
    parts = StudyFile.parts()
    for part in loc[:-1]:
        model = parts.get(str(part), model)
    return list(model.model_fields)
