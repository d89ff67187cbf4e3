"""The ecosystem's parameters, fitted by simulation to summary patterns of a log.

A reference table of simulated worlds, an emulator of each pattern, history matching, then approximate Bayesian
computation with a local-linear adjustment; what comes out is judged by recovery. Nothing here knows how a world is run.
"""
