"""Audits: is a run or a study what it claims to be? Findings in words, one per check."""

from feedtwin.lab.auditing.auditing import audit
from feedtwin.lab.auditing.finding import FAILED, PASSED, SKIPPED, Audit, Finding

__all__ = ["FAILED", "PASSED", "SKIPPED", "Audit", "Finding", "audit"]
