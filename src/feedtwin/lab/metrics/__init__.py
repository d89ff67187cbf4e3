"""Metrics of one run: a number with a unit, and what it is a number of.

Listing is explicit: this file imports the families, and each declares its metrics with `@metric`.
"""

from feedtwin.lab.metrics import (  # noqa: F401 - importing a family lists its metrics
    attention,
    concentration,
    diversity,
    engagement,
    governance,
    sessions,
    supply,
)
from feedtwin.lab.metrics.metric import (
    METRICS,
    Metric,
    Reading,
    listed_metrics,
    measure,
    warnings_of,
)

__all__ = ["METRICS", "Metric", "Reading", "listed_metrics", "measure", "warnings_of"]
