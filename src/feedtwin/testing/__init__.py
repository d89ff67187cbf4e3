"""For tests of worlds and of policies: `check_policy` holds a policy of your own to its contract."""

from feedtwin.testing.contracts import Finding, Report, check_policy, examine_policy

__all__ = ["Finding", "Report", "check_policy", "examine_policy"]
