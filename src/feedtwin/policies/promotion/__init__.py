"""Promotion policies: how large an audience an upload gets."""

from feedtwin.policies.promotion.staged import Staged, StagedSettings, Unstaged

__all__ = ["Staged", "StagedSettings", "Unstaged"]
