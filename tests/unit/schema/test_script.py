"""What a script may say, and how a mistake is explained."""

import pytest

from feedtwin.errors import SettingsError
from feedtwin.schema.actions import ACTIONS
from feedtwin.schema.script import LOOP_ONLY
from feedtwin.schema.settings import Settings, resolve
from feedtwin.world.build import build

LIKE = {"step": 3, "action": "LIKE_POST", "user": 5, "item": "post:12/0"}


def script(*entries, **options):
    return resolve("synthetic", users=40, script=entries, **options).script


def test_an_entry_is_completed_and_words_become_numbers():
    assert script(LIKE) == (
        {"step": 3, "action": "LIKE_POST", "user": 5, "item": 12 << 32 | 1 << 30},
    )
    (report,) = script(
        {"step": 0, "action": "report_post", "user": 1, "item": "video:2/7", "reason": "spam"}
    )
    assert report["action"] == "REPORT_POST" and report["item"] == 2 << 32 | 7
    assert (report["reason"], report["toxicity"], report["slot"]) == (2, 0, 0)
    (room,) = script({"step": 0, "action": "JOIN_LIVE", "user": 1, "item": "live:4/1"})
    assert room["item"] == 4 << 32 | 1 << 31 | 1


def test_names_of_oasis_and_of_the_paper_are_understood():
    assert script({"step": 0, "action": "sign_up", "user": 1})[0]["action"] == "SIGNUP"
    assert script({**LIKE, "action": "like_post"}) == script(LIKE)


def test_a_script_of_the_file_comes_before_that_of_the_caller(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "script:\n  - {step: 1, action: FOLLOW, user: 5, target: 9}\n"
        "  - step: 2\n    action: create_post\n    user: 6\n"
    )
    found = resolve(path, users=40, script=[LIKE]).script
    assert [entry["action"] for entry in found] == ["FOLLOW", "CREATE_POST", "LIKE_POST"]
    assert found[0] == {"step": 1, "action": "FOLLOW", "user": 5, "target": 9, "request": 0,
                        "slot": 0}  # fmt: skip


def test_a_script_survives_the_journal():
    settings = resolve("synthetic", users=40, script=[LIKE])
    again = Settings.model_validate_json(settings.model_dump_json())
    assert again == settings and again.digest() == settings.digest()
    assert settings.digest() != resolve("synthetic", users=40).digest()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"action": "LIKE_POSTS"}, "no action is called 'LIKE_POSTS'; did you mean 'LIKE_POST'"),
        ({"itm": 3}, "LIKE_POST has no field 'itm'; did you mean 'item'"),
        ({"user": 40}, "user is 40 but the world has users 0 to 39"),
        ({"user": -1}, "user is -1 but must be a whole number from 0"),
        ({"user": True}, "user is True but must be a whole number"),
        ({"user": "five"}, "user is 'five'; expected a whole number"),
        ({"step": 1.5}, r"step is 1\.5 but must be a whole number"),
        ({"item": 2**64}, "item is 18446744073709551616 but must be"),
        ({"item": "post:12"}, "expected a whole number, or for an item"),
        ({"item": "song:1/2"}, "kind one of video, post, live"),
        ({"item": "post:1/1073741824"}, "no such owner or ordinal"),
        ({"item": None}, "item is None but must be"),
        (
            {"item": "post:40/0"},
            "LIKE_POST.item belongs to user 40 but the world has users 0 to 39",
        ),
        ({"step": 6}, "LIKE_POST is at step 6 but the run has steps 0 to 5; run more --steps"),
    ],
)
def test_a_wrong_entry_is_explained(change, problem):
    with pytest.raises(SettingsError, match=problem) as caught:
        script(LIKE, {**LIKE, **change}, steps=6)
    assert "script, entry 1" in str(caught.value)


@pytest.mark.parametrize("action", ["FOLLOW", "UNFOLLOW", "MUTE", "UNMUTE", "SEND_GIFT"])
def test_nobody_acts_on_themselves(action):
    gift = {"item": 0, "amount_microusd": 5} if action == "SEND_GIFT" else {}
    with pytest.raises(SettingsError, match=f"script, entry 0: {action} of user 5 has themselves"):
        script({"step": 0, "action": action, "user": 5, "target": 5, **gift})


@pytest.mark.parametrize("name", ["step", "user", "item"])
def test_a_missing_field_is_named_with_its_meaning(name):
    entry = {key: value for key, value in LIKE.items() if key != name}
    with pytest.raises(SettingsError, match=f"LIKE_POST needs {name}: "):
        script(entry)


@pytest.mark.parametrize("entry", [3, None, ["step"], {"step": 1}])
def test_what_is_no_entry_is_refused(entry, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(f"script:\n  - {entry!r}\n".replace("None", "~"))
    with pytest.raises(SettingsError, match="expected an entry such as"):
        resolve(path)


def test_a_mistake_in_a_file_is_reported_with_its_line(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("script:\n  - {step: 1, action: FOLLOW, user: 5, target: 9}\n"
                    "  - step: 2\n    action: FOLOW\n    user: 6\n")  # fmt: skip
    with pytest.raises(SettingsError, match=r"mine\.yaml, line 3: .*did you mean 'FOLLOW'"):
        resolve(path)
    path.write_text("script: 3\n")
    with pytest.raises(SettingsError, match="line 1: script is 3; expected a list"):
        resolve(path)


@pytest.mark.parametrize("name", LOOP_ONLY)
def test_what_only_the_loop_does_is_refused_with_a_reason(name):
    payload = {item.name: 0 for item in ACTIONS[name].payload}
    with pytest.raises(SettingsError, match=f"{name} cannot be scripted: .{{30}}"):
        script({**payload, "action": name})


def test_a_code_must_be_one_of_its_enumeration():
    report = {"step": 0, "action": "REPORT_POST", "user": 1, "item": 7}
    with pytest.raises(SettingsError, match="reason is 9 but must be one of 1 TOXICITY, 2 SPAM"):
        script({**report, "reason": 9})
    with pytest.raises(SettingsError, match="one of TOXICITY, SPAM, OTHER; did you mean 'SPAM'"):
        script({**report, "reason": "spamm"})
    with pytest.raises(SettingsError, match="toxicity is 'high' but must be a number"):
        script({**report, "toxicity": "high"})


def test_what_nobody_executes_here_is_refused_when_the_world_is_built(kernels_numpy, monkeypatch):
    from feedtwin.twins.user.acts.acting import Acting

    settings = resolve("synthetic", users=40, script=[
        {"step": 1, "action": "FOLLOW", "user": 5, "target": 9}])  # fmt: skip
    monkeypatch.delattr(Acting, "do_follow")
    with pytest.raises(SettingsError, match=r"entry 0 \(step 1\): no part .* executes FOLLOW"):
        build(settings, kernels_numpy)


def test_a_user_that_a_world_of_data_lacks_is_refused_when_it_is_built(kernels_numpy):
    settings = resolve("kuairand-sample", script=[{**LIKE, "user": 10_000_000}])
    with pytest.raises(SettingsError, match=r"LIKE_POST\.user is 10000000; expected 0 to"):
        build(settings, kernels_numpy)


@pytest.fixture(scope="module")
def kernels_numpy():
    from feedtwin.kernels.binding import load

    return load("numpy")
