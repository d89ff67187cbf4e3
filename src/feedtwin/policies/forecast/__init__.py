"""Forecast policies: which trends are coming. They inform; governance decides."""

from feedtwin.policies.forecast.heuristic import Heuristic
from feedtwin.policies.forecast.llm import Consulting
from feedtwin.policies.forecast.metered import Metered
from feedtwin.policies.forecast.rules import Rules
from feedtwin.policies.forecast.settings import ForecastSettings

__all__ = ["Consulting", "ForecastSettings", "Heuristic", "Metered", "Rules"]
