"""Tracing an impression: what it says adds up, equals what was published and logged, and needs no log."""

import shutil

import pyarrow as pa
import pytest

from feedtwin.errors import DeterminismError, SettingsError
from feedtwin.kernels.binding import load
from feedtwin.record.reader import Run
from feedtwin.world.impressions import Impression, impressions_of
from feedtwin.world.running import RunOptions, start
from feedtwin.world.tracing import trace
from feedtwin.world.watching import Watching


@pytest.fixture(scope="module")
def rows(straight):
    """All served slots with their outcomes: watched, skipped, not reached."""
    return (
        Run.open(straight.path)
        .sql(
            """
        SELECT i.step, i."user", i.request, i.slot, i.item, i.inserted,
               w.watch_ms AS watched, s.watch_ms AS skipped
        FROM impression_served i
        LEFT JOIN video_watched w USING ("user", request, slot)
        LEFT JOIN video_skipped s USING ("user", request, slot)
        ORDER BY i.step, i."user", i.request, i.slot
        """
        )
        .to_pylist()
    )


def one_of(rows, want):
    chosen = [row for row in rows if want(row)]
    row = chosen[len(chosen) // 2]
    return row, Impression(row["user"], row["request"], row["slot"])


def test_a_watched_impression_is_traced_from_request_to_learning(straight, rows, kernels):
    row, wanted = one_of(rows, lambda row: row["watched"] is not None and row["step"] > 6)
    found = trace(straight.path, wanted, kernels)
    assert found.impression["item"] == row["item"] and found.impression["step"] == row["step"]
    hook, watch = found.encounter["hook"], found.encounter["watch"]
    assert sum(hook["terms"].values()) == pytest.approx(hook["log_odds"], abs=1e-5)
    assert hook["skipped"] is False and hook["draw"] > hook["probability"]
    assert watch["watch_ms"] == row["watched"]
    for one in found.encounter["engagement"].values():
        assert sum(one["terms"].values()) == pytest.approx(one["log_odds"], abs=1e-5)
        assert one["happened"] == (one["draw"] < one["probability"])
    assert any("log" in line for line in found.checked)


def test_a_skip_has_a_draw_below_its_chance_and_no_engagement(straight, rows, kernels):
    row, wanted = one_of(rows, lambda row: row["skipped"] is not None and row["step"] > 6)
    found = trace(straight.path, wanted, kernels)
    hook = found.encounter["hook"]
    assert hook["skipped"] is True and hook["draw"] < hook["probability"]
    assert found.encounter["engagement"] == {}
    assert found.encounter["watch"]["watch_ms"] == row["skipped"] < 3000


def test_a_slot_behind_the_exit_was_served_and_met_nobody(straight, rows, kernels):
    _, wanted = one_of(rows, lambda row: row["watched"] is None and row["skipped"] is None)
    found = trace(straight.path, wanted, kernels)
    assert found.impression["reached"] is False and found.slate[wanted.slot]["propensity"] > 0
    assert found.encounter is None and found.learning is None
    assert not any(one["event"].startswith("VIDEO_") for one in found.events)


def test_candidates_carry_terms_draws_and_what_became_of_them(straight, rows, kernels):
    _, wanted = one_of(rows, lambda row: row["slot"] == 2 and row["step"] > 8)
    found = trace(straight.path, wanted, kernels)
    candidates = [one for one in found.request["candidates"] if one["key"] is not None]
    for one in candidates:
        assert sum(one["terms"].values()) == pytest.approx(one["score"], abs=1e-5)
        key = one["score"] / found.request["temperature"] + one["gumbel"]
        assert key == pytest.approx(one["key"], abs=1e-3)
        assert (one["slot"] is None) == (one["reason"] != "shown")
    assert [one["key"] for one in candidates] == sorted(
        (one["key"] for one in candidates), reverse=True
    )
    placed = {one["slot"]: one["item"] for one in candidates if one["slot"] is not None}
    assert placed == {one["slot"]: one["item"] for one in found.slate if not one["inserted"]}


def test_the_session_of_one_slot_ends_where_that_of_the_next_begins(straight, rows, kernels):
    row, wanted = one_of(
        rows, lambda row: row["slot"] == 0 and row["step"] > 6 and row["watched"] is not None
    )
    first = trace(straight.path, wanted, kernels)
    if first.learning["session"]["then"] == "goes on":
        second = trace(straight.path, Impression(wanted.user, wanted.request, 1), kernels)
        assert second.learning["session"]["before"] == first.learning["session"]["after"]
    state = first.learning["session"]
    assert state["after"]["session_impressions"] == state["before"]["session_impressions"] + 1
    gained = state["after"]["session_watch_ms"] - state["before"]["session_watch_ms"]
    assert gained == row["watched"]


def test_every_event_of_an_impression_is_there_with_those_who_took_it(straight, rows, kernels):
    follows = Run.open(straight.path).sql("SELECT * FROM social_graph_updated LIMIT 1").to_pylist()
    row = follows[0]
    found = trace(straight.path, Impression(row["user"], row["request"], row["slot"]), kernels)
    taken = {one["event"]: one["handlers"] for one in found.events}
    assert {"FEED_REQUESTED", "IMPRESSION_SERVED", "VIDEO_WATCHED"} <= set(taken)
    assert taken["VIDEO_WATCHED"][:1] == ["user.on_outcomes"]
    assert "user.on_social_graph_updated" in taken["SOCIAL_GRAPH_UPDATED"]
    assert found.encounter["engagement"]["follow"]["happened"] is True


@pytest.mark.parametrize("build", ["numpy", "auto"])
def test_a_run_without_events_gives_the_same_trace(straight, rows, lab, tmp_path, build):
    start(lab.tiny(), tmp_path / "bare", RunOptions(lab.steps, "digest", 5), load(build))
    _, wanted = one_of(rows, lambda row: row["watched"] is not None and row["step"] > 6)
    with_log = vars(trace(straight.path, wanted, load("auto")))
    without = vars(trace(tmp_path / "bare", wanted, load(build)))
    assert len(with_log.pop("checked")) == len(without.pop("checked")) + 1
    assert with_log == without
    assert impressions_of(straight.path, wanted.user, load("auto")) == impressions_of(
        tmp_path / "bare", wanted.user, load(build)
    )


def test_a_policy_that_scores_by_itself_is_traced_too(lab, tmp_path, kernels, monkeypatch):
    (tmp_path / "own_ranker.py").write_text(
        "import numpy as np\n"
        "from feedtwin.policies.interface import policy\n"
        "from feedtwin.policies.recommendation.tiktok import TikTok\n\n"
        "@policy('recommendation', 'shortest', section='recommendation', code=90)\n"
        "class Shortest(TikTok):\n"
        "    'Short videos first.'\n"
        "    def ranking(self, view):\n"
        "        return None\n"
        "    def scores(self, view, block):\n"
        "        return -view.items.duration_s[block.candidate] / np.float32(60)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    settings = lab.tiny(sets=["policies.recommendation=own_ranker:Shortest"])
    start(settings, tmp_path / "own", RunOptions(4), kernels)
    row = Run.open(tmp_path / "own").sql("SELECT * FROM impression_served LIMIT 1").to_pylist()[0]
    wanted = Impression(row["user"], row["request"], row["slot"])
    found = trace(tmp_path / "own", wanted, kernels)
    (ours,) = [one for one in found.request["candidates"] if one["slot"] == wanted.slot]
    assert "policy" in ours["terms"] and "similarity" not in ours["terms"]


def test_an_unfinished_run_is_traced_up_to_its_last_commit(images, rows, kernels):
    row, wanted = one_of(rows, lambda row: row["step"] == 7 and row["watched"] is not None)
    assert trace(images[9], wanted, kernels).impression["item"] == row["item"]
    _, later = one_of(rows, lambda row: row["step"] == 11)
    with pytest.raises(SettingsError, match="up to step 8; the nearest is"):
        trace(images[9], later, kernels)


def test_an_unknown_impression_names_the_nearest(straight, rows, lab, tmp_path, kernels):
    last = rows[-1]
    near = Impression(last["user"], last["request"], 99)
    with pytest.raises(SettingsError, match=f"the nearest is {last['user']}:{last['request']}:"):
        trace(straight.path, near, kernels)
    with pytest.raises(SettingsError, match="the nearest is"):
        trace(straight.path, Impression(10**6, 0, 0), kernels)
    start(lab.tiny(), tmp_path / "bare", RunOptions(3, "digest"), kernels)
    with pytest.raises(SettingsError, match="users are 0 to 79"):
        trace(tmp_path / "bare", Impression(10**6, 0, 0), kernels)
    with pytest.raises(SettingsError, match="--user 5 lists"):
        trace(tmp_path / "bare", Impression(5, 10**6, 0), kernels)


@pytest.mark.parametrize(
    "text", ["", "1:2", "a:b:c", "1:2:3:4", "-1:0:0", f"{2**32}:0:0", "0:0:256"]
)
def test_an_impression_that_cannot_be_read_is_refused(text):
    with pytest.raises(SettingsError, match="expected"):
        Impression.parse(text)


def test_a_logged_outcome_that_is_not_the_executed_one_is_an_error(
    straight, rows, kernels, monkeypatch
):
    _, wanted = one_of(rows, lambda row: row["watched"] is not None and row["step"] > 6)
    honest = Run.sql

    def lying(run, query):
        found = honest(run, query)
        if "SELECT * FROM video_watched" not in query or not found.num_rows:
            return found
        watch = pa.array([one + 1 for one in found.column("watch_ms").to_pylist()], pa.uint32())
        return found.set_column(found.column_names.index("watch_ms"), "watch_ms", watch)

    monkeypatch.setattr(Run, "sql", lying)
    with pytest.raises(DeterminismError, match=r"VIDEO_WATCHED.*watch_ms"):
        trace(straight.path, wanted, kernels)


def test_looking_on_changes_nothing(rows, lab, kernels, numpy_kernels):
    plain = lab.chain(lab.tiny(), kernels, 3)
    _, early = one_of(rows, lambda row: row["step"] < 3)
    for inner in (kernels, numpy_kernels):
        seen = []
        watching = Watching(inner, early.user, lambda name, a, seen=seen: seen.append(name))
        watching.arm()
        assert lab.chain(lab.tiny(), watching, 3) == plain
        assert seen == ["encounter", "learn", "estimate"]


def test_tracing_writes_nothing_into_the_run(straight, rows, kernels, copied):
    path = copied(straight.path)
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    _, wanted = one_of(rows, lambda row: row["step"] > 6)
    trace(path, wanted, kernels)
    impressions_of(path, wanted.user, kernels)
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == before
    shutil.rmtree(path)
