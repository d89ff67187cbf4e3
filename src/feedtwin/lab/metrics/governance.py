"""What governance senses and does: trends, forecasts, interventions, moderation, cascades, plans.

A lead time means nothing without precision and false alarms, so all three are here. Scores of forecasts against
realised growth need the log: see `feedtwin.lab.foresight`.
"""

from feedtwin.lab.metrics.metric import metric, ratio
from feedtwin.lab.run_data import RunData


@metric(
    "trends_emerged",
    "trends that emerged",
    unit="count",
    direction="neither",
    formula="entries of a hashtag, sound or category into emergence during the run",
    needs="trends_emerged",
    empty=0,
    headline=False,
)
def trends_emerged(data: RunData) -> float | None:
    """Trends that emerged; 0 also where none are tracked."""
    return data["trends_emerged"]


@metric(
    "forecast_precision",
    "forecasts come true",
    unit="share",
    direction="higher",
    formula="judged forecasts whose key reached its peak within the horizon / judged forecasts",
    needs="forecasts_true forecasts_false",
    headline=False,
)
def forecast_precision(data: RunData) -> float | None:
    """Share of first alarms that came true in time."""
    return ratio(data["forecasts_true"], data["forecasts_true"] + data["forecasts_false"])


@metric(
    "forecast_lead_h",
    "lead of forecasts",
    unit="h",
    direction="higher",
    formula="mean of (step of the peak - step of the first alarm) over forecasts that came true",
    needs="forecast_lead_steps forecasts_true",
    headline=False,
)
def forecast_lead_h(data: RunData) -> float | None:
    """Mean hours between the first alarm and the peak."""
    return ratio(data["forecast_lead_steps"], data["forecasts_true"])


@metric(
    "forecast_false_alarms",
    "false alarms",
    unit="count",
    direction="lower",
    formula="judged forecasts whose key did not reach its peak within the horizon",
    needs="forecasts_false",
    empty=0,
    headline=False,
)
def forecast_false_alarms(data: RunData) -> float | None:
    """First alarms that came to nothing."""
    return data["forecasts_false"]


@metric(
    "forecast_brier",
    "Brier score of forecasts",
    unit="share",
    direction="lower",
    formula="mean over judged forecasts of (confidence - came true)^2, each in whole millionths",
    needs="forecast_brier_micro forecasts_true forecasts_false",
    headline=False,
)
def forecast_brier(data: RunData) -> float | None:
    """Squared error of the confidence; 0.25 is a coin that says one half."""
    judged = data["forecasts_true"] + data["forecasts_false"]
    return ratio(data["forecast_brier_micro"] / 1_000_000, judged)


@metric(
    "interventions",
    "interventions",
    unit="count",
    direction="neither",
    formula="governance actions that were done, as asked or clipped, moderation included",
    needs="interventions_passed interventions_clipped",
    empty=0,
    headline=False,
)
def interventions(data: RunData) -> float | None:
    """What governance did."""
    return data["interventions_passed"] + data["interventions_clipped"]


@metric(
    "interventions_clipped",
    "interventions clipped",
    unit="count",
    direction="neither",
    formula="governance actions that the guard rails made smaller or shorter",
    needs="interventions_clipped",
    empty=0,
    headline=False,
)
def interventions_clipped(data: RunData) -> float | None:
    """What guard rails clipped."""
    return data["interventions_clipped"]


@metric(
    "interventions_blocked",
    "interventions blocked",
    unit="count",
    direction="neither",
    formula="governance actions that the guard rails did not let pass",
    needs="interventions_blocked",
    empty=0,
    headline=False,
)
def interventions_blocked(data: RunData) -> float | None:
    """What guard rails stopped."""
    return data["interventions_blocked"]


@metric(
    "reports",
    "reports",
    unit="count",
    direction="lower",
    formula="reports of items by users",
    needs="reports",
    empty=0,
    headline=False,
)
def reports(data: RunData) -> float | None:
    """Reports filed."""
    return data["reports"]


@metric(
    "reviews",
    "reviews",
    unit="count",
    direction="neither",
    formula="open reports that reviewers decided",
    needs="reviews",
    empty=0,
    headline=False,
)
def reviews(data: RunData) -> float | None:
    """Reports decided."""
    return data["reviews"]


@metric(
    "review_backlog",
    "reports waiting",
    unit="count",
    direction="lower",
    formula="videos with open reports at the end",
    needs="review_backlog",
    empty=0,
    headline=False,
)
def review_backlog(data: RunData) -> float | None:
    """Length of the moderation queue."""
    return data["review_backlog"]


@metric(
    "cascade_depth_max",
    "deepest cascade",
    unit="shares",
    direction="neither",
    formula="longest chain of shares of one video; young cascades still grow",
    needs="cascade_depth_max",
    empty=0,
    headline=False,
)
def cascade_depth_max(data: RunData) -> float | None:
    """Depth of the deepest share tree."""
    return data["cascade_depth_max"]


@metric(
    "cascade_breadth_max",
    "broadest cascade",
    unit="users",
    direction="neither",
    formula="most sharers of one video at one depth",
    needs="cascade_breadth_max",
    empty=0,
    headline=False,
)
def cascade_breadth_max(data: RunData) -> float | None:
    """Breadth of the broadest share tree."""
    return data["cascade_breadth_max"]


@metric(
    "cascade_branching",
    "branching of cascades",
    unit="shares",
    direction="neither",
    formula="shares that came of a share / shares of which at least one came",
    needs="cascade_children cascade_parents",
    headline=False,
)
def cascade_branching(data: RunData) -> float | None:
    """Mean offspring of shares that have any."""
    return ratio(data["cascade_children"], data["cascade_parents"])


@metric(
    "planned_uploads",
    "uploads by plan",
    unit="count",
    direction="neither",
    formula="videos created that carry a campaign plan",
    needs="planned_uploads",
    empty=0,
    headline=False,
)
def planned_uploads(data: RunData) -> float | None:
    """Uploads that follow a campaign plan."""
    return data["planned_uploads"]
