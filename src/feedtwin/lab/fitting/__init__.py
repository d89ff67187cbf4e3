"""Worlds simulated to be compared with a log: the jobs, and the fit of the ecosystem's parameters with them."""
