"""The world: four twins in one order, and the runs it makes."""
