"""`list` and `doctor`: what there is."""

import pytest

from feedtwin.randomness import STREAMS

SUBJECTS = (
    "actions events policies parameters streams tables metrics worlds presets studies".split()
)


def test_there_are_48_actions_and_each_says_whether_it_is_handled(cli):
    actions = cli.json("list", "actions")
    assert len(actions) == len({one["name"] for one in actions}) == 48
    assert {one["handled"] for one in actions} == {True}
    needed = {
        "number",
        "name",
        "group",
        "origin",
        "actor",
        "payload",
        "executor",
        "emits",
        "meaning",
    }
    assert all(needed <= set(one) for one in actions)


def test_there_are_23_events_with_typed_fields(cli):
    events = cli.json("list", "events")
    assert len(events) == len({one["name"] for one in events}) == 23
    for one in events:
        assert one["producer"] and one["fields"][0]["name"] == "step"
        assert all({"name", "dtype", "unit", "meaning"} <= set(field) for field in one["fields"])


def test_every_stream_says_what_it_decides_by_which_key_and_where(cli):
    streams = cli.json("list", "streams")
    assert [one["stream"] for one in streams] == [stream.name for stream in STREAMS]
    assert all(one["key"] and one["decides"] and one["where"] for one in streams)
    places = [(one["block"], one["word"]) for one in streams]
    assert len(set(places)) == len(places)


def test_policies_say_their_lever_and_whether_they_are_oracles(cli):
    policies = {(one["lever"], one["name"]): one for one in cli.json("list", "policies")}
    assert policies["recommendation", "oracle"]["oracle"] is True
    assert policies["recommendation", "tiktok"]["oracle"] is False
    defaults = [key for key, one in policies.items() if one["default"]]
    assert len(defaults) == len({lever for lever, _ in policies})
    assert all(one["meaning"] for one in policies.values())


def test_parameters_have_unit_source_status_and_bounds_or_choices(cli):
    for one in cli.json("list", "parameters"):
        assert one["unit"] and one["source"] and one["status"] in ("paper", "data", "choice")
        assert one["bounds"] or one["choices"] or isinstance(one["value"], (str, list)), one


def test_tables_say_what_a_policy_may_see(cli):
    columns = {(one["table"], one["column"]): one for one in cli.json("list", "tables")}
    assert columns["items", "hook_strength"]["policy_visible"] is False
    assert columns["users", "interests"]["policy_visible"] is False
    assert columns["items", "duration_s"]["policy_visible"] is True


def test_worlds_and_presets_say_what_they_are(cli):
    assert {"synthetic", "kuairand-sample"} <= {one["world"] for one in cli.json("list", "worlds")}
    values = cli.json("list", "presets")
    assert {"paper_literal", "paper (a world)"} <= {one["preset"] for one in values}
    assert all(one["unit"] and one["source"] for one in values)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_listing_for_people_has_a_line_for_every_entry_and_counts_them(cli, subject):
    rows, text = cli.json("list", subject), cli("list", subject).stdout
    assert f"{len(rows)} " in text and "--json has every field" in text
    first = next(value for key, value in rows[0].items() if key not in ("number", "table", "lever"))
    assert str(first) in text


def test_doctor_finds_what_a_run_needs(cli):
    found = cli.json("doctor")
    assert found["usable"] is True
    names = {one["name"].strip(): one for one in found["findings"]}
    assert {"python", "packages", "kernels", "arrow", "duckdb", "sample", "run folders"} <= set(
        names
    )
    assert "CC BY-SA 4.0" in names["sample"]["found"]
    assert list(cli.folder.iterdir()) == []
    assert "ready" in cli("doctor").stdout


def test_doctor_says_that_run_folders_cannot_be_written(cli):
    (cli.folder / "runs").write_text("a file where the folder should be")
    result = cli("doctor", status=1)
    assert "FAILS" in result.stdout and "--out" in result.stdout
