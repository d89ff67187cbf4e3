"""Governance policies: what the platform does about trends."""

from feedtwin.policies.governance.settings import GovernanceSettings
from feedtwin.policies.governance.strategies import NoControl, Proactive, Reactive

__all__ = ["GovernanceSettings", "NoControl", "Proactive", "Reactive"]
