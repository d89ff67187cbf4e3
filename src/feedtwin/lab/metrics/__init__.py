"""Metrics of one run: a number with a unit, and what it is a number of.

Each module named in `metric.FAMILIES` declares its metrics with `@metric`; a new family is one more file
and one more name there.
"""

from importlib import import_module

from feedtwin.lab.metrics.metric import (
    FAMILIES,
    METRICS,
    Metric,
    Reading,
    listed_metrics,
    measure,
    warnings_of,
)

for _family in FAMILIES:  # importing a family lists its metrics
    import_module(f"{__name__}.{_family}")

__all__ = ["METRICS", "Metric", "Reading", "listed_metrics", "measure", "warnings_of"]
