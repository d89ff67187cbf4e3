"""Nothing outside a task's type gets through the decoder, whatever a reply looks like."""

import json
from time import perf_counter

import pytest

from feedtwin.llm.decoding import Refused, decode, strict_json
from feedtwin.llm.task import Response, task
from feedtwin.testing.samples import Lots, sample_asks, sample_response

TASKS = (
    "ACTION_SELECTION", "CAPTION_GENERATION", "COMMENT_GENERATION", "CREATOR_CAMPAIGN",
    "PERSONA_GENERATION", "TREND_PREDICTION",
)  # fmt: skip
GENERATED = 20_000
CUT = 200


def fits(schema, value):
    """Whether a value fits a schema; written apart from the decoder, in the plainest way."""
    if "enum" in schema:
        return value in schema["enum"]
    kind = schema["type"]
    if kind == "object":
        properties = schema["properties"]
        return set(value) == set(properties) and all(
            fits(properties[name], one) for name, one in value.items()
        )
    if kind == "array":
        low, high = schema.get("minItems", 0), schema["maxItems"]
        return low <= len(value) <= high and all(fits(schema["items"], one) for one in value)
    if kind == "string":
        return isinstance(value, str) and len(value) <= schema["maxLength"] and value.isprintable()
    if kind == "boolean":
        return isinstance(value, bool)
    types = int if kind == "integer" else (int, float)
    return not isinstance(value, bool) and isinstance(value, types) and schema["minimum"] <= value <= schema["maximum"]  # fmt: skip


def judge(ask, text):
    """Read a reply; whatever is not refused must be of the type, fit the request, and be canonical."""
    try:
        found = ask.task.read(ask.request, text)
    except Refused as refused:
        assert len(refused.reason) < 120
        return None
    assert type(found) is ask.task.response
    fields = found.model_dump(mode="json")
    assert fits(ask.task.schema_for(ask.request), fields), fields
    return found


def pool(name, count):
    """Asks with a good reply each."""
    lots = Lots("pool", name)
    return [(ask, sample_response(ask, lots)) for ask in sample_asks(task(name), count, seed=3)]


# -- hostile replies written by hand -------------------------------------------------------------

WHOLE = (
    "", " ", "\n", "null", "true", "42", '"text"', "[]", "[{}]", "{}", "{", "}", "{]", "[}", '{"', '{"a"', '{"a":',
    "undefined", "None", "NaN", "Infinity", "-Infinity", "{'a': 1}", "{a: 1}", '{"a":1,}', "// comment\n{}", "\x00", "\ufeff",
    "<html>", "<?xml version='1.0'?>", "---\na: 1", "I am sorry, I cannot do that.", "As an AI language model", "DROP TABLE users;",
    "=HYPERLINK(\"http://x\")", "{{7*7}}", "${jndi:ldap://x}", "__import__('os').system('x')", "\\u0000", "\ud800", "💥" * 1000,
    '{"__proto__":{}}', '{"$ref":"#"}', '{"error":"rate limit"}', '{"choices":[]}', '{"tool_calls":[{"name":"delete"}]}',
    '{"admin":true,"budget_microusd":-1}', '{"user":7,"item":9}', "[" * 100_000, "{\"a\":" * 100_000, "[" * 50_000 + "]" * 50_000,
    '"' * 60_000, '\\"' * 30_000, "1" * 60_000, "-" * 60_000, '{"a":' + "9" * 5_000 + "}", '{"a":1e400}', '{"a":-1e400}', '{"a":1e-400}',
    '{"a":0.1' + "0" * 5_000 + "}",
)  # fmt: skip
WRAPPED = (
    "```json\n{}\n```", "```\n{}\n```", "Sure! {}", "{} I hope this helps", "{0} {0}", "{0}\n{0}", "[{}]", "({})", "{};", "{},", "\ufeff{}",
    "\x00{}", "{}\x00", "/* {} */", "answer = {}", "data: {}\n\n", "{{\"answer\":{}}}", "{{\"a\":{0},\"b\":{0}}}", "<json>{}</json>",
    "<think>hm</think>{}", "{}}}", "{{{}", "'{}'", "null{}", "{}null", "1{}", "{}\n// done", "<|im_start|>{}", "{}<|im_end|>", "[INST]{}",
)  # fmt: skip
VALUES = (
    "null", "true", "false", "0", "-1", "-0.0", "1.5", "1e3", "99999999999", "1" * 400, "1e400", "-1e400", "NaN", "Infinity", "[]", "{}", "[[]]",
    '[{}]', '""', '" "', '"\\u0000"', '"a\\u0000b"', '"\\n"', '"a\\nb"', '"\\t"', '"\\u001b[31m"', '"\\ud800"', '"\\udfff\\ud800"', '"\\u200b"',
    '"\\u202egnp.exe"', '"\\ufeff"', '"\\uffff"', '"\\u2028"', '"positiv\\u0435"', '"elite\\u200b"', '"ELITE"', '"dance "', '"../../etc/passwd"',
    '"=SUM(A1)"', '"+1"', '"@cmd"', '"<script>alert(1)</script>"', '"\'; DROP TABLE users;--"', '"{{7*7}}"', '"{0.__class__}"', '"%s%n"',
    '"' + "a" * 10_000 + '"', '"' + "\\u00e9" * 5_000 + '"', '["a"]', '{"a":1}', '"0"', '"true"', '[1,2,3,4,5,6,7,8,9,10,11,12]',
)  # fmt: skip


