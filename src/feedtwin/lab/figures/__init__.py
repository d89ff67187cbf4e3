"""Figures: each a function from tidy data to a `Chart`, which has its numbers as CSV and draws itself.

One drawing serves a page in both colour schemes, a phone, and print (PDF, SVG). A figure that has no data is None.
"""

from feedtwin.lab.figures.adoption import adoption, adoption_of
from feedtwin.lab.figures.basis import basis_of_run, basis_of_study
from feedtwin.lab.figures.budget import budget_burn_down
from feedtwin.lab.figures.chart import Basis, Chart
from feedtwin.lab.figures.earnings import earnings_of_run
from feedtwin.lab.figures.forest import forest
from feedtwin.lab.figures.hours import hours
from feedtwin.lab.figures.lorenz import lorenz_of_arms, lorenz_of_run
from feedtwin.lab.figures.over_time import effects_over_time
from feedtwin.lab.figures.quantiles import quantiles_of_arms
from feedtwin.lab.figures.series import calibration_of_forecasts, pattern_ecdf
from feedtwin.lab.figures.stages import exposure_stages
from feedtwin.lab.figures.trends import trend_lifecycle

__all__ = [
    "Basis", "Chart", "adoption", "adoption_of", "basis_of_run", "basis_of_study", "budget_burn_down",
    "calibration_of_forecasts", "earnings_of_run", "effects_over_time", "exposure_stages", "forest", "hours", "lorenz_of_arms",
    "lorenz_of_run", "pattern_ecdf", "quantiles_of_arms", "trend_lifecycle",
]  # fmt: skip
