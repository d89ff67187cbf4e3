"""`trace`: one impression, a user's impressions, a video's life."""

import json

import pytest
from typer.testing import CliRunner

from feedtwin.record.reader import Run


@pytest.fixture(scope="module")
def served(made):
    return Run.open(made.folder / "a").sql("SELECT * FROM video_watched LIMIT 1").to_pylist()[0]


def name_of(row):
    return f"{row['user']}:{row['request']}:{row['slot']}"


def test_an_impression_is_printed_stage_by_stage(made, served, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    text = made("trace", "a", "--impression", name_of(served)).stdout
    for words in ("Ranking", "Slate", "propensity", "Encounter", "log-odds", "draw", "session",
                  "on_outcomes of", "Checked"):  # fmt: skip
        assert words in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_an_impression_as_json_has_every_section_and_all_candidates(made, served):
    found = made.json("trace", "a", "--impression", name_of(served))
    assert {"impression", "user", "video", "request", "slate", "encounter", "learning", "events",
            "checked"} <= set(found)  # fmt: skip
    assert found["impression"]["item"] == served["item"]
    assert found["encounter"]["watch"]["watch_ms"] == served["watch_ms"]
    assert len(found["request"]["candidates"]) > 12


def test_a_users_impressions_are_listed_and_one_is_proposed(made, served):
    rows = made.json("trace", "a", "--user", served["user"])
    text = made("trace", "a", "--user", served["user"]).stdout
    assert f"{len(rows)} slots served" in text
    proposed = next(line for line in text.splitlines() if line.startswith("next"))
    assert "Slate" in made(*proposed.split()[2:]).stdout


def test_a_videos_life_is_printed_and_drawn(made, served):
    pytest.importorskip("matplotlib")
    text = made("trace", "a", "--video", served["item"], "--plot", "life.svg").stdout
    for words in ("impressions", "Exposure stages", "Velocity", "Trends", "Shares", "wrote"):
        assert words in text
    assert (made.folder / "life.svg").read_text().startswith("<?xml")
    found = made.json("trace", "a", "--video", served["item"])
    assert found["item"] == served["item"] and len(found["velocity"]) == found["last_step"] + 1
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "found 0 of --impression"),
        (("--user", "1", "--video", "2"), "found 2"),
        (("--user", "1", "--plot", "x.svg"), "found no --video"),
        (("--impression", "1:2"), "USER:REQUEST:SLOT"),
        (("--impression", "5:99999:0"), "the nearest is 5:"),
        (("--user", "100000"), "no user 100000: users are 0 to 119; expected somebody"),
        (("--user", "100000"), "the nearest is 1"),
        (("--user", "3"), "user 3 was shown nothing in steps 0 to 5"),
        (("--video", "nothing"), "CREATOR:ORDINAL"),
        (("--video", "9:9"), "seen most"),
        (
            ("--video", "700"),
            "a bare number is a whole item id; expected CREATOR:ORDINAL, such as 700:0",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_status_two(made, words, said):
    result = made("trace", "a", *words, status=2)
    assert said in result.stderr and result.stdout == ""


def test_the_help_says_what_there_is():
    from feedtwin.cli import app

    text = CliRunner().invoke(app, ["trace", "--help"]).stdout
    assert "--impression" in text and "--video" in text and "--plot" in text
