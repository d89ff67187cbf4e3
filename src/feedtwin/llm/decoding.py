"""From the text of a reply to a typed response: strict, bounded, and with reasons that quote nothing.

A reply is hostile until it is decoded: it may be cut, wrapped in prose, hold two objects, duplicate keys,
numbers of a million digits or brackets a million deep. Exactly one JSON object of the task's type gets
through. Reasons come from a short fixed vocabulary, so that no text of a reply reaches a log by that way.
"""

import json
from functools import cache
from typing import Any, Final, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

REPLY_BYTES_MAX: Final = 65_536
DEPTH_MAX: Final = 12
DIGITS_MAX: Final = 24

ModelT = TypeVar("ModelT", bound=BaseModel)


class Refused(Exception):  # noqa: N818 - it is an answer, not an error
    """A reply is no response of the task; the reason says why, without quoting the reply."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def strict_json(text: str) -> Any:
    """Return the one JSON value that a text holds.

    Raises:
        Refused: It is too long or too deep, or not exactly one standard JSON value.
    """
    if len(text) > REPLY_BYTES_MAX or len(text.encode("utf-8", "replace")) > REPLY_BYTES_MAX:
        raise Refused("reply too long")
    if _depth(text) > DEPTH_MAX:
        raise Refused("brackets too deep")
    try:
        return json.loads(
            text,
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_int=_bounded_int,
            parse_float=_finite_float,
        )
    except ValueError:
        raise Refused("not one JSON value") from None


def decode(model: type[ModelT], text: str) -> ModelT:
    """Return a reply as a response.

    Raises:
        Refused: It is not exactly one JSON object of the response's type.
    """
    value = strict_json(text)
    if not isinstance(value, dict):
        raise Refused("not a JSON object")
    try:
        return model.model_validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        raise Refused(_reason(model, error)) from None


def _depth(text: str) -> int:
    """Return how deep brackets nest, strings left out; one pass over a text with many brackets."""
    openings = text.count("[") + text.count("{")
    if openings <= DEPTH_MAX:
        return openings
    depth = deepest = 0
    in_string = escaped = False
    for char in text:
        if in_string:
            in_string = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            in_string = True
        elif char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    return deepest


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused("duplicate key")
    return found


def _no_constant(text: str) -> NoReturn:
    del text
    raise Refused("not a JSON number")


def _bounded_int(text: str) -> int:
    if len(text) > DIGITS_MAX:
        raise Refused("number too long")
    return int(text)


def _finite_float(text: str) -> float:
    value = float(text) if len(text) <= 2 * DIGITS_MAX else float("inf")
    if value - value != 0.0:
        raise Refused("number out of range")
    return value


def _reason(model: type[BaseModel], error: ValidationError) -> str:
    """Return where and what was wrong first; a key that the model does not have is not quoted."""
    first = error.errors(include_input=False, include_context=False, include_url=False)[0]
    known = _known_names(model)
    where = ".".join(
        str(part) if isinstance(part, int) or part in known else "?" for part in first["loc"]
    )
    return f"schema: {where or 'response'}: {first['type']}"


@cache
def _known_names(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(_names(model.model_json_schema()))


def _names(schema: Any) -> set[str]:
    """Return the names of all properties in a schema."""
    if isinstance(schema, list):
        return set().union(*map(_names, schema)) if schema else set()
    if not isinstance(schema, dict):
        return set()
    own = set(schema.get("properties", {}))
    return own.union(*map(_names, schema.values())) if schema else own
