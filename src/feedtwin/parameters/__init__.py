"""Every number of the simulation with unit, bounds, source and status: one YAML file per part.

`presets/` holds named overlays. Read both through `feedtwin.schema.parameters`.
"""
