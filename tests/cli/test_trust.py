"""`replay`, `fork`, `compare`, `sql`: what they show, and with which status they end."""

import pytest

from feedtwin.record.reader import Run


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


@pytest.fixture
def copy(made, tmp_path):
    import shutil

    shutil.copytree(made.folder / "a", tmp_path / "copy")
    return tmp_path / "copy"


def test_replay_of_a_sound_run_succeeds_and_says_what_was_equal(made):
    found = made.json("replay", "a")
    run = Run.open(made.folder / "a")
    assert found["equal"] is True and found["steps"] == 6
    assert found["digest"] == run.manifest["digest"]
    assert found["rows_compared"] == sum(run.events(name).num_rows for name in run.event_names)
    assert "user.interests" in found["tables_compared"]
    assert "equal" in made("replay", "a").stdout


@pytest.mark.parametrize("name", ["journal", "events/VIDEO_WATCHED.parquet"])
def test_replay_of_an_altered_run_fails_and_names_the_file(made, copy, name):
    flip(copy / name, (copy / name).stat().st_size // 2)
    result = made("replay", copy, status=1)
    assert result.stdout == ""
    assert result.stderr.startswith("error: ") and name.split("/")[-1] in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_fork_without_change_is_the_same_run(made):
    found = made.json("fork", "a", "--at", "3", "--out", "same")
    assert found["digest"] == Run.open(made.folder / "a").manifest["digest"]
    assert found["parent"] == "a" and found["at"] == 3
    same = made.json("compare", "a", "same")
    assert same["equal"] is True and same["divergence"] is None and same["settings"] == []
    assert all(one["a"] == one["b"] for one in same["metrics"].values())


def test_a_fork_with_a_change_parts_at_the_first_row_it_touches(made):
    made("fork", "a", "--at", "3", "--set", "policies.recommendation=random", "--out", "other")
    found = made.json("compare", "a", "other", status=1)
    assert found["equal"] is False
    assert [one["path"] for one in found["settings"]] == ["policies.recommendation"]
    parted = found["divergence"]
    assert parted["step"] >= 3 and parted["phase"] == "serve"
    assert parted["event"] == "IMPRESSION_SERVED" and parted["value_a"] != parted["value_b"]
    text = made("compare", "a", "other", status=1).stdout
    assert "policies.recommendation" in text and "IMPRESSION_SERVED" in text and "b - a" in text


def test_a_fork_chooses_a_name_beside_its_parent(made):
    assert made.json("fork", "a", "--at", "5")["run_dir"] == "a-f5"
    assert made.json("fork", "a", "--at", "5")["run_dir"] == "a-f5-2"


def test_sql_answers_with_columns_and_rows(made):
    found = made.json("sql", "a", "select count(*) as n from video_watched")
    rows = Run.open(made.folder / "a").events("VIDEO_WATCHED").num_rows
    assert found == {"columns": ["n"], "row_count": 1, "rows": [{"n": rows}]}


def test_sql_prints_a_part_of_a_long_answer_and_says_so(made):
    text = made("sql", "a", "select user, item from video_watched", "--limit", "3").stdout
    assert text.splitlines()[0].split() == ["user", "item"]
    assert len(text.splitlines()) == 5 and "more of" in text


def test_sql_turns_what_json_lacks_into_null(made):
    found = made.json("sql", "a", "select 'nan'::float as x, date '2026-01-02' as d")
    assert found["rows"] == [{"x": None, "d": "2026-01-02"}]


def test_sql_that_is_wrong_names_the_tables(made):
    result = made("sql", "a", "select * from video_watch", status=2)
    assert result.stdout == "" and "video_watched" in result.stderr


def test_a_fork_that_changes_nothing_says_so(made):
    default = made("fork", "a", "--at", "3", "--out", "unchanged").stdout
    assert "no setting differs from those of a: this fork is the parent's own future" in default
    value = made.json("fork", "a", "--at", "3", "--set", "policies.recommendation=tiktok",
                      "--out", "alike")  # fmt: skip
    assert any("no setting differs" in message for message in value["messages"])
    other = made("fork", "a", "--at", "3", "--set", "recommendation.temperature=0.5", "--out", "b")
    assert "no setting differs" not in other.stdout
