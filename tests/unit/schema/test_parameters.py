import pytest
from pydantic import BaseModel

from feedtwin.errors import SchemaError, SettingsError
from feedtwin.schema.parameters import (
    ParameterSet,
    Section,
    load_defaults,
    parse_assignment,
    parse_parameters,
    section_model,
)
from feedtwin.schema.yaml_reader import read_document

LEAF = "unit: s, source: 'ours, 2.1', status: choice, meaning: x."
TEXT = f"""
skip:
  intercept: {{value: -0.5, bounds: [-5, 5], {LEAF}}}
  count: {{value: 3, bounds: [1, 10], {LEAF}}}
mode: {{value: repaired, choices: [repaired, literal], {LEAF}}}
hours: {{value: [1.0, 2, 3], bounds: [0, 9], {LEAF}}}
is_on: {{value: true, {LEAF}}}
"""


def _set(text=TEXT):
    found = parse_parameters(read_document(text, "parameters/x.yaml"), "x")
    return ParameterSet({parameter.path: parameter for parameter in found})


def test_paths_are_file_name_and_nested_keys():
    assert _set().values() == {
        "x.skip.intercept": -0.5,
        "x.skip.count": 3,
        "x.mode": "repaired",
        "x.hours": [1.0, 2.0, 3.0],
        "x.is_on": True,
    }


def test_a_section_is_nested_again():
    assert _set().section("x.skip") == {"intercept": -0.5, "count": 3}
    assert _set().section("x")["skip"]["count"] == 3
    with pytest.raises(SettingsError, match=r"did you mean 'x\.skip'"):
        _set().section("x.skp")


def test_an_overlay_leaves_the_set_it_came_from_alone():
    base = _set()
    changed = base.overlay({"x": {"skip": {"count": 4}}, "x.is_on": False}, "arm")
    assert (base.get("x.skip.count"), changed.get("x.skip.count")) == (3, 4)
    assert changed.parameter("x.skip.count").set_by == "arm"
    assert base.parameter("x.skip.count").set_by == "default"


def test_a_section_under_an_overlay_is_that_of_the_whole_overlay_and_unknown_paths_are_refused():
    values = {"x.skip.count": 4, "x.mode": "literal", "x.hours": [3, 2, 1]}
    for prefix in ("x", "x.skip"):
        whole = _set().overlay(values, "arm").section(prefix)
        assert _set().overlaid_section(prefix, values, "arm") == whole
    with pytest.raises(SettingsError, match=r"arm: no parameter is called 'y\.old'"):
        _set().overlaid_section("x.skip", {"y.old": 1}, "arm")
    with pytest.raises(SettingsError, match=r"x\.skip\.count is 11"):
        _set().overlaid_section("x.skip", {"x.skip.count": 11}, "arm")


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("x.skip.intercpt", 1, r"no parameter is called 'x\.skip\.intercpt'; did you mean 'x\.skip\.intercept'"),
        ("x.skip.intercept", 6, r"is 6 s but must be at most 5 \(parameters/x\.yaml, line 3; .*ours, 2\.1"),
        ("x.skip.intercept", -5.5, "must be at least -5"),
        ("x.skip.intercept", float("nan"), "must be a number"),
        ("x.skip.intercept", "high", "must be a number"),
        ("x.skip.intercept", True, "must be a number"),
        ("x.skip.count", 1.5, "must be a whole number"),
        ("x.mode", "litteral", "one of repaired, literal; did you mean 'literal'"),
        ("x.is_on", 1, "true or false"),
        ("x.hours", 1.0, "must be a list of 3 entries"),
        ("x.hours", [1, 2], "has 2 entries but must have 3"),
        ("x.hours", [1, 2, 10], r"x\.hours\[2\] is 10 s but must be at most 9"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_explained(path, value, problem):
    with pytest.raises(SettingsError, match=problem) as caught:
        _set().overlay({path: value}, "w.yaml", {path: 7})
    assert str(caught.value).startswith("w.yaml, line 7: ")


def test_whole_numbers_serve_where_floats_are_expected_and_the_other_way_round():
    changed = _set().overlay({"x.skip.intercept": 1, "x.skip.count": 4.0}, "w")
    assert type(changed.get("x.skip.intercept")) is float
    assert type(changed.get("x.skip.count")) is int


def test_the_digest_depends_on_values_and_on_nothing_else():
    base = _set()
    moved = ParameterSet({path: base.parameter(path) for path in reversed(list(base))})
    assert moved.digest() == base.digest()
    assert base.overlay({"x.skip.count": 3}, "same").digest() == base.digest()
    assert base.overlay({"x.skip.count": 4}, "other").digest() != base.digest()


@pytest.mark.parametrize(
    ("leaf", "problem"),
    [
        ("{value: 1, bounds: [0, 2], unit: s, status: choice, meaning: x.}", "has no source"),
        (f"{{value: 1, {LEAF}}}", "neither bounds nor choices"),
        (f"{{value: 3, bounds: [0, 2], {LEAF}}}", "must be at most 2"),
        (f"{{value: 1, bounds: [2, 0], {LEAF}}}", r"expected \[lowest, highest\]"),
        (f"{{value: 1, bounds: 2, {LEAF}}}", r"expected \[lowest, highest\]"),
        (f"{{value: 1, bound: [0, 2], {LEAF}}}", "did you mean 'bounds'"),
        (f"{{value: null, bounds: [0, 2], {LEAF}}}", "has no value"),
        ("{value: 1, bounds: [0, 2], unit: s, source: x, status: guess, meaning: x.}", "status"),
        ("3", "expected a mapping"),
    ],
)
def test_an_incomplete_declaration_is_refused_with_its_line(leaf, problem):
    with pytest.raises(SchemaError, match=problem) as caught:
        _set(f"\na: {leaf}\n")
    assert str(caught.value).startswith("parameters/x.yaml, line 2")


def test_an_assignment_is_split_and_typed():
    assert parse_assignment("a.b=0.5") == ("a.b", 0.5)
    assert parse_assignment("a = word") == ("a", "word")
    assert parse_assignment("a=[1, 2.5]") == ("a", [1, 2.5])
    assert parse_assignment("a=x=y") == ("a", "x=y")
    for text in ("a", "=1"):
        with pytest.raises(SettingsError, match="expected path=value"):
            parse_assignment(text)


class _Skip(Section):
    intercept: float
    count: int


def test_a_model_built_from_its_section_cannot_drift_from_it():
    model = section_model(_Skip, _set().section("x.skip"))
    assert (model.intercept, model.count) == (-0.5, 3)
    with pytest.raises(SchemaError, match="extra"):
        section_model(_Skip, {"intercept": 0.0, "count": 1, "extra": 2})
    with pytest.raises(SchemaError, match="count"):
        section_model(_Skip, {"intercept": 0.0})


def test_a_model_with_a_default_or_open_to_extras_is_refused():
    class Defaulted(Section):
        count: int = 3

    class Open(BaseModel):
        count: int

    with pytest.raises(SchemaError, match=r"belongs in parameters"):
        section_model(Defaulted, {"count": 1})
    with pytest.raises(SchemaError, match="forbid extra"):
        section_model(Open, {"count": 1})


def test_every_row_of_the_defaults_names_where_it_was_set():
    assert {row["set_by"] for row in load_defaults().rows()} == {"default"}
