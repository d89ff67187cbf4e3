"""Metrics of governance against plain-Python references that read the event log, not the totals."""

import pytest

import feedtwin
from feedtwin.lab.cascades import cascades, share_trees
from feedtwin.lab.foresight import foresight
from feedtwin.lab.metrics import METRICS, measure
from feedtwin.lab.run_data import read_run
from feedtwin.record.reader import Run
from feedtwin.schema.codes import GuardResult, SocialActivityKind, TrendLifecycle

SHARED = SocialActivityKind.VIDEO_SHARED
SETS = (
    "trends.emergence_gate=3", "forecast.floor=3", "reactions.report_rate=0.3",
    "moderation.capacity=30", "content.toxicity_tail=2",
)  # fmt: skip
NOT_IN_THE_LOG = ("reviews", "review_backlog")
"""A reviewer's decision looks like any other intervention there; the tests of the queue count them."""


class Acts:
    """What governance saw and did in a run, as lists of mappings."""

    def __init__(self, path):
        self.path, run = path, Run.open(path)
        self.acted = run.events("GOVERNANCE_ACTION_APPLIED").to_pylist()
        self.reported = run.events("CONTENT_REPORTED").to_pylist()
        self.trends = run.events("TREND_STATE_CHANGED").to_pylist()
        self.created = run.events("VIDEO_CREATED").to_pylist()
        self.days = len(run.commits) / 24
        self.foresight = foresight(
            path, int(run.manifest["settings"]["parameters"]["forecast.horizon_steps"])
        )
        self.shapes = cascades(path).values()
        shared = run.sql(
            f"SELECT item, user, parent, step FROM social_activity WHERE kind = {int(SHARED)} ORDER BY item, step"
        )
        columns = {name: shared.column(name).to_numpy() for name in shared.column_names}
        self.trees = [tree.tolist() for _, tree in share_trees(**columns)]

    def guards(self, *results):
        return sum(row["guard"] in results for row in self.acted)


REFERENCES = {
    "trends_emerged": lambda b: sum(
        row["to_lifecycle"] == TrendLifecycle.EMERGENCE for row in b.trends
    ),
    "forecast_precision": lambda b: b.foresight.precision,
    "forecast_lead_h": lambda b: b.foresight.lead_h,
    "forecast_false_alarms": lambda b: b.foresight.false_alarms_per_day * b.days,
    "forecast_brier": lambda b: b.foresight.brier.score,
    "interventions": lambda b: b.guards(GuardResult.PASSED, GuardResult.CLIPPED),
    "interventions_clipped": lambda b: b.guards(GuardResult.CLIPPED),
    "interventions_blocked": lambda b: b.guards(GuardResult.BLOCKED),
    "reports": lambda b: len(b.reported),
    "cascade_depth_max": lambda b: max(shape.depth for shape in b.shapes),
    "cascade_breadth_max": lambda b: max(shape.breadth for shape in b.shapes),
    "cascade_branching": lambda b: (
        sum(child > 0 for tree in b.trees for child in tree)
        / sum(len({child for child in tree if child > 0}) for tree in b.trees)
    ),
    "planned_uploads": lambda b: sum(row["plan"] > 0 for row in b.created),
}


@pytest.fixture(scope="module")
def acts(tmp_path_factory):
    path = tmp_path_factory.mktemp("levers") / "run"
    feedtwin.run("everything", users=150, steps=40, seed=8, out=path, threads=1, sets=SETS)
    return Acts(path)


@pytest.fixture(scope="module")
def readings(acts):
    return measure(read_run(acts.path))


@pytest.mark.parametrize("name", REFERENCES)
def test_a_metric_of_a_lever_equals_its_plain_python_reference(name, acts, readings):
    expected = REFERENCES[name](acts)
    assert readings[name].value == pytest.approx(expected, rel=1e-6, abs=2e-6), readings[name]


def test_the_run_has_reports_trends_and_interventions(acts):
    assert acts.reported and acts.acted and acts.trends


def test_every_metric_of_the_levers_has_a_reference():
    listed = {name for name, one in METRICS.items() if one.family == "governance"}
    assert listed == set(REFERENCES) | set(NOT_IN_THE_LOG)
