"""Metrics of money and governance against plain-Python references that read the event log, not the totals."""

from collections import Counter

import pytest

import feedtwin
from feedtwin.lab.cascades import cascades, share_trees
from feedtwin.lab.foresight import foresight
from feedtwin.lab.metrics import METRICS, measure
from feedtwin.lab.run_data import read_run
from feedtwin.record.reader import Run
from feedtwin.schema.codes import GuardResult, SocialActivityKind, TransactionKind, TrendLifecycle

SHARED = SocialActivityKind.VIDEO_SHARED
FAMILIES = ("money", "governance")
SETS = (
    "trends.emergence_gate=3", "forecast.floor=3", "reactions.report_rate=0.3",
    "moderation.capacity=30", "content.toxicity_tail=2",
)  # fmt: skip
USD = 1_000_000
NOT_IN_THE_LOG = ("reviews", "review_backlog")
"""A reviewer's decision looks like any other intervention there; `test_moderation.py` counts them."""


class Books:
    """Transactions and governance of a run as lists of mappings."""

    def __init__(self, path):
        self.path, run = path, Run.open(path)
        self.moved = run.events("TRANSACTION_COMPLETED").to_pylist()
        self.served = run.events("IMPRESSION_SERVED").to_pylist()
        self.met = [
            *run.events("VIDEO_WATCHED").to_pylist(), *run.events("VIDEO_SKIPPED").to_pylist()
        ]  # fmt: skip
        self.acted = run.events("GOVERNANCE_ACTION_APPLIED").to_pylist()
        self.reported = run.events("CONTENT_REPORTED").to_pylist()
        self.trends = run.events("TREND_STATE_CHANGED").to_pylist()
        self.created = run.events("VIDEO_CREATED").to_pylist()
        self.items = run.table("items").to_pylist()
        self.started = {row["user"] for row in run.events("SESSION_STARTED").to_pylist()}
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

    def paid(self, *kinds):
        return sum(row["amount_microusd"] for row in self.moved if row["kind"] in kinds) / USD

    def to_creators(self):
        return sum(row["share_microusd"] for row in self.moved) / USD

    def by_creator(self, *kinds):
        got = Counter()
        for row in self.moved:
            if row["kind"] in kinds:
                got[row["recipient"]] += row["share_microusd"]
        return [got[creator] for creator in {r["creator"] for r in self.items if r["is_public"]}]

    def guards(self, *results):
        return sum(row["guard"] in results for row in self.acted)

    def ads(self):
        placed = {
            (row["user"], row["request"], row["slot"]) for row in self.served if row["inserted"]
        }
        return sum((row["user"], row["request"], row["slot"]) in placed for row in self.met)


def gini_of_pairs(values):
    count, mean = len(values), sum(values) / len(values)
    return sum(abs(a - b) for a in values for b in values) / (2 * count * count * mean)


K = TransactionKind
EARNED = (K.AD, K.GIFT, K.LIVE, K.SUBSCRIPTION, K.CREATOR_FUND)
SPENT = (K.GIFT, K.LIVE, K.SUBSCRIPTION, K.PURCHASE)
REFERENCES = {
    "ad_revenue": lambda b: b.paid(K.AD),
    "gift_revenue": lambda b: b.paid(K.GIFT, K.LIVE),
    "subscription_revenue": lambda b: b.paid(K.SUBSCRIPTION),
    "purchase_revenue": lambda b: b.paid(K.PURCHASE),
    "creator_payments": lambda b: b.to_creators(),
    "ad_load_realised": lambda b: b.ads() / len(b.met),
    "arpu_day": lambda b: b.paid(K.AD, *SPENT) / len(b.started) / b.days,
    "payer_share": lambda b: (
        len({row["user"] for row in b.moved if row["kind"] in SPENT}) / len(b.started)
    ),
    "gift_gini_creators": lambda b: gini_of_pairs(b.by_creator(K.GIFT, K.LIVE)),
    "earnings_gini_creators": lambda b: gini_of_pairs(b.by_creator(*EARNED)),
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
def books(tmp_path_factory):
    path = tmp_path_factory.mktemp("levers") / "run"
    feedtwin.run("everything", users=150, steps=40, seed=8, out=path, threads=1, sets=SETS)
    return Books(path)


@pytest.fixture(scope="module")
def readings(books):
    return measure(read_run(books.path))


@pytest.mark.parametrize("name", REFERENCES)
def test_a_metric_of_a_lever_equals_its_plain_python_reference(name, books, readings):
    expected = REFERENCES[name](books)
    assert readings[name].value == pytest.approx(expected, rel=1e-6, abs=2e-6), readings[name]


def test_the_run_has_money_reports_and_interventions(books):
    assert {row["kind"] for row in books.moved} >= {K.AD, K.GIFT}
    assert books.reported and books.acted and books.trends


def test_every_metric_of_the_levers_has_a_reference():
    listed = {name for name, one in METRICS.items() if one.family in FAMILIES}
    assert listed == set(REFERENCES) | set(NOT_IN_THE_LOG)
