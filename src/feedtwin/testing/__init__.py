"""Contract checks for authors of plug-ins (`check_policy`, `check_task`), and generated inputs; no run imports this."""

from feedtwin.testing.contracts import Finding, Report, check_policy, examine_policy
from feedtwin.testing.tasks import check_task

__all__ = ["Finding", "Report", "check_policy", "check_task", "examine_policy"]
