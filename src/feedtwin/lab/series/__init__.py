"""Runs beside real series, and forecasts of real series scored: reads run folders, and `feedtwin.calibration.series`."""
