"""The coverage script counts what happened, and says by its status when something never did."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "coverage.py"
MINE = (
    "CREATE_POST LIKE_POST UNLIKE_POST DISLIKE_POST REPOST QUOTE_POST CREATE_COMMENT LIKE_COMMENT "
    "CREATE_GROUP JOIN_GROUP SEND_TO_GROUP LISTEN_FROM_GROUP SEARCH_USER SEARCH_POSTS TREND "
    "START_LIVE END_LIVE JOIN_LIVE LEAVE_LIVE"
).split()


@pytest.fixture(scope="module")
def coverage():
    spec = importlib.util.spec_from_file_location("coverage_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _numbers(printed):
    rows = [line.split() for line in printed.splitlines()]
    return {row[0]: int(row[-1].replace(",", "")) for row in rows
            if len(row) in (2, 3) and row[-1].replace(",", "").isdigit()}  # fmt: skip


def test_what_is_counted_is_what_the_world_counts_itself(coverage, told, capsys):
    world = told([], steps=0, world="everything", users=300).world
    tally = coverage.Tally(world)
    for _ in range(12):
        world.step()
    counts, totals = tally.counts(12), world.platform.telemetry.as_dict()
    assert counts["WATCH_VIDEO"] + counts["SKIP_VIDEO"] == totals["impressions"]
    assert counts["SKIP_VIDEO"] == totals["skips"] == tally.events["VIDEO_SKIPPED"]
    engaged = sum(counts[f"{name}_VIDEO"] for name in ("LIKE", "SHARE", "COMMENT"))
    assert engaged == tally.events["VIDEO_ENGAGED"]
    lists = sum(counts[name] for name in ("REFRESH", "SEARCH_POSTS", "TREND"))
    assert lists == totals["requests"] == tally.events["FEED_REQUESTED"]
    assert counts["EXIT"] == totals["sessions"]


def test_everything_of_the_community_happens_in_the_world_where_everything_is_on(coverage, capsys):
    coverage.main(["--users", "1500", "--steps", "40"])
    counted = _numbers(capsys.readouterr().out)
    assert len(counted) == 48 + 23
    assert [name for name in MINE if not counted[name]] == []
    assert counted["SOCIAL_ACTIVITY"] > 1000 < counted["LIVE_STATE_CHANGED"] * 20


def test_the_status_says_that_something_never_happened(coverage, capsys):
    assert coverage.main(["--world", "synthetic", "--users", "60", "--steps", "2"]) == 1
    assert "never happened: " in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_all_of_it_happens_within_a_week_of_ten_thousand_people(coverage, capsys):
    assert coverage.main([]) == 0, capsys.readouterr().out
