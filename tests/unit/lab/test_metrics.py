"""Every metric against a plain-Python reference that reads the event log, not the totals."""

import math
from collections import Counter, defaultdict

import pytest

from feedtwin.lab.metrics import METRICS, listed_metrics, measure
from feedtwin.lab.run_data import read_run
from feedtwin.record.reader import Run

PUBLIC = 1


class Log:
    """The events and tables of a run as lists of mappings."""

    def __init__(self, path):
        run = Run.open(path)
        self.watched = run.events("VIDEO_WATCHED").to_pylist()
        self.skipped = run.events("VIDEO_SKIPPED").to_pylist()
        self.engaged = run.events("VIDEO_ENGAGED").to_pylist()
        self.started = run.events("SESSION_STARTED").to_pylist()
        self.ended = run.events("SESSION_ENDED").to_pylist()
        self.social = run.events("SOCIAL_GRAPH_UPDATED").to_pylist()
        self.created = run.events("VIDEO_CREATED").to_pylist()
        self.stages = run.events("EXPOSURE_STAGE_CHANGED").to_pylist()
        self.items = {row["item"]: row for row in run.table("items").to_pylist()}
        self.days = len(run.commits) / 24
        self.met = [*self.watched, *self.skipped]
        self.lengths = [row["impressions"] for row in self.ended]

    def ratio(self, watch_ms, item):
        return watch_ms / 1000 / self.items[item]["duration_s"]

    def public_views(self):
        views = {item: 0 for item, row in self.items.items() if row["is_public"] == PUBLIC}
        for row in self.watched:
            views[row["item"]] += 1
        return views

    def creator_views(self):
        views = defaultdict(int)
        for item, count in self.public_views().items():
            views[item >> 32] += count
        return views

    def exits(self, cause):
        return sum(row["cause"] == cause for row in self.ended) / len(self.ended)

    def engagements(self, kind):
        return sum(row["engagement"] == kind for row in self.engaged) / len(self.met)

    def active(self):
        return {row["user"] for row in self.started}


def gini_of_pairs(values):
    """The definition: half the mean absolute difference over all ordered pairs, over the mean."""
    count, mean = len(values), sum(values) / len(values)
    return sum(abs(a - b) for a in values for b in values) / (2 * count * count * mean)


def entropy_of(weights):
    total = sum(weights)
    return sum(-w / total * math.log2(w / total) for w in weights if w)


def tags_of(row):
    return [row[f"hashtag_{k}"] for k in (1, 2, 3) if row[f"hashtag_{k}"]]


def exposure_entropy(log):
    weights = Counter()
    for row in log.met:
        weights.update(tags_of(log.items[row["item"]]))
    return entropy_of(weights.values())


def supply_entropy(log):
    weights = Counter()
    for row in log.items.values():
        if row["is_public"] == PUBLIC:
            weights.update(tags_of(row))
    return entropy_of(weights.values())


def top_percent(log):
    views = sorted(log.public_views().values(), reverse=True)
    return sum(views[: math.ceil(len(views) / 100)]) / sum(views)


def spread(values):
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))


def mean(values):
    values = list(values)
    return sum(values) / len(values)


REFERENCES = {
    "watch_s": lambda log: mean(row["watch_ms"] / 1000 for row in log.met),
    "completion": lambda log: mean(min(log.ratio(r["watch_ms"], r["item"]), 1) for r in log.met),
    "finished_share": lambda log: sum(r["completion"] >= 1 for r in log.watched) / len(log.met),
    "skip_rate": lambda log: len(log.skipped) / len(log.met),
    "impressions": lambda log: len(log.met),
    "views": lambda log: len(log.watched),
    "like_rate": lambda log: log.engagements(1),
    "share_rate": lambda log: log.engagements(2),
    "comment_rate": lambda log: log.engagements(3),
    "follows": lambda log: sum(r["edge"] == 1 and r["added"] == 1 for r in log.social),
    "sessions": lambda log: len(log.ended),
    "session_length": lambda log: mean(log.lengths),
    "session_length_sd": lambda log: spread(log.lengths),
    "session_watch_s": lambda log: mean(row["watch_ms"] / 1000 for row in log.ended),
    "exit_share_boredom": lambda log: log.exits(1),
    "exit_share_energy": lambda log: log.exits(2),
    "exit_share_cap": lambda log: log.exits(3),
    "exit_share_feed_exhausted": lambda log: log.exits(4),
    "active_users": lambda log: len(log.active()),
    "impressions_per_active_user_day": lambda log: len(log.met) / len(log.active()) / log.days,
    "view_gini_videos": lambda log: gini_of_pairs(list(log.public_views().values())),
    "view_gini_creators": lambda log: gini_of_pairs(list(log.creator_views().values())),
    "top1_view_share": top_percent,
    "hashtag_entropy_exposure": exposure_entropy,
    "hashtag_entropy_supply": supply_entropy,
    "uploads": lambda log: len(log.created),
    "viral": lambda log: sum(row["to_stage"] == 2 for row in log.stages),
}
TOLERANCES = {"completion": 1e-3}  # the totals count completions in whole thousandths, rounded down


@pytest.fixture(scope="module")
def log(run_folder):
    return Log(run_folder)


@pytest.fixture(scope="module")
def readings(run_folder):
    return measure(read_run(run_folder))


def test_every_metric_has_a_reference():
    """Those of governance have theirs in `test_governance_metrics.py`, on a run that is governed."""
    assert set(REFERENCES) == {name for name, one in METRICS.items() if one.family != "governance"}


@pytest.mark.parametrize("name", list(REFERENCES))
def test_a_metric_equals_its_plain_python_reference(name, readings, log):
    expected = REFERENCES[name](log)
    tolerance = TOLERANCES.get(name, 0)
    assert readings[name].value == pytest.approx(expected, rel=1e-9, abs=max(tolerance, 1e-12))


def test_the_log_that_tests_metrics_has_something_of_everything(log):
    assert len(log.met) > 500 and len(log.ended) > 20 and log.skipped and log.created and log.social
    assert {row["engagement"] for row in log.engaged} == {1, 2, 3}


def test_metrics_are_read_family_by_family():
    families = [one.family for one in listed_metrics()]
    assert [f for k, f in enumerate(families) if f not in families[:k]] == [
        "attention", "engagement", "sessions", "concentration", "diversity", "supply", "governance"
    ]  # fmt: skip
