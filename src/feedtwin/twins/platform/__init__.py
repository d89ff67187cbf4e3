"""The Platform twin: runs the levers, learns what it can about users, keeps the books."""

from feedtwin.twins.platform.twin import PlatformConfig, PlatformTwin

__all__ = ["PlatformConfig", "PlatformTwin"]
