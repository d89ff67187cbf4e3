"""Every number of the simulation with unit, bounds, source and status: one YAML file per part.

`presets/` holds presets by name. Read them through `feedtwin.schema.parameters` and `feedtwin.schema.presets`.
"""
