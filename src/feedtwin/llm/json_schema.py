"""One response model, two dialects of JSON Schema: for grammars and for hosted strict modes.

Servers that compile a schema to a grammar (llama.cpp, vLLM) honour bounds, and with unbounded strings a
weak model never stops; hosted strict modes refuse many keywords. Both dialects come from the same
pydantic model, and whatever a server made of them, the answer is decoded here against the model itself.
"""

from typing import Any, Final

from pydantic import BaseModel

Schema = dict[str, Any]

DIALECTS: Final = ("grammar", "strict")

_STRUCTURE: Final = frozenset(
    {"type", "properties", "required", "additionalProperties", "items", "enum", "anyOf"}
)
"""Keywords that every server understands."""
_PRINTABLE: Final = r"[A-Za-z0-9 ,.!?'()#@:;&+_-]"
"""A weak model held to a grammar writes these; a reply of any other server may use all of Unicode."""


def schema_of(model: type[BaseModel]) -> Schema:
    """Return the schema of a model with references put in place and titles left out."""
    whole = model.model_json_schema()
    shared = whole.pop("$defs", {})
    return _inlined(whole, shared)


def _inlined(node: Any, shared: Schema) -> Any:
    if isinstance(node, list):
        return [_inlined(one, shared) for one in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inlined(shared[node["$ref"].rsplit("/", 1)[-1]], shared)
    kept = {key: value for key, value in node.items() if key not in ("title", "description")}
    if "properties" in kept:  # a property may be called "title"
        kept["properties"] = {n: _inlined(p, shared) for n, p in kept["properties"].items()}
        return {k: v if k == "properties" else _inlined(v, shared) for k, v in kept.items()}
    return {key: _inlined(value, shared) for key, value in kept.items()}


def in_dialect(schema: Schema, dialect: str, text_max: int = 1000) -> Schema:
    """Return a schema in one of `DIALECTS`.

    Args:
        schema: Schema of a response.
        dialect: One of `DIALECTS`.
        text_max: Longest text that a grammar allows, where the schema allows a longer one.
    """
    assert dialect in DIALECTS, dialect
    return _strict(schema) if dialect == "strict" else _grammar(schema, text_max)


def _children(schema: Schema, convert: Any) -> Schema:
    """Return the schema with its inner schemas converted."""
    new = dict(schema)
    if "properties" in new:
        new["properties"] = {name: convert(one) for name, one in new["properties"].items()}
    if isinstance(new.get("items"), dict):
        new["items"] = convert(new["items"])
    if "anyOf" in new:
        new["anyOf"] = [convert(one) for one in new["anyOf"]]
    return new


def _grammar(schema: Schema, text_max: int) -> Schema:
    new = _children(schema, lambda one: _grammar(one, text_max))
    if new.get("type") == "string" and "enum" not in new and "pattern" not in new:
        low = new.get("minLength", 0)
        high = max(low, min(new["maxLength"], text_max))
        new["pattern"] = f"^{_PRINTABLE}{{{low},{high}}}$"
    return new


def _strict(schema: Schema) -> Schema:
    new = _children(schema, _strict)
    return {key: value for key, value in new.items() if key in _STRUCTURE}


def restrict(schema: Schema, path: str, values: tuple[str, ...]) -> Schema:
    """Return the schema with the string at a path limited to some values.

    Args:
        schema: Schema of a response.
        path: Names of properties with dots between them; `[]` goes into an array's entries.
        values: What the string may be; must not be empty.
    """
    assert values, path
    if not path:
        return {"type": "string", "enum": list(values)}
    head, _, rest = path.partition(".")
    if head == "[]":
        return {**schema, "items": restrict(schema["items"], rest, values)}
    properties = dict(schema["properties"])
    properties[head] = restrict(properties[head], rest, values)
    return {**schema, "properties": properties}


def unbounded(schema: Schema, where: str = "response") -> list[str]:
    """Return what in a schema has no bound: a long string, an endless list, an open object."""
    found: list[str] = []
    kind = schema.get("type")
    if kind == "string" and "enum" not in schema and "maxLength" not in schema:
        found.append(f"{where}: a string without max_length")
    elif kind in ("integer", "number") and not {"minimum", "maximum"} <= set(schema):
        found.append(f"{where}: a number without ge and le")
    elif kind == "array":
        if "maxItems" not in schema:
            found.append(f"{where}: a list without max_length")
        found += unbounded(schema.get("items", {}), f"{where}[]")
    elif kind == "object":
        if schema.get("additionalProperties") is not False:
            found.append(f"{where}: an object that takes other keys")
        if set(schema.get("required", ())) != set(schema.get("properties", {})):
            found.append(f"{where}: a key that may be left out")
        for name, one in schema.get("properties", {}).items():
            found += unbounded(one, f"{where}.{name}")
    elif kind is None:
        found.append(f"{where}: anything at all")
    return found
