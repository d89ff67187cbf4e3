"""A video's life from the log: velocities, stages, trends and the tree of shares."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest

from feedtwin.errors import RunFolderError, SettingsError
from feedtwin.lab.life import life_of, parse_video, smoothed
from feedtwin.lab.life_plot import plot_life, stage_spans, trend_keys
from feedtwin.record.reader import Run


@pytest.fixture(scope="module")
def viral_run(tmp_path_factory):
    import feedtwin

    path = tmp_path_factory.mktemp("life") / "run"
    feedtwin.run(
        "synthetic", users=200, steps=40, seed=4, out=path, threads=1,
        sets=["promotion.velocity_gate=2", "promotion.completion_gate=0.05",
              "promotion.initial_audience=20", "user.uploads_per_day=[6,3,1,0]"],
    )  # fmt: skip
    return path


@pytest.fixture(scope="module")
def star(viral_run):
    """The uploaded video that went viral with the most impressions."""
    rows = Run.open(viral_run).sql(
        "SELECT item, max(s.impressions) AS n FROM video_goes_viral v JOIN content_state_updated s "
        "USING (item) JOIN video_created c USING (item) GROUP BY item ORDER BY n DESC, item LIMIT 1"
    )
    return int(rows.to_pylist()[0]["item"])


def test_the_hours_of_a_life_add_up_to_what_was_logged(viral_run, star):
    life = life_of(viral_run, star)
    run = Run.open(viral_run)
    met = run.sql(
        f"SELECT count(*) AS n FROM (SELECT item FROM video_watched WHERE item = {star} AND step < 39 UNION ALL "
        f"SELECT item FROM video_skipped WHERE item = {star} AND step < 39)"
    ).to_pylist()[0]["n"]
    assert int(life.hourly["impressions"].sum()) == met > 0
    first = run.sql(
        f"SELECT min(step) AS s FROM impression_served WHERE item = {star}"
    ).to_pylist()[0]["s"]
    hour = int(np.nonzero(life.hourly["impressions"])[0][0])
    assert life.first_step + hour >= first >= life.first_step
    assert life.created["step"] == life.first_step


def test_the_velocity_is_the_one_that_opened_the_gate(viral_run, star):
    life = life_of(viral_run, star)
    assert life.stages and life.viral
    for row in life.stages:
        hour = row["step"] - 1 - life.first_step
        if hour >= 0:
            assert life.velocity[hour] == pytest.approx(row["velocity"], rel=1e-4, abs=1e-4)
    assert [row["to"] for row in life.stages].count("VIRAL_STAGE") == len(life.viral)


def test_stages_cover_the_life_without_gaps(viral_run, star):
    life = life_of(viral_run, star)
    spans = stage_spans(life)
    assert spans[0][0] == "INITIAL_EXPOSURE" and spans[0][1] == life.first_step
    assert spans[-1][2] == life.last_step + 1
    assert all(a[2] == b[1] for a, b in pairwise(spans))


def test_a_half_life_halves_what_is_left():
    found = smoothed(np.array([8.0, 0, 0, 0]), 1.0)
    assert found.tolist() == [4, 2, 1, 0.5]


@pytest.mark.parametrize(("text", "item"), [("502:2", 502 << 32 | 2), ("17", 17)])
def test_a_video_is_named_by_id_or_by_creator_and_ordinal(text, item):
    assert parse_video(text) == item


@pytest.mark.parametrize("text", ["", "a", "1:2:3", "-4", str(2**64), f"{2**32}:0"])
def test_what_is_no_video_is_refused(text):
    with pytest.raises(SettingsError, match="CREATOR:ORDINAL"):
        parse_video(text)


def test_an_unknown_video_names_those_seen_most(viral_run):
    with pytest.raises(SettingsError, match=r"seen most are \d+"):
        life_of(viral_run, 2**63)


def test_without_a_log_there_is_no_life_and_it_says_how_to_get_one(tmp_path):
    import feedtwin

    feedtwin.run("synthetic", users=20, steps=1, out=tmp_path / "bare", log="digest", threads=1)
    with pytest.raises(RunFolderError, match="--log full"):
        life_of(tmp_path / "bare", 1)


@pytest.fixture
def trending(viral_run, star):
    def row(step, kind, key, to):
        return {"step": step, "kind": kind, "key": key, "from": "NONE", "to": to,
                "velocity": 2.0, "volume": 5}  # fmt: skip

    rows = [row(9, "HASHTAG", 3, "EMERGENCE"), row(14, "HASHTAG", 3, "PEAK"),
            row(20, "SOUND", 5, "EMERGENCE"), row(30, "HASHTAG", 3, "NONE")]  # fmt: skip
    return dataclasses.replace(life_of(viral_run, star), trends=rows)


@pytest.mark.parametrize("name", ["life.svg", "life.png"])
def test_a_life_is_drawn_with_labels_and_units(trending, tmp_path, name):
    plot_life(trending, tmp_path / "new" / name)
    drawn = (tmp_path / "new" / name).read_bytes()
    assert len(drawn) > 5000
    plot_life(trending, tmp_path / name)
    assert (tmp_path / name).read_bytes() == drawn  # the same life gives the same picture
    assert trend_keys(trending) == [("HASHTAG", 3), ("SOUND", 5)]


def test_a_plot_of_another_format_is_refused_in_a_sentence(trending, tmp_path):
    with pytest.raises(SettingsError, match=r"\.svg"):
        plot_life(trending, tmp_path / "life.doc")
