"""A small run and a small study in which everything that a report can show happens, made once."""

import pytest

import feedtwin

PATCH = "promotion.initial_audience=5 promotion.expanded_audience=20 promotion.velocity_gate=5 promotion.viral_steps=3"


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("reports") / "run"
    feedtwin.run(
        "everything", users=120, steps=36, seed=7, out=path, threads=1,
        sets=[*PATCH.split(), "user.uploads_per_day=[6,3,1,0]", "trends.warm_up_steps=4"],
    )  # fmt: skip
    return path


@pytest.fixture(scope="session")
def study_folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("reports") / "study"
    feedtwin.compare(
        (), "policies.recommendation=popularity", world="everything", users=60, steps=8, replicates=3,
        metrics=["watch_s", "skip_rate", "view_gini_videos"], out=path, workers=1, name="tiny",
        over_time=4, distributions=["views_of_videos", "earnings_of_creators"],
        description="What does <b>popularity</b> & co do?",
    )  # fmt: skip
    return path
