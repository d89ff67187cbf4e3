"""The Content twin: videos, what they are like, and what became of them."""

from feedtwin.twins.content.twin import ContentConfig, ContentTwin

__all__ = ["ContentConfig", "ContentTwin"]
