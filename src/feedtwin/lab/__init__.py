"""Asking questions of runs: launching one, and measuring what it left behind.

The lab reads run folders, never the live state of a twin: what it needs is an event or a table.
"""
