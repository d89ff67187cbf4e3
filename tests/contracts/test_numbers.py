"""Every number has a unit, bounds, a source and a status; presets and worlds fit them."""

import pytest

from feedtwin.schema.parameters import (
    STATUSES,
    load_defaults,
    load_preset,
    preset_sources,
    presets,
)
from feedtwin.schema.settings import matched_of, read_world, resolve, worlds

PRESETS = presets()
MATCHED = [name for name in worlds() if matched_of(name) is not None]


def test_every_parameter_has_unit_source_status_and_meaning():
    rows = load_defaults().rows()
    assert len(rows) > 100
    for row in rows:
        assert row["unit"] and row["meaning"], row["path"]
        assert len(str(row["source"])) >= 5, row["path"]
        assert row["status"] in STATUSES, row["path"]


def test_every_default_lies_within_its_bounds():
    for row in load_defaults().rows():
        values = row["value"] if isinstance(row["value"], list) else [row["value"]]
        if row["bounds"] is not None:
            low, high = row["bounds"]
            assert low < high, row["path"]
            assert all(low <= value <= high for value in values), row["path"]
        if row["choices"] is not None:
            assert set(values) <= set(row["choices"]) and len(row["choices"]) > 1, row["path"]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_fits_the_bounds_and_changes_something(name):
    defaults = load_defaults()
    preset = load_preset(name)
    overlaid = defaults.overlay(preset.values, preset.where, preset.lines)
    assert overlaid.values() != defaults.values()


@pytest.mark.parametrize("name", PRESETS)
def test_every_value_of_a_preset_has_a_source(name):
    sources = preset_sources(name)
    assert sources.keys() == load_preset(name).values.keys()
    assert all(len(source) >= 20 for source in sources.values())


@pytest.mark.parametrize("name", MATCHED)
def test_every_value_of_a_matched_world_has_a_source_and_its_state_counts_its_levels(name):
    matched = matched_of(name)
    assert matched.sources.keys() == matched.values.keys()
    assert all(len(source) >= 20 for source in matched.sources.values())
    levels = read_world(name)[1].values["targets"]["levels"]
    assert f"({len(levels)} levels)" in matched.state


def test_the_papers_world_is_a_matched_one():
    assert MATCHED == ["paper"]


def test_the_published_mechanisms_are_a_preset():
    assert "paper_literal" in PRESETS


@pytest.mark.parametrize("name", worlds())
def test_a_world_by_name_resolves_and_describes_itself(name):
    assert resolve(name).world == name
    assert read_world(name)[1].values["description"]


def test_the_four_worlds_ship():
    assert set(worlds()) >= {"kuairand-sample", "kuairand", "synthetic", "everything"}
