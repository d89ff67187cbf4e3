"""What an audit found, as a report shows it."""

from feedtwin.lab.auditing.finding import FAILED, SKIPPED, Audit
from feedtwin.lab.figures.words import plural
from feedtwin.lab.reporting.document import AuditPart


def audit_part(found: Audit | None) -> AuditPart | None:
    """Return the part of a report about an audit; None where none was kept."""
    if found is None:
        return None
    failed = sum(one.state == FAILED for one in found.findings)
    skipped = sum(one.state == SKIPPED for one in found.findings)
    said = (
        "Nothing failed"
        if not failed
        else f"{failed} of {plural(len(found.findings), 'check')} failed"
    )
    if skipped:
        said += f"; {skipped} could not be checked"
    return AuditPart(f"{said}.", [(one.state, one.check, one.words) for one in found.findings])
