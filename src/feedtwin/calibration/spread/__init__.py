"""How hashtags and shares spread, fitted to series: which patterns, and what is fitted to them.

Fitting itself is that of `calibration.ecosystem`; plan, patterns and simulated worlds are this level's own.
"""
