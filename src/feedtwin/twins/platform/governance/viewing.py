"""What policies of governance and campaigns may see beside what every policy sees."""

from dataclasses import replace

from feedtwin.columns import Columns, policy_view
from feedtwin.policies.interface import View
from feedtwin.twins.part import Sight


def governance_view(
    sight: Sight,
    step: int,
    *,
    trends: Columns,
    forecast: Columns | None = None,
    interventions: Columns | None = None,
) -> View:
    """Return the view of a step with trends and, where they are given, forecast and interventions."""
    view: View = sight.view(step)
    return replace(
        view,
        trends=policy_view(trends),
        forecast=None if forecast is None else policy_view(forecast),
        interventions=None if interventions is None else policy_view(interventions),
    )
