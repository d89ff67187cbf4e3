"""What a run leaves behind: journal, event log, registry, run folder, and the reader over them.

The journal is the truth (state is a function of it, the settings and the seed); everything else here is an
output that can be verified against it or rebuilt from it.
"""
