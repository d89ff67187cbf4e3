"""The User twin: people, their sessions, what they learn and remember."""

from feedtwin.twins.user.twin import UserConfig, UserTwin

__all__ = ["UserConfig", "UserTwin"]
