"""Trends and cascades of a platform beside those of the twin: what they look like, and how well trends are foreseen.

Everything here works on the neutral tables of `feedtwin.datasets.series`, whether a file or a run filled them; it knows no
run folder. `feedtwin.lab.series` reads runs, scores and compares.
"""
