"""Behaviours: what users do with what they are shown."""

from feedtwin.policies.behaviour.kernel import Kernel

__all__ = ["Kernel"]
