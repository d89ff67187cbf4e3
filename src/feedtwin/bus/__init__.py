"""The bus: typed batches, delivered in a fixed order. Only the world publishes."""

from feedtwin.bus.bus import Bus, Published

__all__ = ["Bus", "Published"]