def by_hand(fields):
    """Hostile replies: whole texts, wrappings of a good reply, hostile values and keys in every place."""
    good = json.dumps(fields)
    yield from WHOLE
    for frame in WRAPPED:
        yield (
            frame.replace("{0}", good).replace("{{", "{").replace("}}", "}").replace("{}", good)
            if "{0}" in frame
            else frame.replace("{{", "\0")
            .replace("}}", "\1")
            .replace("{}", good)
            .replace("\0", "{")
            .replace("\1", "}")
        )
    marker = "\0HERE\0"
    for place in places(fields):
        frame = json.dumps(put(fields, place, marker)).replace(json.dumps(marker), "\0")
        yield from (frame.replace("\0", value) for value in VALUES)
        yield json.dumps(put(fields, place, None, drop=True))
    for key in ("extra", "user_id", "__class__", "budget", "answer", ""):
        yield json.dumps({**fields, key: 1})
    for name in fields:
        yield good[:-1] + f', "{name}": {json.dumps(fields[name])}}}'  # the same key twice


def places(value, path=()):
    """Every place in nested fields."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield (*path, name)
            yield from places(one, (*path, name))
    elif isinstance(value, list) and value:
        yield (*path, 0)
        yield from places(value[0], (*path, 0))


def put(value, path, new, drop=False):
    """A copy of nested fields with one place changed or dropped."""
    copy = json.loads(json.dumps(value))
    inner = copy
    for part in path[:-1]:
        inner = inner[part]
    if drop:
        del inner[path[-1]]
    else:
        inner[path[-1]] = new
    return copy


@pytest.mark.parametrize("name", TASKS)
def test_replies_written_by_an_enemy_are_refused_or_stay_within_the_type(name):
    ask, fields = pool(name, 3)[2]
    replies = list(by_hand(fields))
    assert len(replies) >= 200
    for text in (*WHOLE, *list(by_hand(fields))[len(WHOLE) : len(WHOLE) + len(WRAPPED)]):
        assert judge(ask, text) is None, text[:80]
    for text in replies:
        judge(ask, text)


@pytest.mark.parametrize("name", TASKS)
def test_a_key_that_is_missing_added_or_doubled_is_refused(name):
    ask, fields = pool(name, 1)[0]
    good = json.dumps(fields)
    assert judge(ask, good) is not None
    for key in fields:
        assert judge(ask, json.dumps({k: v for k, v in fields.items() if k != key})) is None
        assert judge(ask, f'{good[:-1]},"{key}":{json.dumps(fields[key])}}}') is None
    assert judge(ask, json.dumps({**fields, "extra": 1})) is None


# -- generated replies ---------------------------------------------------------------------------

BITS = (
    '"',
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "0",
    "9",
    "-",
    "e",
    ".",
    "\x00",
    "\u202e",
    "é",
    "null",
    "NaN",
    "\ud800",
    " ",
    "\n",
    "```",
    "true",
)


def mutated(text, other, lots):
    """A reply with one to three things wrong with it."""
    for _ in range(lots.one(1, 4)):
        size = max(len(text), 1)
        kind, at = lots.one(0, 8), lots.one(0, size)
        upto = min(at + lots.one(1, 24), size)
        if kind == 0:
            text = text[:at] + lots.of(BITS) + text[at:]
        elif kind == 1:
            text = text[:at] + text[upto:]
        elif kind == 2:
            text = text[:at] + text[at:upto] * lots.one(2, 5) + text[upto:]
        elif kind == 3:
            text = text[:at] + lots.of(VALUES)[:200] + text[upto:]
        elif kind == 4:
            text = text[:at] + other[at:]
        elif kind == 5:
            text = text[:at] + lots.of(BITS) + text[at + 1 :]
        elif kind == 6:
            text = swapped(text, lots)
        else:
            text = text[:at]
    return text


def swapped(text, lots):
    """A reply in which one value is another value: the grammar is kept, the type is not."""
    parts = text.split(":")
    if len(parts) < 2:
        return text
    at = lots.one(1, len(parts))
    tail = parts[at]
    end = max(tail.rfind(","), tail.rfind("}"))
    parts[at] = lots.of(VALUES)[:300] + (tail[end:] if end >= 0 else "")
    return ":".join(parts)


@pytest.mark.parametrize("name", TASKS)
def test_generated_replies_are_refused_or_stay_within_the_type(name):
    good = [(ask, json.dumps(fields)) for ask, fields in pool(name, 40)]
    lots = Lots("fuzz", name)
    accepted = 0
    for turn in range(GENERATED):
        ask, text = good[turn % len(good)]
        reply = mutated(text, good[(turn * 7 + 1) % len(good)][1], lots)
        accepted += judge(ask, reply) is not None
    assert 0 < accepted < GENERATED // 2  # the fuzzer reaches both sides of the border


@pytest.mark.parametrize("name", TASKS)
def test_a_good_reply_cut_at_any_byte_is_never_another_answer(name):
    for ask, fields in pool(name, CUT):
        text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
        whole = ask.task.read(ask.request, text)
        data = text.encode()
        for end in range(len(data)):
            found = judge(ask, data[:end].decode("utf-8", "replace"))
            assert found is None or found == whole


def test_what_the_decoder_gets_through_is_bounded_in_time():
    ask, fields = pool("CREATOR_CAMPAIGN", 1)[0]
    worst = 0.0
    for text in (
        *by_hand(fields),
        "[" * 65_536,
        '"\\"' * 21_000,
        "{" + '"a":1,' * 9_000,
        "9" * 65_536,
        '{"a":"' + "\\u0041" * 10_000,
    ):
        began = perf_counter()
        judge(ask, text)
        worst = max(worst, perf_counter() - began)
    assert worst < 0.25  # 64 KiB take a few milliseconds on a machine with nothing else to do


# -- strict JSON ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 13 + "]" * 13, "deep"), ('{"a":1,"a":2}', "duplicate"), ('{"a":{"b":1,"b":1}}', "duplicate"), ("[NaN]", "number"),
        ("[1e999]", "range"), ("[" + "1" * 25 + "]", "long"), ("1 2", "JSON"), ("x" * 70_000, "long"), ("é" * 40_000, "long"),
    ],
)  # fmt: skip
def test_strict_json_takes_one_standard_value(text, reason):
    with pytest.raises(Refused, match=reason):
        strict_json(text)


def test_strict_json_takes_what_is_standard():
    deep = "[" * 12 + "]" * 12
    for text in (
        '{"a":[1,2.5,"x",null,true]}',
        deep,
        ' {"brackets":"[[[[[[[[[[[[[[[[[[[[" } ',
        '"\\u00e9"',
    ):
        assert strict_json(text) == json.loads(text)


def test_reasons_quote_nothing_of_a_reply():
    class Small(Response):
        """A response."""

        known: int

    for text in (
        '{"known":1,"SECRET-KEY":2}',
        '{"known":"SECRET"}',
        '{"SECRET":{"SECRET":1}}',
        '{"known":SECRET}',
    ):
        with pytest.raises(Refused) as caught:
            decode(Small, text)
        assert "SECRET" not in caught.value.reason
