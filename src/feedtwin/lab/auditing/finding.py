"""What an audit says: one finding per check, in words."""

from dataclasses import dataclass

PASSED, FAILED, SKIPPED = "passed", "FAILED", "not checked"


@dataclass(frozen=True)
class Finding:
    """One check.

    Attributes:
        check: What was checked.
        state: PASSED, FAILED or SKIPPED.
        words: What was found; of a failure, what was expected and what it means; of a skip, why.
    """

    check: str
    state: str
    words: str


@dataclass(frozen=True)
class Audit:
    """All findings about a run or a study."""

    path: str
    kind: str
    findings: tuple[Finding, ...]
    calibration: str

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return all(one.state != FAILED for one in self.findings)


def judged(check: str, problems: list[str], fine: str) -> Finding:
    """Return a finding that failed if there are problems; the first few are told."""
    if not problems:
        return Finding(check, PASSED, fine)
    more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
    return Finding(check, FAILED, "; ".join(problems[:3]) + more)
