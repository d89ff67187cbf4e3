"""Worlds by name: one YAML file each, read through `feedtwin.schema.settings`."""
