"""The Interaction twin: what happens when a user meets a video."""

from feedtwin.twins.interaction.twin import InteractionConfig, InteractionTwin

__all__ = ["InteractionConfig", "InteractionTwin"]
