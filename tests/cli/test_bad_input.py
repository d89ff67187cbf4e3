"""Bad input: one clear message on standard error, status 2, nothing half-written."""

import pytest

QUICK = ("--users", "20", "--steps", "1")

CASES = {
    "an unknown setting suggests the nearest name": (
        ("run", "synthetic", "--set", "interaction.skip_intercpt=1"),
        ("interaction.skip_intercpt", "did you mean 'interaction.skip_intercept'"),
    ),
    "a value out of bounds names the bound and its source": (
        ("run", "synthetic", "--set", "interaction.skip_hook=99"),
        ("99", "at most 10", "interaction.yaml", "source"),
    ),
    "a setting without a value shows the form": (
        ("run", "synthetic", "--set", "interaction.skip_hook"), ("path=value",),
    ),
    "a missing data folder is named": (
        ("run", "kuairand", "--set", "data.path=nowhere"), ("nowhere", "does not exist"),
    ),
    "a world that needs data says how to give it": (
        ("run", "kuairand"), ("data.path=FOLDER",),
    ),
    "an unknown world suggests the nearest": (
        ("run", "synthetc"), ("synthetc", "did you mean 'synthetic'"),
    ),
    "a missing world file is named": (("run", "nowhere.yaml"), ("nowhere.yaml: no such file",)),
    "an unknown policy suggests the nearest": (
        ("run", "synthetic", *QUICK, "--set", "policies.recommendation=tiktk"),
        ("tiktk", "did you mean 'tiktok'"),
    ),
    "an unknown lever lists what there is": (
        ("run", "synthetic", *QUICK, "--set", "policies.rank="),
        ("no lever is called 'rank'", "recommendation, promotion, behaviour"),
    ),
    "a policy without a name says where the names are": (
        ("run", "synthetic", *QUICK, "--set", "policies.recommendation="),
        ("policies.recommendation is empty", "feedtwin list policies"),
    ),
    "an unknown preset lists what there is": (
        ("run", "synthetic", "--preset", "paper"), ("paper_literal",),
    ),
    "a seed out of range is refused": (("run", "synthetic", "--seed", "-1"), ("seed", "0")),
    "no users are refused": (("run", "synthetic", "--users", "0"), ("users", "1")),
    "an unknown kernel lists what there is": (
        ("run", "synthetic", "--kernel", "gpu9"), ("gpu9", "numpy"),
    ),
    "an unknown log level lists what there is": (
        ("run", "synthetic", "--log", "some"), ("some", "full", "digest"),
    ),
    "replaying no run says so": (("replay", "nowhere"), ("nowhere: no such folder",)),
    "resuming no run says so": (("resume", "nowhere"), ("nowhere: no such folder",)),
    "forking no run says so": (("fork", "nowhere", "--at", "1"), ("nowhere: no such folder",)),
    "querying no run says so": (("sql", "nowhere", "select 1"), ("nowhere: no such folder",)),
    "comparing with no run says so": (("compare", "nowhere", "x"), ("nowhere: no such folder",)),
}  # fmt: skip


@pytest.mark.parametrize(("words", "expected"), CASES.values(), ids=CASES)
def test_bad_input_ends_with_one_message_and_nothing_written(cli, words, expected):
    result = cli(*words, status=2)
    assert result.stdout == ""
    assert result.stderr.startswith("error: ") and "Traceback" not in result.stderr
    for text in expected:
        assert text in result.stderr
    assert list(cli.folder.iterdir()) == []


def test_errors_with_json_leave_standard_output_empty(cli):
    result = cli("run", "synthetc", "--json", status=2)
    assert result.stdout == "" and result.stderr.startswith("error: ")


def test_an_output_folder_that_exists_is_left_as_it_is(cli):
    (cli.folder / "mine").mkdir()
    (cli.folder / "mine" / "note.txt").write_text("keep")
    result = cli("run", "synthetic", *QUICK, "--out", "mine", status=2)
    assert "mine: holds something" in result.stderr and "--out" in result.stderr
    assert [path.name for path in cli.folder.rglob("*")] == ["mine", "note.txt"]


def test_a_run_that_exists_is_offered_to_resume(made):
    result = made("run", "synthetic", *QUICK, "--out", "a", status=2)
    assert "feedtwin resume a" in result.stderr


def test_a_place_that_cannot_be_written_is_named(cli):
    (cli.folder / "file").write_text("")
    result = cli("run", "synthetic", *QUICK, "--out", "file/run", status=2)
    assert "file/run" in result.stderr and "Traceback" not in result.stderr


def test_a_malformed_world_file_names_the_line(cli):
    (cli.folder / "w.yaml").write_text("description: x\npopulaton: {kind: synthetic}\n")
    result = cli("run", "w.yaml", status=2)
    assert "w.yaml, line 2" in result.stderr and "did you mean 'population'" in result.stderr


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (("--at", "99"), "99"),
        (("--at", "3", "--set", "population.users=9"), "population.users"),
        (("--at", "3", "--steps", "2"), "--steps 2"),
        (("--at", "3", "--set", "user.patience_men=1"), "no setting"),
    ],
)
def test_a_fork_that_cannot_be_made_prints_nothing_but_why(made, change, word):
    before = sorted(path.name for path in made.folder.iterdir())
    result = made("fork", "a", *change, status=2)
    assert result.stdout == "" and word in result.stderr
    assert sorted(path.name for path in made.folder.iterdir()) == before


@pytest.mark.parametrize(
    "words", [("rum",), ("list", "things"), ("run", "--steps", "0"), ("fork", "a")]
)
def test_a_misused_command_line_has_the_status_of_bad_input(cli, words):
    result = cli(*words, status=2)
    assert result.stdout == "" and "Traceback" not in result.stderr


def test_an_unexpected_exception_keeps_its_traceback(cli, monkeypatch):
    import feedtwin.schema.settings

    def broken():
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(feedtwin.schema.settings, "worlds", broken)
    with pytest.raises(ZeroDivisionError):
        cli("list", "worlds")
