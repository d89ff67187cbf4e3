"""Worlds simulated to judge a preset, and the judgement: what `feedtwin validate` does."""
