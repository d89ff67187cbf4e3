"""What the pages on scripts and imports tell people to type works; and so does asking a user."""

import json
import re
import sqlite3
from pathlib import Path

import pytest

HOWTO = Path(__file__).resolve().parents[2] / "docs" / "howto"


def block(page, kind):
    text = (HOWTO / page).read_text("utf-8")
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return found


def test_the_world_file_of_the_page_runs_and_everything_in_it_happens(cli):
    (cli.folder / "mine.yaml").write_text(block("script-actions.md", "yaml"))
    cli("run", "mine.yaml", "--users", "60", "--steps", "6", "--out", "a")
    kinds = "SELECT kind FROM social_activity WHERE kind <> 24 ORDER BY step, ordinal"
    rows = cli.json("sql", "a", kinds)["rows"]
    assert [row["kind"] for row in rows] == [1, 2, 22]
    lives = cli.json("sql", "a", "SELECT change, viewers FROM live_state_changed")["rows"]
    assert {"change": 1, "viewers": 0} in lives and {"change": 3, "viewers": 1} in lives
    assert "equal" in cli("replay", "a").stdout


SOME_LEFT_OUT = """script:
  - {step: 0, action: CREATE_POST, user: 5}
  - {step: 1, action: LIKE_POST, user: 7, item: post:5/0}
  - {step: 1, action: LIKE_POST, user: 8, item: post:9/0}
  - {step: 2, action: FOLLOW, user: 5, target: 7}
  - {step: 2, action: TREND, user: 6}
population: {kind: synthetic}
parameters: {user.sessions_per_day: 0}
"""


def test_a_run_says_what_of_its_script_was_carried_out(cli):
    (cli.folder / "mine.yaml").write_text(SOME_LEFT_OUT)
    run = ("run", "mine.yaml", "--users", "60", "--steps", "3", "--out")
    printed = " ".join(cli(*run, "a").stdout.split())
    assert (
        "script 3 of 5 entries carried out; left out: 1 LIKE_POST at step 1, 1 TREND at step 2"
        in printed
    )
    found = cli.json(*run, "b")["script"]
    assert (found["entries"], found["done"], found["later"]) == (5, 3, 0)
    assert found["left_out"] == [[1, "LIKE_POST", 1], [2, "TREND", 1]]


def test_a_step_that_the_run_does_not_have_is_refused_with_its_line(cli):
    (cli.folder / "mine.yaml").write_text(SOME_LEFT_OUT)
    found = cli("run", "mine.yaml", "--users", "60", "--steps", "2", "--out", "a", status=2)
    assert "mine.yaml, line 5: FOLLOW is at step 2 but the run has steps 0 to 1" in found.stderr
    assert not (cli.folder / "a").exists()


def test_a_mistake_in_a_script_is_one_message_with_its_line(cli):
    (cli.folder / "mine.yaml").write_text("script:\n  - {step: 0, action: REFRESH, user: 5}\n")
    found = cli("run", "mine.yaml", "--users", "60", "--out", "a", status=2)
    assert "mine.yaml, line 2: REFRESH cannot be scripted" in " ".join(found.stderr.split())
    assert not (cli.folder / "a").exists()


def test_the_python_of_the_page_runs(cli, monkeypatch, capsys):
    monkeypatch.chdir(cli.folder)
    exec(compile(block("script-actions.md", "python"), "example", "exec"), {})
    assert "ordinal" in capsys.readouterr().out


def test_the_import_of_the_page_runs(cli, monkeypatch, capsys):
    monkeypatch.chdir(cli.folder)
    with sqlite3.connect("oasis.db") as made:
        made.execute("CREATE TABLE trace (user_id, created_at, action, info)")
        rows = [(3, 0, "create_post", {"post_id": 1}), (4, 90, "like_post", {"post_id": 1}),
                (4, 95, "refresh", {})]  # fmt: skip
        made.executemany(
            "INSERT INTO trace VALUES (?, ?, ?, ?)", [(*r[:3], json.dumps(r[3])) for r in rows]
        )
    made.close()
    code = block("import-oasis.md", "python").replace("users=1000, steps=48", "users=60, steps=3")
    exec(compile(code, "example", "exec"), {})
    assert "2 actions; left out: {'REFRESH': 1}" in capsys.readouterr().out


def test_a_user_of_a_run_can_be_asked(made):
    said = made.json("interview", "a", "--user", "5", "--at", "3")
    assert said["user"] == 5 and said["step"] == 3
    assert set(said) == {"user", "step", "interests", "mood", "memory", "role"}
    printed = made("interview", "a", "--user", "5", "--question", "role").stdout
    assert "role: tier " in printed and "memory" not in printed


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--user", "120"], "found user 120, expected 0 to 119"),
        (["--user", "5", "--at", "6"], "has steps 0 to 5"),
        (["--user", "5", "--question", "moood"], "did you mean 'mood'"),
    ],
)
def test_a_wrong_question_is_explained(made, words, problem):
    found = made("interview", "a", *words, status=2)
    assert problem in " ".join(found.stderr.split())


def test_who_never_signed_up_cannot_be_asked(cli):
    prospects = ("--set", "population.prospects=30", "--set", "user.signup_rate=0")
    cli("run", "synthetic", "--users", "60", "--steps", "1", "--out", "a", *prospects)
    for nobody in ("60", "300", "1030"):  # a vacant row, and one who may sign up later
        found = cli("interview", "a", "--user", nobody, status=2).stderr
        assert f"user {nobody} has not signed up by the end of step 0" in found
        assert "such as 59" in found
