"""Studies by name: one YAML file each (data only)."""
