"""A predictor that is paid by the call, while the money lasts; then the naive one. Spec LLM-4 (degradation), EXP-2.

The stand-in for a predictor behind a budget: what a call would cost is a parameter, nothing is spent.
"""

from feedtwin.policies.forecast.heuristic import Heuristic
from feedtwin.policies.forecast.rules import Rules
from feedtwin.policies.forecast.settings import ForecastSettings
from feedtwin.policies.interface import Forecast, View, policy

_MICRO = 1_000_000


@policy("forecast", "metered", section="forecast")
class Metered:
    """The rules while a budget of calls lasts, then the naive baseline for the rest of the run."""

    def __init__(self, settings: ForecastSettings) -> None:
        self.settings = settings
        self._paid, self._free = Rules(settings), Heuristic(settings)
        price = round(settings.call_usd * _MICRO)
        budget = round(settings.budget_usd * _MICRO)
        self.calls = budget // price if price else None
        """Calls that the budget covers; None where they cost nothing."""

    def forecast(self, view: View) -> Forecast:
        """One call per forecast since step 0 has been made, this one not counted."""
        made = view.step // max(self.settings.every_steps, 1)
        covered = self.calls is None or made < self.calls
        return (self._paid if covered else self._free).forecast(view)
