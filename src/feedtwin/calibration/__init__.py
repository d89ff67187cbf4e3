"""Calibration: the encounter fitted to a real log, and the preset that carries what was fitted."""
