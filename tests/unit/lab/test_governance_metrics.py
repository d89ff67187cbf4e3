"""Every metric of governance against a plain-Python reference that reads the event log, not the totals."""

import numpy as np
import pytest

import feedtwin
from feedtwin.lab.metrics import METRICS, measure
from feedtwin.lab.run_data import read_run
from feedtwin.record.reader import Run
from feedtwin.schema.batches import EventBatch
from feedtwin.schema.codes import SocialActivityKind
from feedtwin.twins.part import Part
from feedtwin.world import build as building

HORIZON = 12
SETS = (
    "policies.governance=reactive", "policies.campaigns=template", "campaigns.adoption=1",
    "campaigns.hours=[2,4,6]", "trends.emergence_gate=3", "forecast.floor=3", "trends.cascades=on",
    "governance.boost_gate=3", "governance.boost_size=9", "governance.boost_steps=4",
    "governance.active_max=2", "moderation.capacity=9", "content.toxicity_tail=1",
)  # fmt: skip


class Rehearsal(Part):
    """Says what users would: reports of some videos, and shares that follow each other."""

    name = "rehearsal"

    def due(self, step):
        items = self.sight.items.item
        rows = np.sort((np.arange(4) * 7 + step) % len(items))
        user = np.arange(4, dtype=np.uint32) + np.uint32(step % 9)
        report = {
            "user": user, "request": user * 0, "slot": np.zeros(4, np.uint8), "item": items[rows],
            "toxicity": np.ones(4, np.float32), "reason": np.ones(4, np.uint8),
        }  # fmt: skip
        sharer = np.maximum(user, 1).astype(np.uint64) - np.uint64(1)
        share = {
            "user": user, "ordinal": user * 0,
            "kind": np.full(4, SocialActivityKind.VIDEO_SHARED, np.uint8), "item": items[[0, 1, 0, 1]],
            "parent": np.where(user % 3 > 0, (sharer << np.uint64(32)) | np.uint64(1), 0).astype(np.uint64),
            "group": user * 0, "text": user * 0,
        }  # fmt: skip
        return [
            EventBatch("CONTENT_REPORTED", step, report),
            EventBatch("SOCIAL_ACTIVITY", step, share),
        ]


@pytest.fixture(scope="module")
def governed(tmp_path_factory):
    path = tmp_path_factory.mktemp("governed") / "run"
    original = building.add_governance

    def add_more(twins, settings, draws):
        original(twins, settings, draws)
        twins[0].parts += (Rehearsal(),)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "add_governance", add_more)
        feedtwin.run("synthetic", users=150, steps=40, seed=6, out=path, threads=1, sets=SETS)
    return path


class Log:
    """The events of a run as lists of mappings."""

    def __init__(self, path):
        run = Run.open(path)
        self.states = run.events("TREND_STATE_CHANGED").to_pylist()
        self.forecasts = run.events("TREND_FORECAST_ISSUED").to_pylist()
        self.actions = run.events("GOVERNANCE_ACTION_APPLIED").to_pylist()
        self.reports = run.events("CONTENT_REPORTED").to_pylist()
        self.shares = run.events("SOCIAL_ACTIVITY").to_pylist()
        self.created = run.events("VIDEO_CREATED").to_pylist()
        self.last_step = run.last_step

    def alarms(self):
        """(confidence, lead or None) of first alarms, settled when their key peaks or time is over."""
        found, open_ = [], {}
        for step in range(self.last_step + 1):
            for key in [key for key, (at, _) in open_.items() if step - at > HORIZON]:
                found.append((open_.pop(key)[1], None))
            for row in self.states:
                key = (row["kind"], row["key"])
                if row["step"] == step and row["to_lifecycle"] == 2 and key in open_:
                    at, confidence = open_.pop(key)
                    found.append((confidence, step - at))
            for row in self.forecasts:
                if row["step"] == step:
                    open_.setdefault((row["kind"], row["key"]), (step, row["confidence"]))
        return found

    def came_true(self):
        return [lead for _, lead in self.alarms() if lead is not None]

    def guards(self, *results):
        return sum(row["guard"] in results for row in self.actions)

    def moderated(self):
        """(reviews, backlog at the end) by following every report and decision in time."""
        open_, removed, reviews = set(), set(), 0
        decided = {8: "dismiss", 4: "label", 5: "gate", 7: "remove"}
        for step in range(self.last_step + 1):
            events = [row for row in self.reports if row["step"] == step]
            decisions = [
                row for row in self.actions
                if row["step"] == step and row["target_kind"] == 1 and row["action"] in decided
            ]  # fmt: skip
            open_ |= {row["item"] for row in events} - removed  # heard first: users come first
            for row in decisions:
                reviews += row["target"] in open_
                open_.discard(row["target"])
                removed |= {row["target"]} if row["action"] == 7 else set()
        return reviews, len(open_)

    def depths(self):
        """Depth of every sharer by video, and who shared on whom."""
        depth, children = {}, {}
        for row in sorted(self.shares, key=lambda row: (row["step"], row["user"])):
            key, above = (row["item"], row["user"]), (row["item"], row["parent"] >> 32)
            if key in depth:
                continue
            known = row["parent"] > 0 and above in depth
            depth[key] = depth[above] + 1 if known else 1
            if known:
                children[above] = children.get(above, 0) + 1
        return depth, children

    def breadth(self):
        depth, _ = self.depths()
        counts = {}
        for (item, _), level in depth.items():
            counts[item, level] = counts.get((item, level), 0) + 1
        return max(counts.values())


REFERENCES = {
    "trends_emerged": lambda log: sum(row["to_lifecycle"] == 1 for row in log.states),
    "forecast_precision": lambda log: len(log.came_true()) / len(log.alarms()),
    "forecast_lead_h": lambda log: sum(log.came_true()) / len(log.came_true()),
    "forecast_false_alarms": lambda log: len(log.alarms()) - len(log.came_true()),
    "forecast_brier": lambda log: sum(
        (confidence - (lead is not None)) ** 2 for confidence, lead in log.alarms()
    ) / len(log.alarms()),
    "interventions": lambda log: log.guards(1, 2),
    "interventions_clipped": lambda log: log.guards(2),
    "interventions_blocked": lambda log: log.guards(3),
    "reports": lambda log: len(log.reports),
    "reviews": lambda log: log.moderated()[0],
    "review_backlog": lambda log: log.moderated()[1],
    "cascade_depth_max": lambda log: max(log.depths()[0].values()),
    "cascade_breadth_max": lambda log: log.breadth(),
    "cascade_branching": lambda log: sum(log.depths()[1].values()) / len(log.depths()[1]),
    "planned_uploads": lambda log: sum(row["plan"] > 0 for row in log.created),
}  # fmt: skip


def test_every_metric_of_governance_equals_its_plain_python_reference(governed):
    log, readings = Log(governed), measure(read_run(governed))
    wrong = {}
    for name, reference in REFERENCES.items():
        found, expected = readings[name].value, reference(log)
        assert expected, f"{name}: nothing of it happened, so the test says nothing"
        if found != pytest.approx(expected, rel=1e-9, abs=1e-6):
            wrong[name] = (found, expected)
    assert wrong == {}


def test_every_metric_of_governance_has_a_reference():
    assert set(REFERENCES) == {name for name, one in METRICS.items() if one.family == "governance"}
